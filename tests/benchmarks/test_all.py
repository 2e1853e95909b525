"""One command for all benchmarks: what fails, or finds no time, is named and never silent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import all as all_benchmarks
from benchmarks.all import (
    LEFT_OUT,
    SMALL,
    SmallBenchmark,
    describe_end,
    describe_machine,
    describe_result,
    run,
)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallBenchmark:
    """A benchmark whose file a test writes."""
    monkeypatch.setattr(all_benchmarks, "FOLDER", tmp_path)
    return SmallBenchmark("toy", ("1",), cpu_seconds=1, minutes=1)


def test_every_benchmark_that_is_listed_is_there() -> None:
    for benchmark in SMALL:
        assert (all_benchmarks.FOLDER / f"{benchmark.name}.py").is_file()


def test_every_benchmark_is_planned_or_left_out_with_a_reason() -> None:
    named = " ".join(LEFT_OUT)
    left_out = {name.strip(",") for name in named.split()}
    planned = {benchmark.name for benchmark in SMALL}
    files = {path.stem for path in all_benchmarks.FOLDER.glob("*.py")}
    folders = {path.parent.name for path in all_benchmarks.FOLDER.glob("*/__main__.py")}
    # One runs the others, and one is where a benchmark works.
    assert (files | folders) - {"all", "workspace"} == planned | (left_out - {"ways"})


@pytest.mark.parametrize("benchmark", SMALL, ids=lambda benchmark: benchmark.command)
def test_a_planned_command_is_one_that_the_benchmark_takes(benchmark: SmallBenchmark) -> None:
    """Its arguments are read before `--help` is, and refused where there are no such ones."""
    path = all_benchmarks.FOLDER / f"{benchmark.name}.py"
    done = subprocess.run(
        [sys.executable, str(path), *benchmark.arguments, "--help"],
        cwd=all_benchmarks.FOLDER.parent,
        env={**os.environ, "PYTHONPATH": str(all_benchmarks.FOLDER.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_plan_fits_into_twenty_five_minutes_on_a_quiet_machine() -> None:
    # What the processes were measured to take; on two cores some of it runs at once.
    assert all(benchmark.cpu_seconds > 0 for benchmark in SMALL)
    assert sum(benchmark.cpu_seconds for benchmark in SMALL) < 25 * 60
    assert all(benchmark.cpu_seconds < benchmark.minutes * 60 for benchmark in SMALL)


def test_a_failure_does_not_stop_the_next_and_the_end_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.py").write_text("1/0")
    (tmp_path / "good.py").write_text("print('| figure |')")
    plan = tuple(SmallBenchmark(name, (), cpu_seconds=1) for name in ("bad", "good"))
    monkeypatch.setattr(all_benchmarks, "FOLDER", tmp_path)
    monkeypatch.setattr(all_benchmarks, "SMALL", plan)
    monkeypatch.setattr("sys.argv", ["all.py"])
    assert all_benchmarks.main() == 1
    printed = capsys.readouterr().out
    assert "ZeroDivisionError" in printed
    assert "| figure |" in printed
    assert "without figures: `python benchmarks/bad.py`." in printed


def test_an_end_without_a_failure_says_so() -> None:
    assert "without figures: none." in describe_end([])


def test_a_table_is_printed_under_its_command(toy: SmallBenchmark, tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text("import sys; print('| a |', sys.argv[1])")
    text = describe_result(run(toy, 60))
    assert text.startswith("## `python benchmarks/toy.py 1`")
    assert "| a | 1" in text
    assert "No figures" not in text


@pytest.mark.parametrize("code", ["raise SystemExit('no such peer')", "print()", "1/0"])
def test_a_failure_is_named_with_its_last_words(
    toy: SmallBenchmark, tmp_path: Path, code: str
) -> None:
    (tmp_path / "toy.py").write_text(code)
    assert "**No figures:** failed with exit code" in describe_result(run(toy, 60))


def test_what_finds_no_time_is_not_run_and_says_so(toy: SmallBenchmark, tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text("import time; time.sleep(60)")
    assert run(toy, 0).problem.startswith("not run")
    assert "its limit" in run(toy, 0.2).problem


def test_the_machine_is_named() -> None:
    assert "cores" in describe_machine()
    assert "Python 3." in describe_machine()
