"""Sealed files from outside, without their keys: which they are, whose rows they hold and where.

Wherever they lie.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import re2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import SealError
from tasks.keystore.keys import ID_BYTES, SubjectKey
from tasks.sealed.packing import Layout, unpack
from tasks.sealed.rows import DATASET, LAYOUT, MAC, SCHEMA, bound_to
from tasks.sealed.stored_pages import UnknownPageError, find_place, is_plain, read_values

HALF = np.dtype([("first", "<u8"), ("second", "<u8")])
Ids = np.ndarray[Any, np.dtype[np.void]]
# RE2 reads patterns as UTF-8 by default, in which most key ids are no text. As Latin-1 each byte is
# one character.
BYTES_AS_THEY_ARE = re2.Options()
BYTES_AS_THEY_ARE.encoding = re2.Options.Encoding.LATIN1
# So many are looked for one after the other faster than a column is decoded: those of one person.
FEW_IDS = 4
# So many of a row group are read from their pages faster than the group is decoded.
FEW_ROWS = 4
FindKeys = Callable[[set[bytes]], dict[bytes, SubjectKey]]
# Returns those of some packed rows that are worth unpacking.
Sift = Callable[[list[bytes]], list[bytes]]


@dataclass(frozen=True)
class SealedFile:
    """A sealed file's own words about itself.

    Its rows are trusted one by one, when their keys open them.
    """

    shown: str
    file: pq.ParquetFile
    dataset: str
    layout: bytes
    code: str  # its authentication code: another file has another
    path: Path | None = None  # of a file of this machine

    @classmethod
    def open(cls, source: Path | IO[bytes], shown: str | None = None) -> "SealedFile":
        """Open a sealed file.

        Raises:
            SealError: It is none.
        """
        name = shown or str(source)
        try:
            file = pq.ParquetFile(source)
            found = file.metadata.metadata or {}
            words = found[DATASET].decode(), found[LAYOUT], found[MAC].decode()
            # Both are used before a row is authenticated. Anybody's Parquet file may lie where an
            # erasure searches: what is no sealed file has to be told here, as one that is none.
            Layout.from_json(found[LAYOUT])
            # Nor more columns: an erasure passes over what is sealed, and would over these.
            if file.schema_arrow.names != SCHEMA.names:
                raise ValueError("other columns")
            return cls(name, file, *words, path=source if isinstance(source, Path) else None)
        except (pa.ArrowException, KeyError, OSError, ValueError) as error:
            raise SealError(
                name,
                expected="a sealed dataset",
                found=type(error).__name__,
                remedy="Run `dvc checkout`.",
            ) from None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.file.metadata.num_rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(name for name, _, _ in Layout.from_json(self.layout).columns)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The names of its columns of texts."""
        layout = Layout.from_json(self.layout)
        return tuple(name for name, kind, _ in layout.columns if kind == "text")

    def key_ids(self) -> set[bytes]:
        """Return whose rows there are, by key id."""
        found: set[bytes] = set()
        for group in range(self.file.num_row_groups):
            found.update(self._ids(group).view(f"V{ID_BYTES}").ravel().tolist())
        return found

    def places(self, wanted: Collection[bytes]) -> dict[bytes, list[int]]:
        """Return at which rows the wanted key ids stand; those that stand nowhere are absent.

        Reads the ids only.
        """
        # Two ways to one answer. An erasure of one person looks through every version of every
        # dataset, so that the first way decides how long it takes; where it does not apply, all ids
        # are decoded.
        if len(wanted) <= FEW_IDS and (stored := self._stored_places(wanted)) is not None:
            return stored
        needles = _Needles(wanted)
        places: dict[bytes, list[int]] = {}
        start = 0
        for group in range(self.file.num_row_groups):
            ids = self._ids(group)
            for place in needles.near(ids):
                key_id = ids[place].tobytes()
                # Sifted by the first half alone: the whole id decides.
                if key_id in wanted:
                    places.setdefault(key_id, []).append(start + int(place))
            start += len(ids)
        return places

    def unseal(self, places: Collection[int], keys: dict[bytes, SubjectKey]) -> pd.DataFrame:
        """Return the rows at `places` whose keys are given; each is authenticated by itself."""
        return unpack(self.open_rows(places, keys), Layout.from_json(self.layout))

    def open_rows(self, places: Collection[int], keys: dict[bytes, SubjectKey]) -> list[bytes]:
        """Return the same as they are packed, by the file's layout."""
        bound = bound_to(self.dataset, self.layout)
        rows = []
        start = 0
        for group in range(self.file.num_row_groups):
            length = self.file.metadata.row_group(group).num_rows
            inside = [place - start for place in places if start <= place < start + length]
            if inside:
                for place, key_id, row in self._stored_rows(group, inside):
                    if key_id in keys:
                        # Rows are opened here without the file's authentication code: an erasure
                        # works on versions of which some rows were altered, too. The position is
                        # part of what each row is bound to, so that none can stand for another.
                        data = bound + key_id + (start + place).to_bytes(8)
                        rows.append(self._opened(keys[key_id].cipher, row, data, start + place))
            start += length
        return rows

    def _stored_rows(self, group: int, places: list[int]) -> Iterable[tuple[int, bytes, bytes]]:
        """Return places of a row group with the key id and the sealed row that stand there."""
        if self.path is not None and self._is_stored_as_ours and len(places) <= FEW_ROWS:
            chunks = self.file.metadata.row_group(group)
            # Where a page is none of those that we write, the columns are decoded.
            with suppress(UnknownPageError), self.path.open("rb", buffering=0) as stream:
                key_ids = read_values(stream, chunks.column(0), places, width=ID_BYTES)
                rows = read_values(stream, chunks.column(1), places)
                return [(place, key_ids[place], rows[place]) for place in places]
        table = self._read_group(group, SCHEMA.names).take(places)
        return zip(places, table["key"].to_pylist(), table["row"].to_pylist(), strict=True)

    def iter_others(
        self, own_ids: Collection[bytes], find_keys: FindKeys, sift: Sift | None = None
    ) -> Iterator[tuple[pd.DataFrame, list[bytes]]]:
        """Yield the rows of others, a row group at a time, and the ids of those not opened.

        Args:
            own_ids: Keys whose rows are passed over.
            find_keys: Returns the keys that exist, of those that are asked for.
            sift: Chooses among opened rows, as they are packed, those that are yielded: to unpack
                them takes as long as to open them.

        Raises:
            SealError: A row was altered or moved, or a group does not parse.
        """
        layout = Layout.from_json(self.layout)
        bound = bound_to(self.dataset, self.layout)
        passed_over = frozenset(own_ids)
        start = 0
        for group in range(self.file.num_row_groups):
            table = self._read_group(group, SCHEMA.names)
            ids = table["key"].to_numpy().tolist()
            keys = find_keys(set(ids) - passed_over)

            rows = []
            closed_ids = []
            for place, (key_id, row) in enumerate(
                zip(ids, table["row"].to_numpy().tolist(), strict=True), start
            ):
                if (key := keys.get(key_id)) is not None:
                    data = bound + key_id + place.to_bytes(8)
                    rows.append(self._opened(key.cipher, row, data, place))
                elif key_id not in passed_over:
                    closed_ids.append(key_id)
            start += len(ids)
            yield unpack(sift(rows) if sift else rows, layout), closed_ids

    def _read_group(self, group: int, columns: list[str]) -> pa.Table:
        try:
            return self.file.read_row_group(group, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise SealError(
                self.shown,
                expected=f"a whole row group {group}",
                found=type(error).__name__,
                remedy="Run `dvc checkout`.",
            ) from None

    def _opened(self, cipher: AESGCM, row: bytes, data: bytes, place: int) -> bytes:
        try:
            return cipher.decrypt(row[:12], row[12:], data)
        # A ValueError where the row is shorter than a nonce: no code of the file is checked here.
        except (InvalidTag, ValueError):
            raise SealError(
                f"{self.shown}, row {place}",
                expected="the row that was sealed here",
                found="an altered or moved one",
                remedy="Run `dvc checkout`; look for who or what wrote into it.",
            ) from None

    def _stored_places(self, wanted: Collection[bytes]) -> dict[bytes, list[int]] | None:
        """Return at which rows wanted key ids stand, by their bytes in the column of ids.

        To look for the bytes of one is seven times as fast as to decode the column.

        Returns:
            None where that cannot be told: elsewhere than on this machine, or if the column is
            stored otherwise than we do.
        """
        if self.path is None or not self._is_stored_as_ours:
            return None
        chunks = [
            self.file.metadata.row_group(group).column(0)
            for group in range(self.file.num_row_groups)
        ]
        patterns = {key_id: re2.compile(re2.escape(key_id), BYTES_AS_THEY_ARE) for key_id in wanted}
        places: dict[bytes, list[int]] = {}
        stored = bytearray(max((chunk.total_compressed_size for chunk in chunks), default=0))
        start = 0
        with self.path.open("rb", buffering=0) as stream:
            for chunk in chunks:
                size = chunk.total_compressed_size
                # From the first data page on: `is_plain` says that there is no page of a dictionary
                # before it.
                stream.seek(chunk.data_page_offset)
                # Cut short meanwhile: to decode it says so.
                if not is_plain(chunk) or stream.readinto(memoryview(stored)[:size]) != size:
                    return None
                try:
                    for key_id, pattern in patterns.items():
                        for offset in _offsets(pattern, stored, size):
                            place = find_place(stored, size, offset, ID_BYTES)
                            if place is not None:
                                places.setdefault(key_id, []).append(start + place)
                except UnknownPageError:
                    return None
                start += chunk.num_values
        return places

    @cached_property
    def _is_stored_as_ours(self) -> bool:
        """Whether key ids and rows are two columns without nulls, as we write them."""
        schema = self.file.schema
        return all(
            schema.column(number).name == name
            and schema.column(number).max_definition_level == 0
            and schema.column(number).length == width
            for number, (name, width) in enumerate((("key", ID_BYTES), ("row", 0)))
        )

    def _ids(self, group: int) -> Ids:
        column = self._read_group(group, ["key"])["key"]
        parts = []
        for chunk in column.chunks:
            # Before the buffer is read as ids: numpy would take any bytes for them.
            if chunk.type != pa.binary(ID_BYTES):
                raise SealError(
                    self.shown,
                    expected="key ids",
                    found=str(chunk.type),
                    remedy="Run `dvc checkout`.",
                )
            parts.append(
                np.frombuffer(chunk.buffers()[1], HALF, len(chunk), chunk.offset * ID_BYTES)
            )
        return np.concatenate(parts) if parts else np.empty(0, HALF)


def _offsets(pattern: Any, content: bytearray, size: int) -> Iterator[int]:
    """Yield where a pattern begins in the first bytes of a content, also within another hit."""
    start = 0
    while (hit := pattern.search(content, start, size)) is not None:
        yield hit.start()
        # By one, and not behind the hit: a hit across two ids may overlap the true place.
        start = hit.start() + 1


class _Needles:
    """Key ids to look for among many, sifted by their first two bytes: ids are random."""

    def __init__(self, wanted: Collection[bytes]) -> None:
        self._firsts = np.frombuffer(b"".join(wanted), HALF)["first"]
        # A table of all values of two bytes: with random ids and a thousand wanted, it lets one in
        # 65 through, for one look-up each.
        self._is_wanted = np.zeros(1 << 16, bool)
        self._is_wanted[self._firsts.astype(np.uint16)] = True

    def near(self, ids: Ids) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Return the places of ids whose first half is that of a wanted one."""
        firsts = ids["first"]
        if len(self._firsts) == 1:
            return np.flatnonzero(firsts == self._firsts[0])
        sifted = np.flatnonzero(self._is_wanted[firsts.astype(np.uint16)])
        return sifted[np.isin(firsts[sifted], self._firsts)]


def is_sealed(head: bytes, tail: bytes) -> bool:
    """Say whether a file may be a sealed one, by its first four bytes and its last kilobytes."""
    # Parquet keeps a file's own metadata in its footer, which stands at the end. A cheap look that
    # may be wrong: `SealedFile.open` decides.
    return head == b"PAR1" and DATASET in tail and MAC in tail
