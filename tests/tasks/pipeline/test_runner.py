"""Stages through DVC itself, on a toy path: the runner skips, streams, refuses and cleans up."""

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from dvc import output
from dvc_data.hashfile import build as hashfile

from tasks.errors import Refusal, RefusedError
from tasks.pipeline.listener import end_all_stages
from tasks.pipeline.runner import StageError, StageResult, list_stale, order_lock_entries, reproduce

CHECKOUT = Path(__file__).parents[3]
STAGE = """
import logging, os, pathlib, sys, time
from tasks.errors import Refusal
from tasks.pipeline.channel import Channel
name, mode = sys.argv[1], pathlib.Path("mode").read_text().strip()
with Channel.to_parent(name, os.environ["PORTCULLIS_CHANNEL"]) as channel:
    logging.getLogger("portcullis.toy").info("working on %s", name)
    if name == "second" and mode == "refuse":
        channel.report_refusals((Refusal("check.failed", "fairness: ratio = 0.5: fail"),))
        sys.exit(3)
    if name == "second" and mode == "fail":
        channel.report_failure("source missing", 4)
        sys.exit(4)
    if name == "second" and mode == "crash":
        import os; os._exit(9)
    if name == "second" and mode == "hang":
        pathlib.Path("pid").write_text(str(__import__("os").getpid())); time.sleep(60)
    pathlib.Path(name).write_text(mode)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "mode").write_text("fine")
    (tmp_path / "dvc.yaml").write_text(
        textwrap.dedent("""
            stages:
              first:
                foreach: [toy]
                do: {cmd: python stage.py first, deps: [mode], outs: [first]}
              second:
                foreach: [toy]
                do:
                  cmd: python stage.py second
                  deps: [mode, first]
                  outs: [second: {cache: false}]
            """)
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(stage: str, **options: bool) -> tuple[StageResult, list[str]]:
    lines: list[str] = []
    return reproduce(stage, "toy", on_line=lines.append, **options), lines


def test_a_stage_runs_once_streams_what_it_says_and_is_then_left_alone(toy: Path) -> None:
    result, lines = run("first")
    assert result.changed
    assert "working on first" in lines
    assert result.seconds is not None
    assert result.peak_mib is not None
    assert result.peak_mib > 1
    again, lines = run("first")
    assert not again.changed
    assert again.seconds is None
    assert lines == []


def test_a_refusal_keeps_its_lines_and_leaves_no_output(toy: Path) -> None:
    (toy / "mode").write_text("refuse")
    run("first")
    with pytest.raises(RefusedError) as refusal:
        run("second")
    assert refusal.value.refusals == (Refusal("check.failed", "fairness: ratio = 0.5: fail"),)
    assert not (toy / "second").exists()


@pytest.mark.parametrize(
    ("mode", "words", "code"), [("fail", "source missing", 4), ("crash", "exited with 9", 2)]
)
def test_a_failure_says_what_the_stage_said_or_how_it_died(
    toy: Path, mode: str, words: str, code: int
) -> None:
    (toy / "mode").write_text(mode)
    run("first")
    with pytest.raises(StageError, match=words) as failure:
        run("second")
    assert failure.value.exit_code == code


def test_a_stage_runs_by_this_python_even_where_it_is_not_on_the_path(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    result, _ = run("first")
    assert result.changed


def test_a_single_stage_does_not_see_that_what_lies_before_it_is_stale_but_stale_does(
    toy: Path,
) -> None:
    run("first")
    run("second")
    assert list_stale("second", "toy") == ()
    (toy / "mode").write_text("changed")
    assert any("mode" in line for line in list_stale("second", "toy"))
    result, _ = run("second", with_upstream=True)
    assert result.changed
    assert (toy / "first").read_text() == "changed"


def test_entries_of_stages_that_ran_at_once_are_put_into_order_and_nothing_else_changes(
    toy: Path,
) -> None:
    run("first")
    run("second")
    ordered = (toy / "dvc.lock").read_text()
    order_lock_entries(("first", "second"), "toy")
    assert (toy / "dvc.lock").read_text() == ordered
    order_lock_entries(("second", "first"), "toy")
    assert (toy / "dvc.lock").read_text().index("second@toy") < (
        toy / "dvc.lock"
    ).read_text().index("first@toy")
    order_lock_entries(("first", "second"), "toy")
    assert (toy / "dvc.lock").read_text() == ordered


def test_a_look_digests_what_two_stages_depend_on_once_and_the_next_look_anew(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("first")
    run("second")
    digested: list[str] = []

    def build(odb: Any, path: str, *rest: Any, **options: Any) -> Any:
        digested.append(Path(path).name)
        return hashfile.build(odb, path, *rest, **options)

    monkeypatch.setattr(output, "build", build)
    assert list_stale("second", "toy") == ()
    assert digested.count("mode") == 1

    # Nothing of a look is left: neither for the next one, nor for a stage that runs.
    (toy / "mode").write_text("changed")
    assert len(list_stale("second", "toy")) == 2
    assert digested.count("mode") == 2
    assert run("first")[0].changed
    assert run("second")[0].changed
    assert list_stale("second", "toy") == ()


def test_an_edited_output_is_stale(toy: Path) -> None:
    run("first")
    run("second")
    (toy / "second").write_text("forged")
    assert any("second" in line for line in list_stale("second", "toy"))


def test_a_temporary_folder_with_a_long_name_is_no_obstacle(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = toy / ("deep" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    _, lines = run("first")
    assert "working on first" in lines


def test_a_stage_whose_runner_has_gone_while_it_started_ends_quietly(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "stage.py", "first"]
    environment = os.environ | {"PORTCULLIS_CHANNEL": str(toy / "gone" / "channel")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (143, "")
    assert not (toy / "first").exists()


@pytest.mark.parametrize("torn", ["", '{"write": {"/a"'])
def test_a_list_of_locks_that_a_kill_left_half_written_stops_nobody(toy: Path, torn: str) -> None:
    run("first")
    (toy / ".dvc" / "tmp" / "rwlock").write_text(torn)
    (toy / "mode").write_text("changed")
    result, _ = run("first")
    assert result.changed
    (toy / ".dvc" / "tmp" / "rwlock").write_text('{"read": {}, "write": {}}')
    assert list_stale("first", "toy") == ()
    assert (toy / ".dvc" / "tmp" / "rwlock").exists()


def test_an_interrupted_runner_ends_its_stage(toy: Path) -> None:
    (toy / "mode").write_text("hang")
    run("first")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run("second")
        except StageError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 30
    while not (toy / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    end_all_stages()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert failures
    assert not Path(f"/proc/{(toy / 'pid').read_text()}").exists()
