"""`test`: every step runs, whatever failed before it; the floor is asked of the whole suite."""

import re
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
import typer

from flows.cli.test import CHECKS, FAST, MEASURED, WHOLE, main, record_run, run_steps
from tasks.attestation.predicates.records import SUITE, SuiteRun
from tasks.code_identity import environment
from tasks.errors import ConfigError, DataError
from tasks.notary.notary import open_notary, trusted_root
from tasks.verifier.log_reader import EVERYTHING, read_log
from tests.installations import installation_at
from tests.tasks.predicate_samples import CODE

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


def run_test(monkeypatch: pytest.MonkeyPatch, runs: Runs, **options: bool) -> int:
    monkeypatch.setattr("flows.cli.test.subprocess.run", runs)
    return main(cast("typer.Context", None), **options)


@pytest.mark.parametrize(
    ("options", "steps"), [({}, WHOLE), ({"fast": True}, FAST), ({"coverage": True}, MEASURED)]
)
def test_every_step_runs_by_this_interpreter(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bool],
    steps: tuple[tuple[str, tuple[str, ...]], ...],
) -> None:
    runs = Runs()
    assert run_test(monkeypatch, runs, **options) == 0
    assert runs.commands == [[sys.executable, "-m", *command] for _, command in (*CHECKS, *steps)]


def test_a_step_that_fails_stops_no_other_and_is_named_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs("ruff", "coverage")
    assert run_test(monkeypatch, runs, coverage=True) == 1
    assert len(runs.commands) == len(CHECKS) + len(MEASURED)
    assert capsys.readouterr().out == "failed: lint, format, coverage, tests\n"


def test_the_fast_one_leaves_out_integration() -> None:
    ((name, command),) = FAST
    assert name == "tests"
    assert command[-2:] == ("-m", "not integration")


def test_no_floor_is_asked_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs()
    with pytest.raises(ConfigError, match="expected --fast or --coverage; found both"):
        run_test(monkeypatch, runs, fast=True, coverage=True)
    assert runs.commands == []


def test_every_tool_is_among_what_tests_need() -> None:
    listed = (CHECKOUT / "tests" / "requirements.in").read_text(encoding="utf-8")
    needed = {re.split(r"[\[<>=]", line)[0] for line in listed.splitlines()}
    assert {command[0] for _, command in (*CHECKS, *WHOLE, *FAST, *MEASURED)} <= needed


def test_the_report_is_asked_of_the_tests_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs()
    monkeypatch.setattr("flows.cli.test.subprocess.run", runs)
    run_steps((("lint", ("ruff", "check")), ("tests", ("pytest",))), ("--junitxml=x",))
    assert [command[2:] for command in runs.commands] == [
        ["ruff", "check"],
        ["pytest", "--junitxml=x"],
    ]


REPORT = """<testsuites><testsuite>
<testcase file="tests/test_a.py" name="test_b[1]"/>
<testcase file="tests/test_a.py" name="test_b[2]"><failure/></testcase>
</testsuite></testsuites>"""


def test_what_ran_is_signed_with_the_code_and_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(environment, "identity", lambda *_: CODE)
    (tmp_path / "tests").mkdir()
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    installation = installation_at(tmp_path)
    assert record_run(report, installation).startswith("1 tests recorded as entry")

    with open_notary(installation) as notary:
        log = read_log(notary.ledger, trusted_root(installation), EVERYTHING)
    (signed,) = log.statements(SuiteRun, SUITE)
    assert signed.predicate.results == {"tests/test_a.py::test_b": "failed"}
    assert signed.predicate.code == CODE


@pytest.mark.parametrize("content", ["", "<testsuites/>"])
def test_no_report_records_nothing(tmp_path: Path, content: str) -> None:
    report = tmp_path / "report.xml"
    report.write_text(content)
    with pytest.raises(DataError, match="the report of the tests"):
        record_run(report, installation_at(tmp_path))
