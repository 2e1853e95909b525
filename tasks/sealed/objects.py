"""Sealed files from outside, without their keys: which they are, whose rows they hold and where.

Wherever they lie.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag

from tasks.errors import SealError
from tasks.keystore.keys import ID_BYTES, SubjectKey
from tasks.sealed.packing import Layout, unpack
from tasks.sealed.rows import DATASET, LAYOUT, MAC, bound_to

HALF = np.dtype([("first", "<u8"), ("second", "<u8")])
Ids = np.ndarray[Any, np.dtype[np.void]]
FindKeys = Callable[[set[bytes]], dict[bytes, SubjectKey]]


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
            return cls(name, file, found[DATASET].decode(), found[LAYOUT], found[MAC].decode())
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
        needles = np.frombuffer(b"".join(wanted), HALF)
        places: dict[bytes, list[int]] = {}
        start = 0
        for group in range(self.file.num_row_groups):
            ids = self._ids(group)
            if len(needles) == 1:
                near = np.flatnonzero(ids["first"] == needles["first"][0])
            else:
                near = np.flatnonzero(np.isin(ids["first"], needles["first"]))
            for place in near:
                key_id = ids[place].tobytes()
                if key_id in wanted:
                    places.setdefault(key_id, []).append(start + int(place))
            start += len(ids)
        return places

    def unseal(self, places: Collection[int], keys: dict[bytes, SubjectKey]) -> pd.DataFrame:
        """Return the rows at `places` whose keys are given; each is authenticated by itself."""
        layout, rows, start = Layout.from_json(self.layout), [], 0
        bound = bound_to(self.dataset, self.layout)
        for group in range(self.file.num_row_groups):
            length = self.file.metadata.row_group(group).num_rows
            inside = [place - start for place in places if start <= place < start + length]
            if inside:
                table = self.file.read_row_group(group, columns=["key", "row"]).take(inside)
                for place, key_id, row in zip(
                    inside, *(table[n].to_pylist() for n in ("key", "row")), strict=True
                ):
                    if key_id in keys:
                        data = bound + key_id + (start + place).to_bytes(8)
                        rows.append(self._opened(keys[key_id], row, data, start + place))
            start += length
        return unpack(rows, layout)

    def iter_others(
        self, own_ids: Collection[bytes], find_keys: FindKeys
    ) -> Iterator[tuple[pd.DataFrame, list[bytes]]]:
        """Yield the rows of others, a row group at a time, and the ids of those not opened.

        Args:
            own_ids: Keys whose rows are passed over.
            find_keys: Returns the keys that exist, of those that are asked for.

        Raises:
            SealError: A row was altered or moved, or a group does not parse.
        """
        layout = Layout.from_json(self.layout)
        bound = bound_to(self.dataset, self.layout)
        start = 0
        for group in range(self.file.num_row_groups):
            try:
                table = self.file.read_row_group(group, columns=["key", "row"])
            except (pa.ArrowException, OSError) as error:
                raise SealError(
                    self.shown,
                    expected=f"a whole row group {group}",
                    found=type(error).__name__,
                    remedy="Run `dvc checkout`.",
                ) from None
            ids = table["key"].to_pylist()
            keys = find_keys(set(ids) - set(own_ids))

            rows = []
            closed_ids = []
            for place, (key_id, row) in enumerate(
                zip(ids, table["row"].to_pylist(), strict=True), start
            ):
                if key_id in keys:
                    data = bound + key_id + place.to_bytes(8)
                    rows.append(self._opened(keys[key_id], row, data, place))
                elif key_id not in own_ids:
                    closed_ids.append(key_id)
            start += len(ids)
            yield unpack(rows, layout), closed_ids

    def _opened(self, key: SubjectKey, row: bytes, data: bytes, place: int) -> bytes:
        try:
            return key.cipher.decrypt(row[:12], row[12:], data)
        except InvalidTag:
            raise SealError(
                f"{self.shown}, row {place}",
                expected="the row that was sealed here",
                found="an altered or moved one",
                remedy="Run `dvc checkout`; look for who or what wrote into it.",
            ) from None

    def _ids(self, group: int) -> Ids:
        column = self.file.read_row_group(group, columns=["key"])["key"]
        parts = []
        for chunk in column.chunks:
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


def is_sealed(head: bytes, tail: bytes) -> bool:
    """Say whether a file may be a sealed one, by its first four bytes and its last kilobytes."""
    return head == b"PAR1" and DATASET in tail and MAC in tail
