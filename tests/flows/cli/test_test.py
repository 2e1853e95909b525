"""`test`: every step runs, whatever failed before it; the floor is asked of the whole suite."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli.test import CHECKS, FAST, WHOLE, main

CHECKOUT = Path(__file__).parents[3]


class Runs:
    """Notes what is run; what is named in `failing` ends with 1."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], *, check: bool) -> subprocess.CompletedProcess[bytes]:
        assert not check
        self.commands.append(command)
        code = int(any(word in self.failing for word in command))
        return subprocess.CompletedProcess(command, code)


def run_test(monkeypatch: pytest.MonkeyPatch, runs: Runs, *, fast: bool) -> int:
    monkeypatch.setattr("flows.cli.test.subprocess.run", runs)
    return main(fast=fast)


@pytest.mark.parametrize(("fast", "steps"), [(False, WHOLE), (True, FAST)])
def test_every_step_runs_by_this_interpreter(
    monkeypatch: pytest.MonkeyPatch, fast: bool, steps: tuple[tuple[str, tuple[str, ...]], ...]
) -> None:
    runs = Runs()
    assert run_test(monkeypatch, runs, fast=fast) == 0
    assert runs.commands == [[sys.executable, "-m", *command] for _, command in (*CHECKS, *steps)]


def test_a_step_that_fails_stops_no_other_and_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs("ruff", "coverage")
    assert run_test(monkeypatch, runs, fast=False) == 1
    assert len(runs.commands) == len(CHECKS) + len(WHOLE)
    assert capsys.readouterr().out == "failed: lint, format, coverage, tests\n"


def test_the_fast_one_leaves_out_integration_and_asks_for_no_coverage() -> None:
    ((name, command),) = FAST
    assert name == "tests"
    assert command[-2:] == ("-m", "not integration")
    assert "coverage" not in command


def test_every_tool_is_among_what_tests_need() -> None:
    listed = (CHECKOUT / "tests" / "requirements.in").read_text(encoding="utf-8")
    needed = {re.split(r"[\[<>=]", line)[0] for line in listed.splitlines()}
    assert {command[0] for _, command in (*CHECKS, *WHOLE, *FAST)} <= needed
