"""Sealed parquet: `(key id, nonce and ciphertext)` per row, AES-256-GCM.

Bound into every row: dataset, layout, key id and position, so that no row can stand elsewhere. Bound into the file by
one HMAC: how many rows there are, all key ids and all tags, so that none can be left out. The nonce is synthetic:
keyed BLAKE2b (RFC 7693) under the subject's nonce key over all that is bound and the row itself. Equal bytes come
only from the same row at the same place of the same dataset, so a rerun writes the same file.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, replace
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

from tasks.errors import SealError
from tasks.keystore.keys import ID_BYTES, KeyStore, Retention
from tasks.sealed.packing import Layout, pack, unpack

CHUNK_ROWS = 65_536
TAG_BYTES = 16
SUBJECT = "subject"
SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(ID_BYTES), nullable=False),
        pa.field("row", pa.binary(), nullable=False),
    ]
)
DATASET, LAYOUT, MAC = b"portcullis.dataset", b"portcullis.layout", b"portcullis.mac"


@dataclass(frozen=True)
class Opened:
    """Unsealed rows, how many there are, and how many can no longer be read because their subjects were erased."""

    frame: pd.DataFrame
    unsealed: int
    shredded: int
    people_shredded: int = 0  # in a part of a file: those not met in the parts before


class SealedWriter:
    """Write a sealed dataset chunk by chunk; the file is complete only when the context ends without an error."""

    def __init__(
        self, path: Path, *, dataset: str, keys: KeyStore, retention: Retention = Retention.TRAINING
    ) -> None:
        self._path, self._dataset, self._keys, self._retention = path, dataset, keys, retention
        self._layout: Layout | None = None
        self._writer: pq.ParquetWriter | None = None
        self._tags = hashlib.sha256()
        self.rows = 0

    def __enter__(self) -> "SealedWriter":
        return self

    def write(self, frame: pd.DataFrame) -> None:
        """Seal and append rows; every chunk has the columns and dtypes of the first."""
        if SUBJECT not in frame or frame[SUBJECT].isna().any():
            raise SealError(
                self._dataset,
                expected=f"a `{SUBJECT}` for every row",
                found="rows without",
                remedy="Rows about nobody known cannot be sealed, because they could not be erased.",
            )
        layout = Layout.of(frame)
        if self._layout is None:
            self._layout = layout
            self._writer = pq.ParquetWriter(
                self._path, SCHEMA, compression="none", use_dictionary=False, write_statistics=False
            )
        if layout != self._layout:
            raise SealError(
                self._dataset,
                expected="the columns of the first chunk",
                found="others",
                remedy="Convert them.",
            )
        for start in range(0, len(frame), CHUNK_ROWS):
            self._seal(frame.iloc[start : start + CHUNK_ROWS], layout)

    def _seal(self, frame: pd.DataFrame, layout: Layout) -> None:
        codes, subjects = pd.factorize(frame[SUBJECT])
        known = self._keys.for_subjects(list(subjects), self._retention)
        bound = bound_to(self._dataset, layout.to_json())
        keys = [
            (bound + key.key_id, key.cipher.encrypt, key.nonce_key)
            for key in map(known.__getitem__, subjects)
        ]
        sealed = []
        for position, (code, row) in enumerate(
            zip(codes.tolist(), pack(frame, layout), strict=True), self.rows
        ):
            head, encrypt, nonce_key = keys[code]
            data = head + position.to_bytes(8)
            nonce = blake2b(data + row, key=nonce_key, digest_size=12).digest()
            sealed.append(nonce + encrypt(nonce, row, data))
        every = pa.array([known[subject].key_id for subject in subjects], SCHEMA[0].type)
        table = pa.table(
            [every.take(pa.array(codes)), pa.array(sealed, SCHEMA[1].type)], schema=SCHEMA
        )
        self._tags.update(_interleaved(table))
        self.rows += len(frame)
        if self._writer is not None:
            self._writer.write_table(table)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is None or self._layout is None:
            return
        if kind is None:
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
    """Seal a frame into one file. It has a `subject` column of pseudonyms; equal input gives equal bytes."""
    with SealedWriter(path, dataset=dataset, keys=keys, retention=retention) as writer:
        writer.write(frame)


def read_rows(
    path: Path, *, dataset: str, keys: KeyStore, columns: tuple[str, ...] | None = None
) -> Opened:
    """Unseal a whole file into memory; rows of erased subjects are left out and counted.

    Raises:
        SealError: The file is of another dataset, or a row was altered, moved, added or left out; says where.
    """
    parts = list(iter_rows(path, dataset=dataset, keys=keys, columns=columns))
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    unsealed, shredded = sum(part.unsealed for part in parts), sum(part.shredded for part in parts)
    return Opened(frame, unsealed, shredded, sum(part.people_shredded for part in parts))


def iter_rows(
    path: Path, *, dataset: str, keys: KeyStore, columns: tuple[str, ...] | None = None
) -> Iterator[Opened]:
    """Unseal a file row group by row group, in constant memory; at least one (maybe empty) part is given.

    The file's own authentication is checked first, over the tags of all rows, before any row is given out.
    """
    shown = f"{path.parent.name}/{path.name}"
    try:
        file = pq.ParquetFile(path)
        metadata = file.metadata.metadata or {}
        layout_json, mac = metadata[LAYOUT], bytes.fromhex(metadata[MAC].decode())
        layout = Layout.from_json(layout_json)
        if not hmac.compare_digest(mac, _mac(keys, dataset, layout_json, *_tags(file, shown))):
            raise ValueError("the file's authentication code does not match")
    except (pa.ArrowException, KeyError, ValueError, OSError) as error:
        raise SealError(
            shown,
            expected=f"the whole sealed dataset {dataset}, as it was written here",
            found=f"something else ({type(error).__name__}: altered, cut, of another dataset or installation)",
            remedy="Run `dvc checkout`, or restore the key store that belongs to this data.",
        ) from None
    position = 0
    gone: set[bytes] = set()
    bound = bound_to(dataset, layout_json)
    if file.num_row_groups == 0:
        yield Opened(
            unpack([], layout)[list(columns or [name for name, _, _ in layout.columns])], 0, 0
        )
    for table in _groups(file, shown):
        ids, sealed = table["key"].to_pylist(), table["row"].to_pylist()
        opened = _unseal(ids, sealed, position, bound, layout, keys, shown, gone)
        position += len(ids)
        yield opened if columns is None else replace(opened, frame=opened.frame[list(columns)])


def _unseal(
    ids: list[bytes],
    rows_sealed: list[bytes],
    first: int,
    bound: bytes,
    layout: Layout,
    keys: KeyStore,
    shown: str,
    gone: set[bytes],
) -> Opened:
    known = keys.by_id(set(ids))
    before = len(gone)
    gone |= set(ids) - set(known)
    rows = []
    for position, (key_id, sealed) in enumerate(zip(ids, rows_sealed, strict=True), first):
        key = known.get(key_id)
        if key is None:
            continue
        try:
            rows.append(
                key.cipher.decrypt(sealed[:12], sealed[12:], bound + key_id + position.to_bytes(8))
            )
        except InvalidTag:
            raise SealError(
                f"{shown}, row {position}",
                expected="the row that was sealed here",
                found="an altered or moved one",
                remedy="Run `dvc checkout`; look for who or what wrote into it.",
            ) from None
    return Opened(unpack(rows, layout), len(rows), len(ids) - len(rows), len(gone) - before)


def _groups(file: pq.ParquetFile, where: str) -> Iterator[pa.Table]:
    """Yield each row group; one that does not parse is a SealError."""
    for group in range(file.num_row_groups):
        try:
            table = file.read_row_group(group, columns=SCHEMA.names)
            if table.schema.field("key").type != SCHEMA.field("key").type:
                raise KeyError("key ids of another length")
            yield table
        except (pa.ArrowException, KeyError, OSError) as error:
            raise SealError(
                where,
                expected=f"a whole row group {group}",
                found=f"one that does not parse ({type(error).__name__})",
                remedy="Run `dvc checkout`; look for who or what wrote into it.",
            ) from None


def _tags(file: pq.ParquetFile, where: str) -> tuple[int, bytes]:
    """Return how many rows there are, and the digest of all their key ids and tags."""
    digest, rows = hashlib.sha256(), 0
    for table in _groups(file, where):
        rows += len(table)
        digest.update(_interleaved(table))
    return rows, digest.digest()


def _interleaved(table: pa.Table) -> bytes:
    """Return key id and tag of every row, one after the other."""
    tags = pc.binary_slice(table["row"], -TAG_BYTES).combine_chunks().cast(pa.binary(TAG_BYTES))
    both = [
        np.frombuffer(b"".join(_raw(part)), np.uint8).reshape(-1, TAG_BYTES)
        for part in (table["key"], tags)
    ]
    return np.hstack(both).tobytes()


def _raw(column: Any) -> Iterator[bytes]:
    """Yield the values of a column of fixed width, each chunk's in one piece."""
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        width = chunk.type.byte_width
        yield chunk.buffers()[1][
            chunk.offset * width : (chunk.offset + len(chunk)) * width
        ].to_pybytes()


def bound_to(dataset: str, layout: bytes) -> bytes:
    """Return what binds every row of a dataset to it."""
    return hashlib.sha256(b"portcullis row v1\x00" + dataset.encode() + b"\x00" + layout).digest()


def _mac(keys: KeyStore, dataset: str, layout: bytes, rows: int, tags: bytes) -> bytes:
    return hmac.digest(
        keys.mac_key, b"file\x00" + bound_to(dataset, layout) + rows.to_bytes(8) + tags, "sha256"
    )
