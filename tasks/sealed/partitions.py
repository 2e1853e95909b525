"""Sealed rows that another process opens: a row group as it lies on disk, and the keys of its rows.

The file is checked where the key store is. Whoever is handed a partition gets the sealing keys of
its rows' subjects, and of nobody else: no key store, no bucket, and nothing that seals a row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from tasks.keystore.keys import ID_BYTES, SEALING_BYTES, KeyStore, SubjectKey
from tasks.sealed.packing import Layout
from tasks.sealed.rows import check_file, open_group, slices_of


@dataclass(frozen=True, repr=False)
class SealedPartition:
    """One row group, sealed, and what opens it.

    Attributes:
        rows: The row group, an Arrow stream of key ids and sealed rows.
        keys: By key id, the keys that still exist, without what makes nonces: they seal nothing.
        shredded_ids: The key ids that no longer do.
        first: The position of its first row in the file.
        bound: What binds each row to its dataset.
        layout: How a row is packed, as the file says.
        shown: The file, for a message.
    """

    rows: bytes
    keys: dict[bytes, SubjectKey]
    shredded_ids: frozenset[bytes]
    first: int
    bound: bytes
    layout: bytes
    shown: str


def iter_partitions(path: Path, *, dataset: str, keys: KeyStore) -> Iterator[SealedPartition]:
    """Yield a file's row groups, each with the keys of its rows; of an empty file, nothing.

    Raises:
        SealError: As `read_rows` does.
    """
    sealed = check_file(path, dataset, keys)
    first = 0
    for table in sealed.groups():
        ids = set(table["key"].to_pylist())
        key_of = {
            # Cut off behind the sealing key: without the nonce key whoever holds it can open rows
            # and cannot write one that `SealedWriter` would have written.
            key_id: SubjectKey(key[: ID_BYTES + SEALING_BYTES])
            for key_id, key in keys.by_id_once(ids).items()
        }
        # As Arrow's own stream, not pickled: a worker of a cluster takes it as bytes.
        stream = pa.BufferOutputStream()
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
        yield SealedPartition(
            rows=stream.getvalue().to_pybytes(),
            keys=key_of,
            shredded_ids=frozenset(ids - set(key_of)),
            first=first,
            bound=sealed.bound,
            layout=sealed.layout.to_json(),
            shown=sealed.shown,
        )
        # The position is bound into each row's seal, so a worker has to be told where in the file
        # its group begins.
        first += len(table)


def open_partition(columns: tuple[str, ...] | None, partition: SealedPartition) -> pd.DataFrame:
    """Return the rows of a partition whose keys exist.

    Raises:
        SealError: A row was altered or moved; says where.
    """
    table = pa.ipc.open_stream(partition.rows).read_all()
    return open_group(
        slices_of(table),
        len(table),
        partition.first,
        partition.bound,
        Layout.from_json(partition.layout),
        columns,
        partition.keys,
        partition.shown,
    )


@dataclass(frozen=True)
class PartWork:
    """What is asked of the rows of every partition.

    Attributes:
        function: Pure, and of a module's top level: pickled, it is its name alone.
        shared: Its first argument.
        columns: Which columns its second argument has; all, if None.
    """

    function: Callable[[Any, pd.DataFrame], Any]
    shared: Any
    columns: tuple[str, ...] | None


def work_on_partition(work: PartWork, partition: SealedPartition) -> tuple[int, Any]:
    """Return how many rows of a partition could be opened, and what the function says of them.

    Raises:
        SealError: A row was altered or moved; says where.
    """
    rows = open_partition(work.columns, partition)
    return len(rows), work.function(work.shared, rows)
