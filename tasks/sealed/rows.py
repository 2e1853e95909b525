"""Sealed parquet: `(key id, nonce and ciphertext)` per row, AES-256-GCM.

Bound into every row: dataset, layout, key id and position, so that no row can stand elsewhere.
Bound into the file by one HMAC: how many rows there are, all key ids and all tags, so that none can
be left out.

The nonce is synthetic: keyed BLAKE2b (RFC 7693) under the subject's nonce key, over all that is
bound and the row itself. So a nonce repeats only with the same row at the same place of the same
dataset, where AES-GCM gives the same bytes and nothing away; and a rerun writes the same file.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import SealError
from tasks.keystore.keys import ID_BYTES, KEY_ID, NONCES, SEALING, KeyStore, Retention, SubjectKey
from tasks.sealed.packing import Layout, pack, unpack

CHUNK_ROWS = 65_536  # of a row group
KEYED_ROWS = 8 * CHUNK_ROWS  # whose keys are looked up at once: one pass over the table of keys
SLICE_ROWS = 8_192  # of a chunk, opened at a time
TAG_BYTES = 16  # of AES-GCM
NONCE_BYTES = 12
SUBJECT = "subject"
SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(ID_BYTES), nullable=False),
        pa.field("row", pa.binary(), nullable=False),
    ]
)
# Keys of the Parquet file's own metadata.
DATASET = b"portcullis.dataset"
LAYOUT = b"portcullis.layout"
MAC = b"portcullis.mac"


@dataclass(frozen=True)
class Opened:
    """Unsealed rows, and counts of those that can and cannot be read.

    Attributes:
        frame: The rows whose keys exist.
        unsealed: How many they are.
        shredded: How many rows cannot be read any more, because their subjects were erased.
        people_shredded: Whose rows those are; in a part of a file, without those of earlier parts.
    """

    frame: pd.DataFrame
    unsealed: int
    shredded: int
    people_shredded: int = 0


class SealedWriter:
    """Write a sealed dataset chunk by chunk.

    The file is complete only when the context ends without an error.
    """

    rows_at_once = CHUNK_ROWS  # of one row group: what is written by so many is cut nowhere else

    def __init__(
        self, path: Path, *, dataset: str, keys: KeyStore, retention: Retention = Retention.TRAINING
    ) -> None:
        self._path = path
        self._dataset = dataset
        self._keys = keys
        self._retention = retention
        self._layout: Layout | None = None
        self._writer: pq.ParquetWriter | None = None
        self._tags = hashlib.sha256()
        self.rows = 0

    def __enter__(self) -> "SealedWriter":
        return self

    def write(self, frame: pd.DataFrame) -> None:
        """Seal and append rows; every chunk has the columns and dtypes of the first."""
        # Refused, not sealed under some key of the installation: rows under a key that no erasure
        # destroys would outlive everybody in them.
        if SUBJECT not in frame or frame[SUBJECT].isna().any():
            raise SealError(
                self._dataset,
                expected=f"a `{SUBJECT}` for every row",
                found="rows without",
                remedy=(
                    "Rows about nobody known cannot be sealed, because they could not be erased."
                ),
            )

        layout = Layout.of(frame)
        if self._layout is None:
            self._layout = layout
            # Ciphertext does not compress, and statistics of it say nothing.
            self._writer = pq.ParquetWriter(
                self._path, SCHEMA, compression="none", use_dictionary=False, write_statistics=False
            )
        # The layout is bound into every row and stands once in the file: a chunk of other dtypes
        # would be unpacked as something else.
        if layout != self._layout:
            raise SealError(
                self._dataset,
                expected="the columns of the first chunk",
                found="others",
                remedy="Convert them.",
            )

        for start in range(0, len(frame), KEYED_ROWS):
            self._seal(frame.iloc[start : start + KEYED_ROWS], layout)

    def _seal(self, frame: pd.DataFrame, layout: Layout) -> None:
        """Seal rows, a row group at a time."""
        # One look-up for each person, not for each row.
        codes, people = pd.factorize(frame[SUBJECT])
        subjects = people.tolist()
        generation = None
        for start in range(0, len(frame), CHUNK_ROWS):
            # Again where somebody was erased meanwhile: no key is used after it was destroyed.
            if generation != (generation := self._keys.generation()):
                key_of = self._keys.for_subjects(subjects, self._retention)
                keys = [key_of[subject] for subject in subjects]
                key_ids = pa.array([key[KEY_ID] for key in keys], SCHEMA[0].type)

            chunk = frame.iloc[start : start + CHUNK_ROWS]
            chunk_codes = codes[start : start + CHUNK_ROWS]
            sealed = self._seal_rows(_pack_slices(chunk, layout), keys, chunk_codes, layout)
            table = pa.table(
                [
                    pa.chunked_array([key_ids.take(pa.array(chunk_codes))]),
                    pa.chunked_array(_take_slices(sealed), SCHEMA[1].type),
                ],
                schema=SCHEMA,
            )
            # Before they are written, in the order in which `_tags` reads them again: what this
            # digest holds is what the reader has to find.
            self._tags.update(_interleaved(table))
            self.rows += len(chunk)
            if self._writer is not None:
                self._writer.write_table(table)

    def _seal_rows(
        self, rows: list[bytes], keys: list[SubjectKey], codes: np.ndarray, layout: Layout
    ) -> list[bytes]:
        """Seal packed rows, each by the key that its code says, in their places; return them.

        What was packed is given up as it is sealed, so that a row group is not there twice.
        """
        bound = bound_to(self._dataset, layout.to_json())

        # The loop over all rows: nothing in it that could stand outside. Person by person: a cipher
        # is made once for all rows of theirs, and then forgotten.
        last_code = -1
        first = self.rows
        for code, place in _by_person(codes):
            if code != last_code:
                key = keys[code]
                head = bound + key[KEY_ID]
                encrypt = AESGCM(key[SEALING]).encrypt
                nonce_key = key[NONCES]
                last_code = code
            row = rows[place]
            data = head + (first + place).to_bytes(8)
            nonce = blake2b(data + row, key=nonce_key, digest_size=NONCE_BYTES).digest()
            rows[place] = nonce + encrypt(nonce, row, data)
        return rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is None or self._layout is None:
            return
        # Without its code nobody takes a half-written file for a whole one.
        if kind is None:
            # Into the footer, which Parquet writes last.
            layout = self._layout.to_json()
            mac = _mac(self._keys, self._dataset, layout, self.rows, self._tags.digest())
            self._writer.add_key_value_metadata(
                {DATASET: self._dataset.encode(), LAYOUT: layout, MAC: mac.hex().encode()}
            )
        self._writer.close()


def write_rows(
    frame: pd.DataFrame,
    path: Path,
    *,
    dataset: str,
    keys: KeyStore,
    retention: Retention = Retention.TRAINING,
) -> None:
    """Seal a frame, which has a `subject` column of pseudonyms, into one file.

    Equal input gives equal bytes.
    """
    with SealedWriter(path, dataset=dataset, keys=keys, retention=retention) as writer:
        writer.write(frame)


def read_rows(
    path: Path,
    *,
    dataset: str,
    keys: KeyStore,
    columns: tuple[str, ...] | None = None,
    keep: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> Opened:
    """Unseal a whole file into memory; rows of erased subjects are left out and counted.

    What `keep` returns of each part is what is kept: all of it, if that is left out.

    Raises:
        SealError: The file is of another dataset, or a row was altered, moved, added or left out;
            says where.
    """
    frames = []
    unsealed = shredded = people_shredded = 0
    for part in iter_rows(path, dataset=dataset, keys=keys, columns=columns):
        frames.append(part.frame if keep is None else keep(part.frame))
        unsealed += part.unsealed
        shredded += part.shredded
        people_shredded += part.people_shredded
        del part  # so that the frame lies in `frames` alone, from which it is taken
    return Opened(join_frames(frames), unsealed, shredded, people_shredded)


def columns_in(path: Path) -> tuple[str, ...]:
    """Return the columns that a sealed file says it has, before anything of it is authenticated.

    None at all where it is no sealed file: who reads its rows is told why.
    """
    try:
        layout = (pq.read_metadata(path).metadata or {})[LAYOUT]
        return tuple(name for name, _, _ in Layout.from_json(layout).columns)
    except (pa.ArrowException, KeyError, ValueError, OSError):
        return ()


def iter_rows(
    path: Path, *, dataset: str, keys: KeyStore, columns: tuple[str, ...] | None = None
) -> Iterator[Opened]:
    """Unseal a file row group by row group, in constant memory.

    At least one part is yielded, and a part may be empty: of an empty file it is. The file's own
    authentication is checked first, over the tags of all rows, before any row is yielded: a caller
    that stops early has rows of a whole file, too.

    Raises:
        SealError: As `read_rows` does.
    """
    sealed = check_file(path, dataset, keys)
    position = 0
    shredded_ids: set[bytes] = set()
    if sealed.file.num_row_groups == 0:
        yield Opened(unpack([], sealed.layout, columns), 0, 0)
    for group in range(sealed.file.num_row_groups):
        opened = _unseal(sealed, group, position, columns, keys, shredded_ids)
        position += opened.unsealed + opened.shredded
        yield opened


@dataclass(frozen=True)
class CheckedFile:
    """A sealed file that was found whole: its own authentication code is right."""

    file: pq.ParquetFile
    layout: Layout
    bound: bytes  # what binds each of its rows to the dataset
    shown: str

    def groups(self) -> Iterator[pa.Table]:
        """Yield its row groups, sealed."""
        for group in range(self.file.num_row_groups):
            yield from _read_group(self.file, group, self.shown)

    def key_ids(self, group: int) -> list[bytes]:
        """Return the key id of each row of a row group."""
        (table,) = _read_group(self.file, group, self.shown, columns=["key"])
        key_ids: list[bytes] = table["key"].to_numpy().tolist()
        return key_ids

    def slices(self, group: int) -> Iterator[pa.Table]:
        """Yield a row group some rows at a time: of what is sealed, no more is ever in memory."""
        return _read_group(self.file, group, self.shown, rows_at_once=SLICE_ROWS)


def check_file(path: Path, dataset: str, keys: KeyStore) -> CheckedFile:
    """Return a sealed file whose authentication code is right, over the tags of all rows.

    Raises:
        SealError: It is of another dataset, or was altered.
    """
    shown = f"{path.parent.name}/{path.name}"
    try:
        file = pq.ParquetFile(path)
        metadata = file.metadata.metadata or {}
        layout_json = metadata[LAYOUT]
        # The code covers the two columns that are read, and nothing beside them.
        if file.schema_arrow.names != SCHEMA.names:
            raise ValueError("other columns")
        mac = bytes.fromhex(metadata[MAC].decode())
        layout = Layout.from_json(layout_json)
        # All row groups are read once for this, before a row is opened. Each row's own seal says
        # that it was sealed at this place, and nothing of rows that are left out at the end.
        if not hmac.compare_digest(mac, _mac(keys, dataset, layout_json, *_tags(file, shown))):
            raise ValueError("the file's authentication code does not match")
    except (pa.ArrowException, KeyError, ValueError, OSError) as error:
        raise SealError(
            shown,
            expected=f"the whole sealed dataset {dataset}, as it was written here",
            found=(
                f"something else ({type(error).__name__}: altered, cut, of another dataset or "
                "installation)"
            ),
            remedy="Run `dvc checkout`, or restore the key store that belongs to this data.",
        ) from None

    return CheckedFile(file, layout, bound_to(dataset, layout_json), shown)


def join_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return frames of the same columns one below the other; `frames` is emptied on the way.

    A column at a time, and each part's is given up as soon as it is copied: at no time is there
    more than the result and one column twice.
    """
    # Without a copy: the frame that was read is the one that is returned.
    if len(frames) == 1:
        return frames.pop()

    parts = [{name: frame[name] for name in frame} for frame in frames]
    frames.clear()
    columns = {
        name: pd.concat([part.pop(name) for part in parts], ignore_index=True)
        for name in list(parts[0])
    }
    return pd.DataFrame(columns, copy=False)


def _unseal(
    sealed: CheckedFile,
    group: int,
    first: int,
    columns: tuple[str, ...] | None,
    keys: KeyStore,
    shredded_ids: set[bytes],
) -> Opened:
    """Unseal one row group; add to `shredded_ids` the keys that no longer exist."""
    ids = sealed.key_ids(group)
    different = set(ids)
    key_of = keys.by_id(different)
    count_before = len(shredded_ids)
    shredded_ids |= different - set(key_of)

    frame = open_group(
        sealed.slices(group),
        len(ids),
        first,
        sealed.bound,
        sealed.layout,
        columns,
        key_of,
        sealed.shown,
    )
    return Opened(
        frame,
        unsealed=len(frame),
        shredded=len(ids) - len(frame),
        # Over all row groups so far: a person whose rows lie in several is counted once.
        people_shredded=len(shredded_ids) - count_before,
    )


def slices_of(table: pa.Table) -> Iterator[pa.Table]:
    """Yield a table that is there whole some rows at a time: as many as are opened together."""
    return (table.slice(start, SLICE_ROWS) for start in range(0, len(table), SLICE_ROWS))


def open_group(
    slices: Iterable[pa.Table],
    rows: int,
    first: int,
    bound: bytes,
    layout: Layout,
    columns: tuple[str, ...] | None,
    key_of: Mapping[bytes, SubjectKey],
    shown: str,
) -> pd.DataFrame:
    """Return the rows of one row group, which begins at position `first`, that have a key.

    The group has so many `rows`, and is there some of them at a time.

    Raises:
        SealError: A row was altered or moved; says where.
    """
    # A cipher is kept where several rows share it; else it is made, used and forgotten.
    are_shared = 2 * len(key_of) <= rows
    decrypt_of = {key_id: key.cipher.decrypt for key_id, key in key_of.items() if are_shared}

    frames = []
    position = first
    # Some rows at a time: packed, opened and joined, a row lies in memory three times for a moment.
    for table in slices:
        opened_rows = []
        ids = table["key"].to_numpy().tolist()
        sealed_rows = table["row"].to_numpy().tolist()
        for place, (key_id, sealed) in enumerate(zip(ids, sealed_rows, strict=True), position):
            key = key_of.get(key_id)
            if key is None:
                continue
            try:
                decrypt = decrypt_of[key_id] if are_shared else key.cipher.decrypt
                data = bound + key_id + place.to_bytes(8)
                opened_rows.append(decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], data))
            except InvalidTag:
                raise SealError(
                    f"{shown}, row {place}",
                    expected="the row that was sealed here",
                    found="an altered or moved one",
                    remedy="Run `dvc checkout`; look for who or what wrote into it.",
                ) from None
        frames.append(unpack(opened_rows, layout, columns))
        position += len(ids)
    return join_frames(frames or [unpack([], layout, columns)])


def _by_person(codes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield every row's code and place, the rows of one code one after the other."""
    order = np.argsort(codes, kind="stable")
    return zip(codes[order].tolist(), order.tolist(), strict=True)


def _pack_slices(frame: pd.DataFrame, layout: Layout) -> list[bytes]:
    """Return packed rows. Some at a time: packed all at once, they are there three times."""
    rows: list[bytes] = []
    for start in range(0, len(frame), SLICE_ROWS):
        rows += pack(frame.iloc[start : start + SLICE_ROWS], layout)
    return rows


def _take_slices(rows: list[bytes]) -> list[pa.Array]:
    """Return rows as Arrow's, some in each array; the list is emptied on the way.

    Parquet's writer fills pages by 1,024 rows, and begins anew with an array: slices are multiples
    of that, so that the file's bytes do not depend on them.
    """
    rows.reverse()
    arrays = []
    while rows:
        # From the end: a list gives up its last entries without moving the others.
        some = rows[-SLICE_ROWS:]
        del rows[-SLICE_ROWS:]
        some.reverse()
        arrays.append(pa.array(some, SCHEMA[1].type))
    return arrays


def _read_group(
    file: pq.ParquetFile,
    group: int,
    where: str,
    *,
    rows_at_once: int | None = None,
    columns: list[str] = SCHEMA.names,
) -> Iterator[pa.Table]:
    """Yield a row group, or some rows of it at a time; what does not parse is a SealError."""
    try:
        if rows_at_once is None:
            yield _with_key_ids(file.read_row_group(group, columns=columns))
            return
        for batch in file.iter_batches(rows_at_once, row_groups=[group], columns=columns):
            yield _with_key_ids(pa.Table.from_batches([batch]))
    # A damaged page is an OSError in pyarrow where Thrift cannot be decoded, and an ArrowException
    # elsewhere.
    except (pa.ArrowException, KeyError, OSError) as error:
        raise SealError(
            where,
            expected=f"a whole row group {group}",
            found=f"one that does not parse ({type(error).__name__})",
            remedy="Run `dvc checkout`; look for who or what wrote into it.",
        ) from None


def _with_key_ids(table: pa.Table) -> pa.Table:
    """Return a table with key ids of the right length; another one is a KeyError."""
    if table.schema.field("key").type != SCHEMA.field("key").type:
        raise KeyError("key ids of another length")
    return table


def _tags(file: pq.ParquetFile, where: str) -> tuple[int, bytes]:
    """Return how many rows there are, and the digest of all their key ids and tags."""
    digest = hashlib.sha256()
    rows = 0
    for group in range(file.num_row_groups):
        for table in _read_group(file, group, where, rows_at_once=SLICE_ROWS):
            rows += len(table)
            digest.update(_interleaved(table))
    return rows, digest.digest()


def _interleaved(table: pa.Table) -> bytes:
    """Return key id and tag of every row, one after the other."""
    # AES-GCM appends its tag to the ciphertext. Tags of all rows stand for the rows: nobody without
    # a row's key makes another row of the same tag. A row that is shorter than a tag does not cast,
    # and is refused.
    tags = pc.binary_slice(table["row"], -TAG_BYTES).combine_chunks().cast(pa.binary(TAG_BYTES))
    both = [
        np.frombuffer(b"".join(_raw(part)), np.uint8).reshape(-1, TAG_BYTES)
        for part in (table["key"], tags)
    ]
    return np.hstack(both).tobytes()


def _raw(column: Any) -> Iterator[bytes]:
    """Yield the values of a column of fixed width, each chunk's in one piece."""
    # The raw buffer, cut to the chunk: a slice shares its parent's buffer, and begins at an offset.
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        width = chunk.type.byte_width
        yield chunk.buffers()[1][
            chunk.offset * width : (chunk.offset + len(chunk)) * width
        ].to_pybytes()


def bound_to(dataset: str, layout: bytes) -> bytes:
    """Return what binds every row of a dataset to it."""
    # The zero byte stands between two names of free length: without it `a` + `bc` would be bound as
    # `ab` + `c`. Hashed, so that what is bound to each row is 32 bytes, however long a layout is.
    return hashlib.sha256(b"portcullis row v1\x00" + dataset.encode() + b"\x00" + layout).digest()


def _mac(keys: KeyStore, dataset: str, layout: bytes, rows: int, tags: bytes) -> bytes:
    return hmac.digest(
        keys.mac_key, b"file\x00" + bound_to(dataset, layout) + rows.to_bytes(8) + tags, "sha256"
    )
