"""One command for all benchmarks: what fails, or finds no time, is named and never silent."""

from pathlib import Path

import pytest

from benchmarks import all as all_benchmarks
from benchmarks.all import SMALL, SmallBenchmark, describe_machine, describe_result, run


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallBenchmark:
    """A benchmark whose file a test writes."""
    monkeypatch.setattr(all_benchmarks, "FOLDER", tmp_path)
    return SmallBenchmark("toy", ("1",), minutes=1)


def test_every_benchmark_that_is_listed_is_there() -> None:
    for benchmark in SMALL:
        assert (all_benchmarks.FOLDER / f"{benchmark.name}.py").is_file()


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
