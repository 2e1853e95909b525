"""A stage's process: how each way of ending reaches the runner, and what the worker is told."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tasks.engines.params import EngineParams
from tasks.errors import DataError, PortcullisError, Refusal, RefusedError, ServiceError
from tasks.stages import process
from tasks.stages.workspace import DRAFT, StageRun
from tests.installations import installation_at

CHECKOUT = Path(__file__).parents[3]
PERSONAL = "Ann Onymous"
REFUSALS = (Refusal("check.failed", "fairness: too low"), Refusal("check.missing", "train: none"))
Run = Callable[[StageRun], None]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_CHANNEL", raising=False)
    # It would hold for the suite's own process, whatever started that.
    monkeypatch.setattr(process, "die_with_parent", lambda _: None)
    return tmp_path


def run_stage(monkeypatch: pytest.MonkeyPatch, run: Run, name: str = "toy") -> int:
    """Run a stage whose code is `run`; return the exit code."""
    module = ModuleType("toy")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setattr(importlib, "import_module", lambda _: module)
    return process.main([name, "loan"])


def raising(error: Exception) -> Run:
    def run(stage_run: StageRun) -> None:
        raise error

    return run


def test_a_stage_that_ends_well_exits_with_zero(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[StageRun] = []
    assert run_stage(monkeypatch, runs.append) == 0
    assert [(run.stage, run.case) for run in runs] == [("toy", "loan")]


def test_a_shut_gate_exits_with_three_and_a_line_per_refusal(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = RefusedError("register@loan", REFUSALS, remedy="Mend it.")
    assert run_stage(monkeypatch, raising(error)) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["toy: BLOCKED", "toy: fairness: too low", "toy: train: none"]


@pytest.mark.parametrize(("kind", "exit_code"), [(DataError, 2), (ServiceError, 4)])
def test_an_error_that_people_can_mend_exits_with_the_code_of_its_kind(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: type[PortcullisError],
    exit_code: int,
) -> None:
    error = kind("rows", expected="two classes", found="a single class", remedy="Add rows.")
    assert run_stage(monkeypatch, raising(error)) == exit_code
    assert "toy: rows: expected two classes" in capsys.readouterr().err


def test_an_unexpected_error_exits_with_its_type_and_place_and_without_its_text(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_stage(monkeypatch, raising(KeyError(PERSONAL))) == 1
    text = capsys.readouterr().err
    assert "KeyError at " in text
    assert "test_process.py:" in text
    assert PERSONAL not in text


CARELESS = """
import logging, os, subprocess, sys, warnings

def run(stage_run):
    print("Zyx Canary on standard output")
    sys.stderr.write("Zyx Canary past the channel\\n")
    os.write(1, b"Zyx Canary by C\\n")
    os.write(2, b"Zyx Canary by C\\n")
    subprocess.run(["echo", "Zyx Canary by a child"], check=True)
    warnings.warn("Zyx Canary")
    logging.getLogger("library").error("Zyx Canary")
    logging.basicConfig()
    logging.getLogger("library").error("Zyx Canary")
    logging.getLogger("portcullis.careless").info("7 rows")
    raise KeyError("Zyx Canary")
"""


@pytest.mark.parametrize("options", [(), ("-X", "dev")])
def test_what_libraries_print_log_and_raise_in_a_stage_reaches_no_terminal(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    folder = tmp_path / "careless"
    folder.mkdir()
    (folder / "stage.py").write_text(CARELESS)
    script = (
        f"import runpy, sys, tasks.stages; tasks.stages.__path__.append({str(tmp_path)!r});"
        "sys.argv = ['process', 'careless', 'loan'];"
        "runpy.run_module('tasks.stages.process', run_name='__main__')"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT),
        "PORTCULLIS_HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, *options, "-c", script]

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment | more, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    quiet = run()
    assert quiet.returncode == 1
    assert "Canary" not in quiet.stdout + quiet.stderr
    assert "careless: KeyError at " in quiet.stderr
    assert "careless: 7 rows" in quiet.stderr
    assert "stage.py:" in quiet.stderr
    loud = run(PORTCULLIS_DEBUG="1")
    assert loud.stderr.startswith("portcullis: PORTCULLIS_DEBUG=1: ")
    assert "Canary" in loud.stdout
    assert "KeyError at " in loud.stderr


def test_the_text_of_an_unexpected_error_is_shown_for_development(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTCULLIS_DEBUG", "1")
    assert run_stage(monkeypatch, raising(KeyError(PERSONAL))) == 1
    assert PERSONAL in capsys.readouterr().err


def test_a_misspelt_variable_ends_the_process_before_the_stage_begins(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAI", "2026-01-01")
    assert run_stage(monkeypatch, lambda _: pytest.fail("it began")) == 2
    assert "did you mean PORTCULLIS_TODAY?" in capsys.readouterr().err


def test_what_a_killed_run_was_writing_is_removed_before_the_stage_begins(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StageRun("toy", "loan", installation_at(workspace)).folder
    (folder / f"{DRAFT}x").write_text("half")
    contents: list[list[Path]] = []
    run_stage(monkeypatch, lambda stage_run: contents.append(list(stage_run.folder.iterdir())))
    assert contents == [[]]


def test_the_worker_gets_two_counts_and_nothing_else_writes_to_the_pipe(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports, pipe = os.pipe()
    monkeypatch.setenv("PORTCULLIS_REPORT_FD", str(pipe))

    def run(stage_run: StageRun) -> None:
        stage_run.rows_unsealed = 7
        stage_run.rows_shredded = 2

    assert run_stage(monkeypatch, run) == 0
    with os.fdopen(reports, "rb") as stream:
        assert json.loads(stream.read()) == {"unsealed": 7, "shredded": 2}
    assert "PORTCULLIS_REPORT_FD" not in os.environ


@pytest.mark.parametrize(("name", "order"), [("toy", ["run"]), ("ingest", ["memory", "run"])])
def test_a_stage_that_holds_a_delivery_gives_memory_back_from_its_start(
    name: str, order: list[str], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(process, "give_memory_back", lambda: done.append("memory"))
    assert run_stage(monkeypatch, lambda _: done.append("run"), name) == 0
    assert done == order


@pytest.mark.parametrize(
    ("engine", "order"),
    [
        ({"kind": "one_process"}, ["run"]),
        ({"kind": "processes", "workers": 2}, ["memory", "run"]),
        ({"kind": "dask", "address": "tls://scheduler:8786"}, ["memory", "run"]),
    ],
)
def test_redact_gives_memory_back_where_others_compute(
    engine: dict[str, object],
    order: list[str],
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    monkeypatch.setattr(process, "give_memory_back", lambda: done.append("memory"))
    monkeypatch.setattr(StageRun, "engine_params", EngineParams.model_validate(engine))
    assert run_stage(monkeypatch, lambda _: done.append("run"), "redact") == 0
    assert done == order


def test_it_dies_with_the_worker_that_the_environment_names(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents: list[int] = []
    monkeypatch.setattr(process, "die_with_parent", parents.append)
    monkeypatch.setenv("PORTCULLIS_WORKER_PID", "4711")
    run_stage(monkeypatch, lambda _: None)
    assert parents == [4711]
    assert "PORTCULLIS_WORKER_PID" not in os.environ


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["toy"],
        ["toy", "loan", "more"],
        ["os;id", "loan"],
        ["../toy", "loan"],
        ["a.b", "loan"],
    ],
)
def test_only_a_stage_that_is_there_is_imported(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert process.main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_a_use_case_of_another_name_ends_the_process_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert process.main(["admit", "x;touch pwned;true"]) == 2
    assert "a use case's name" in capsys.readouterr().err
