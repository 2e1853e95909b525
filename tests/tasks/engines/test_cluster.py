"""A real cluster of two worker processes under TLS, and what may go wrong with it."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.engines import cluster as module
from tasks.engines.cluster import DaskCluster
from tasks.engines.identity import identity_of_process
from tasks.errors import ConfigError, DataError, ServiceError
from tests.dask_cluster import Cluster, cluster, dask_cluster, make_certificates
from tests.tasks.engines import work

__all__ = ["cluster"]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
    ),
]


def connected(cluster: Cluster, checked_ratio: float = 0.0) -> DaskCluster:
    return DaskCluster(cluster.address, checked_ratio, cluster.settings)


def answers(
    cluster: Cluster,
    function: Callable[[Any, Any], Any],
    shared: Any,
    partitions: Iterable[Any],
    checked_ratio: float = 0.0,
) -> list[Any]:
    return list(connected(cluster, checked_ratio).map(function, shared, partitions))


def test_answers_come_in_order_and_equal_partitions_are_each_worked_on(cluster: Cluster) -> None:
    assert answers(cluster, work.multiply, 3, [5, 1, 5, 5, 2]) == [15, 3, 15, 15, 6]


def test_no_partition_is_no_answer_and_an_empty_one_has_its_own(cluster: Cluster) -> None:
    assert answers(cluster, work.multiply, 3, []) == []
    assert answers(cluster, work.count_rows, None, [["a"], [], ["b", "c"]]) == [1, 0, 2]


def test_a_statement_says_who_worked_and_what_was_checked(cluster: Cluster) -> None:
    engine = connected(cluster, checked_ratio=1.0)
    list(engine.map(work.multiply, 3, range(20)))
    described = engine.describe()
    assert described.pop("distributed")
    assert int(described.pop("workers")) in (1, 2)
    assert described == {
        "kind": "dask",
        "transport": "tls",
        "partitions": "20",
        "partitions checked": "20",
    }


def test_one_partition_at_least_is_checked(cluster: Cluster) -> None:
    engine = connected(cluster, checked_ratio=0.0)
    list(engine.map(work.multiply, 3, range(20)))
    assert engine.describe()["partitions checked"] == "1"


def test_a_worker_that_is_killed_at_work_loses_and_doubles_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    victim = cluster.start_worker()

    def partitions() -> Iterator[tuple[str, bytes]]:
        # It is killed when it has been at work, and 40 partitions later the run ends.
        left = 40
        for number in range(5_000):
            if (tmp_path / str(victim.pid)).exists():
                victim.kill()
                left -= 1
            if not left:
                return
            yield str(tmp_path), bytes(number)

    handed: list[int] = []

    def noted() -> Iterator[tuple[str, bytes]]:
        for folder, content in partitions():
            handed.append(len(content))
            yield folder, content

    assert answers(cluster, work.hold, None, noted()) == handed
    assert victim.wait(timeout=10) == -signal.SIGKILL


def test_an_error_of_ours_is_raised_as_it_is_here(cluster: Cluster) -> None:
    with pytest.raises(DataError, match="Mend it"):
        answers(cluster, work.refuse, None, range(5))


def test_what_a_partition_holds_is_in_no_message_and_in_no_log(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        answers(cluster, work.fail_quoting, None, [work.SECRET])
    assert "Vance" not in cluster.logs


def test_a_worker_that_fails_where_this_process_does_not_is_named_as_that(
    cluster: Cluster,
) -> None:
    with pytest.raises(ServiceError, match="a failure where this process has an answer"):
        answers(cluster, work.fail_elsewhere, os.getpid(), [1])


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_workers_that_lie_are_caught(cluster: Cluster, ratio: float) -> None:
    with pytest.raises(ServiceError, match="another one, from a worker"):
        answers(cluster, work.lie, os.getpid(), range(3), ratio)


def test_without_a_certificate_of_the_authority_nobody_is_let_in(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 2)
    stranger = Cluster(
        cluster.address, cluster.scheduler, make_certificates(tmp_path, "stranger"), tmp_path
    )
    with pytest.raises(ServiceError, match="none that works"):
        answers(stranger, work.multiply, 1, [1])


def test_a_worker_of_another_version_is_refused_by_what_differs(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = identity_of_process()
    parts = {**dict(mine.parts), "code": "0" * 64, "numpy": "0.1"}
    other = type(mine)(tuple(parts.items()))
    monkeypatch.setattr(module, "identity_of_process", lambda: other)
    with pytest.raises(ConfigError, match="one that differs in code, numpy"):
        answers(cluster, work.multiply, 1, [1])


def test_a_worker_that_may_write_to_its_disk_is_refused(
    tmp_path: Path,
) -> None:
    with dask_cluster(tmp_path, workers=0, is_under_tls=False) as alone:
        alone.start_worker(environment={})
        with pytest.raises(ConfigError, match="write it to its disk"):
            answers(alone, work.multiply, 1, [1])


def test_a_scheduler_that_vanishes_ends_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 5)
    with dask_cluster(tmp_path, workers=1, is_under_tls=False) as doomed:

        def numbers() -> Iterator[int]:
            for number in range(200):
                if number == 20:
                    doomed.scheduler.kill()
                yield number

        with pytest.raises(ServiceError, match="none that works"):
            answers(doomed, work.multiply_slowly, 1, numbers())


def test_a_cluster_that_is_not_there_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 1)
    engine = DaskCluster("tcp://127.0.0.1:1", 0.0, cluster.settings)
    with pytest.raises(ServiceError, match="none that works"):
        list(engine.map(work.multiply, 1, []))
