"""What the worker withholds from a stage's process, and what it hears of it."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.artefacts import Declared
from tasks.worker.run_folder import RunFolder
from tasks.worker.starting import StageProcess, start_stage
from tests.installations import installation_at

SECRETS = {
    "PORTCULLIS_SIGNING_TOKEN": "t",
    "PORTCULLIS_SIGNING_VAULT_ADDR": "a",
    "PORTCULLIS_SIGNING_HOME": "h",
    "PORTCULLIS_LEDGER_URL": "postgresql://writer:w@db/ledger",
    "MLFLOW_TRACKING_URI": "https://registry",
}


@contextmanager
def run_folder(folder: Path) -> Iterator[RunFolder]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        declared = Declared("admit", "tiny", (), (), {})
        yield RunFolder(folder, descriptor, declared, folder)
    finally:
        os.close(descriptor)


@pytest.fixture
def spawned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the process of a stage was started with."""
    started: dict[str, Any] = {}

    def spawn(path: str, command: list[str], environment: dict[str, str], **_: list[Any]) -> int:
        started.update(path=path, command=command, environment=environment, folder=Path.cwd())
        return 1

    monkeypatch.setattr("os.posix_spawn", spawn)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "run"
    folder.mkdir()
    with run_folder(folder) as run:
        process = start_stage("admit", "tiny", run, tmp_path / "tree", installation_at(tmp_path))
        os.close(process.reports)
    return started


def test_the_stage_s_process_gets_no_credentials(spawned: dict[str, Any]) -> None:
    assert not set(spawned["environment"].values()) & set(SECRETS.values())


def test_it_gets_the_home_of_its_installation_and_not_the_default(
    spawned: dict[str, Any], tmp_path: Path
) -> None:
    assert spawned["environment"]["PORTCULLIS_HOME"] == str(tmp_path / "home")


def test_it_runs_the_snapshot_s_code_isolated_in_its_run_folder(
    spawned: dict[str, Any], tmp_path: Path
) -> None:
    program = str(tmp_path / "tree" / "tasks" / "isolated.py")
    flags = ["-I", "-S", "-X", "utf8"]
    assert spawned["command"][1:] == [*flags, program, "tasks.stages.process", "admit", "tiny"]
    assert spawned["folder"] == tmp_path / "run"
    assert Path.cwd() != tmp_path / "run"


def counts_in(report: bytes) -> dict[str, int]:
    """Return what the worker reads where a stage reports this."""
    reports, pipe = os.pipe()
    os.write(pipe, report)
    os.close(pipe)
    return dict(StageProcess(0, reports).read_report().counts)


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"nonsense",
        b"[1]",
        b'{"unsealed":-1}',
        b'{"unsealed":true}',
        b'{"other":1}',
        b'{"unsealed":1,"unsealed":2}',
    ],
)
def test_what_is_no_count_is_left_out_of_a_stage_s_report(report: bytes) -> None:
    assert counts_in(report) == {}


def test_two_counts_are_read_from_a_stage_s_report_and_nothing_else() -> None:
    report = b'{"unsealed":7,"shredded":0,"more":"x"}'
    assert counts_in(report) == {"unsealed": 7, "shredded": 0}


def test_a_report_that_is_far_too_long_is_not_read_to_its_end() -> None:
    reports, pipe = os.pipe()
    os.write(pipe, b" " * 8192 + b'{"unsealed":7}')
    os.close(pipe)
    assert StageProcess(0, reports).read_report().counts == {}


@pytest.mark.parametrize("report", [b"", b'{"unsealed":7}'])
def test_what_a_stage_left_running_does_not_hold_the_worker_up(report: bytes) -> None:
    reports, pipe = os.pipe()
    os.write(pipe, report)
    read: list[Mapping[str, int]] = []
    reader = threading.Thread(
        target=lambda: read.append(StageProcess(0, reports).read_report().counts), daemon=True
    )
    reader.start()
    # As if a process that the stage had started still held the other end.
    reader.join(timeout=5)
    os.close(pipe)
    assert read == [{"unsealed": 7} if report else {}]


def engine_in(report: bytes) -> dict[str, str]:
    reports, pipe = os.pipe()
    os.write(pipe, report)
    os.close(pipe)
    return dict(StageProcess(0, reports).read_report().engine)


def test_an_engine_is_read_from_a_stage_s_report() -> None:
    assert engine_in(b'{"engine":{"kind":"dask","workers":"2"}}') == {
        "kind": "dask",
        "workers": "2",
    }
    assert engine_in(b'{"unsealed":1}') == {}


@pytest.mark.parametrize(
    "engine",
    [
        b'"dask"',
        b'{"kind":7}',
        b'{"kind":"Ms Vance, 12 High Street"}',
        b'{"":"dask"}',
        b'{"kind":"' + b"x" * 41 + b'"}',
        b"{" + b",".join(b'"a%d":"b"' % number for number in range(13)) + b"}",
    ],
)
def test_what_is_no_engine_is_left_out(engine: bytes) -> None:
    assert engine_in(b'{"engine":' + engine + b"}") == {}


def test_a_stage_that_a_signal_ended_has_the_exit_code_of_a_shell() -> None:
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    os.kill(child, signal.SIGTERM)
    assert StageProcess(child, -1).wait() == 128 + signal.SIGTERM
