"""With `--json` one object is all there is on standard output, also where a command is refused."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows import __main__ as commands
from flows.cli import sync
from flows.cli.base.answering import error_values, print_result
from tasks.config.collecting import SeveralFaultsError
from tasks.errors import AgreementError, ConfigError, Refusal, RefusedError, ServiceError

CHECKOUT = Path(__file__).parents[4]
CANARY = "Zyx Canary"


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(commands, "settle", lambda: None)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return a command's exit code and its object, the only thing on standard output."""
    code = commands.run_command([*arguments, "--json"])
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, values


def test_a_usage_error_is_an_object_with_what_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, values = answer(capsys, "doctor", "--al")
    assert code == values["error"].pop("exitCode") == 2
    assert values["error"].pop("remedy").startswith("Did you mean `--all`")
    assert values["error"] == {
        "kind": "usage",
        "where": "./portcullis doctor",
        "expected": "one of its options",
        "found": "`--al`",
    }


def test_a_refusal_is_an_object_and_a_line_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = commands.run_command(["release", "loan", "--json"])
    output, errors = capsys.readouterr()
    assert code == json.loads(output)["error"]["exitCode"] == 2
    assert json.loads(output)["error"]["kind"] == "config"
    assert errors.startswith("portcullis: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "kind"), [(KeyboardInterrupt, "interrupted"), (KeyError, "fault")]
)
def test_an_interruption_and_a_fault_are_objects_that_quote_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: type[BaseException],
    kind: str,
) -> None:
    def stumble(*_: object) -> None:
        raise error(CANARY)

    monkeypatch.setattr(sync, "resolve_each", stumble)
    code, values = answer(capsys, "sync")
    assert values["error"]["kind"] == kind
    assert values["error"]["exitCode"] == code
    assert CANARY not in str(values)


REFUSAL = RefusedError("gate", (Refusal("check.failed", "fairness: no"),), remedy="Mend it.")
FAULT = ConfigError("case.yaml", expected="a\nlist", found="none", remedy="Mend it.")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FAULT, "config"),
        (AgreementError("s", expected="", found="", remedy=""), "agreement"),
        (ServiceError("s", expected="", found="", remedy=""), "service"),
        (REFUSAL, "refused"),
        (SeveralFaultsError((FAULT, FAULT)), "several_faults"),
    ],
)
def test_a_kind_is_an_id_and_every_text_one_line(error: ConfigError, kind: str) -> None:
    values = error_values(error)
    assert values["kind"] == kind
    assert not any("\n" in text for text in values.values() if isinstance(text, str))


def test_a_result_is_shown_by_a_terminal_and_not_obeyed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_result(["left: notes\x1b[2J\u202e.txt", "hold `a\nall is well`"], {}, is_json=False)
    lines = ["left: notes\\x1b[2J\\u202e.txt", "hold `a all is well`"]
    assert capsys.readouterr().out.splitlines() == lines


def test_refusals_and_faults_are_listed_each_by_itself() -> None:
    assert error_values(REFUSAL)["refusals"] == [{"kind": "check.failed", "text": "fairness: no"}]
    assert error_values(SeveralFaultsError((FAULT, FAULT)))["faults"] == [error_values(FAULT)] * 2


@pytest.mark.parametrize("arguments", [("--version",), ("keys", "--help")])
def test_an_output_without_room_is_one_line(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flows", *arguments],
            cwd=CHECKOUT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr.startswith("portcullis: standard output, or a file: expected room to write")
    assert done.stderr.count("\n") == 1
