"""Sealed rows that another process opens: its own rows, its own keys, and nothing left behind."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.engines.cluster import DaskCluster
from tasks.engines.local import OneProcess
from tasks.errors import SealError
from tasks.keystore.keys import KeyStore, open_keys
from tasks.keystore.shredding import shred
from tasks.sealed import SealedWriter, read_rows
from tasks.sealed.partitions import SealedPartition, iter_partitions, open_partition
from tests.dask_cluster import Cluster, dask_cluster
from tests.installations import installation_at
from tests.tasks.engines.work import count_held, digest_of

GROUPS = 12
GROUP_ROWS = 50


@pytest.fixture
def keys(home: Path) -> KeyStore:
    return open_keys(installation_at(Path()))


@pytest.fixture
def sealed(tmp_path: Path, keys: KeyStore) -> Path:
    path = tmp_path / "rows.parquet"
    with SealedWriter(path, dataset="loan/x", keys=keys) as writer:
        for group in range(GROUPS):
            numbers = np.arange(GROUP_ROWS) + group * GROUP_ROWS
            writer.write(
                pd.DataFrame(
                    {
                        "subject": [f"{number:032x}" for number in numbers],
                        "number": numbers,
                        "text": pd.array([f"row {number}" for number in numbers], dtype="str"),
                    }
                )
            )
    return path


def partitions(path: Path, keys: KeyStore) -> Iterator[SealedPartition]:
    return iter_partitions(path, dataset="loan/x", keys=keys)


@pytest.mark.parametrize("columns", [None, ("number", "subject")])
def test_partitions_hold_what_the_file_holds(
    sealed: Path, keys: KeyStore, columns: tuple[str, ...] | None
) -> None:
    frames = OneProcess().map(open_partition, columns, partitions(sealed, keys))
    expected = read_rows(sealed, dataset="loan/x", keys=keys, columns=columns).frame
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), expected)


def test_a_partition_has_the_keys_of_its_rows_alone(sealed: Path, keys: KeyStore) -> None:
    parts = list(partitions(sealed, keys))
    assert [len(part.keys) for part in parts] == [GROUP_ROWS] * GROUPS
    assert len({key for part in parts for key in part.keys.values()}) == GROUPS * GROUP_ROWS
    assert {key.nonce_key for part in parts for key in part.keys.values()} == {b""}
    assert not any(keys.mac_key in bytes(key) for part in parts for key in part.keys.values())


def test_the_erased_are_left_out_and_counted(sealed: Path, keys: KeyStore) -> None:
    shred(keys, [f"{3:032x}"], day=date(2026, 1, 1))
    first, second, *_ = partitions(sealed, keys)
    assert (len(first.shredded_ids), len(second.shredded_ids)) == (1, 0)
    frame = open_partition(None, first)
    assert len(frame) == GROUP_ROWS - 1
    assert 3 not in frame["number"].to_list()


def test_rows_do_not_open_in_another_place_or_with_other_keys(sealed: Path, keys: KeyStore) -> None:
    first, second, *_ = partitions(sealed, keys)
    with pytest.raises(SealError, match="altered or moved"):
        open_partition(None, replace(first, first=GROUP_ROWS))
    swapped = dict(zip(first.keys, second.keys.values(), strict=True))
    with pytest.raises(SealError, match="altered or moved"):
        open_partition(None, replace(first, keys=swapped))
    assert len(open_partition(None, replace(first, keys=second.keys))) == 0


def test_a_byte_that_was_altered_is_found_where_it_is_opened_or_before(
    sealed: Path, keys: KeyStore
) -> None:
    content = bytearray(sealed.read_bytes())
    content[len(content) // 2] ^= 1
    sealed.write_bytes(bytes(content))
    with pytest.raises(SealError):
        list(OneProcess().map(open_partition, None, partitions(sealed, keys)))


def test_a_partition_prints_nothing_of_itself(sealed: Path, keys: KeyStore) -> None:
    first = next(partitions(sealed, keys))
    assert re.fullmatch(r"<[\w.]*SealedPartition object at 0x[0-9a-f]+>", repr(first))


def test_a_key_that_is_held_would_be_found(sealed: Path, keys: KeyStore) -> None:
    part = next(partitions(sealed, keys))
    digests = {digest_of(key) for key in part.keys.values()}
    assert count_held(digests) == GROUP_ROWS
    del part
    assert count_held(digests) == 0


@pytest.mark.integration
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)
def test_a_cluster_opens_them_loses_a_worker_and_keeps_no_key(
    sealed: Path, keys: KeyStore, tmp_path: Path
) -> None:
    expected = read_rows(sealed, dataset="loan/x", keys=keys).frame
    with dask_cluster(tmp_path, workers=2, threads=2) as cluster:
        engine = DaskCluster(cluster.address, 0.0, cluster.settings)
        list(engine.map(open_partition, None, partitions(sealed, keys)))  # both are at work by now

        def killing() -> Iterator[SealedPartition]:
            for number, part in enumerate(partitions(sealed, keys)):
                if number == GROUPS - 2:
                    cluster.workers[0].kill()
                yield part

        frames = list(engine.map(open_partition, None, killing()))
        pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), expected)
        assert cluster.workers[0].wait(timeout=10) != 0

        secret_keys = {key for part in partitions(sealed, keys) for key in part.keys.values()}
        assert held_by(cluster, secret_keys) == 0


def held_by(cluster: Cluster, secret_keys: Collection[bytes]) -> int:
    """Return how many of the keys any object of a worker that lives still refers to."""
    import distributed

    assert cluster.certificates
    certificates = cluster.certificates
    security = distributed.Security(
        require_encryption=True,
        tls_ca_file=str(certificates.authority),
        tls_client_cert=str(certificates.certificate),
        tls_client_key=str(certificates.key),
    )
    with distributed.Client(cluster.address, security=security, set_as_default=False) as client:
        digests = {digest_of(key) for key in secret_keys}
        return sum(client.run(count_held, digests).values())
