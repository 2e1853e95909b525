"""DVC's entry: its arguments, whose code it runs, and how it starts itself again, isolated."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks import __main__ as worker
from tasks.errors import EvidenceError, Refusal, RefusalKind, RefusedError
from tasks.system.installation import Installation
from tasks.worker import running

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.delenv("PORTCULLIS_CHANNEL", raising=False)
    # The suite's own process goes on after the test, and people look into it.
    monkeypatch.setattr(worker, "hide_from_others", lambda: None)
    monkeypatch.setattr(worker, "die_with_parent", lambda: None)


def test_a_stage_refuses_to_run_with_other_code_than_that_of_its_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "run_stage", lambda *_: pytest.fail("it was begun"))
    assert worker.main(["admit", "tiny"]) == 2
    assert (
        f"expected the code of the checkout that it is started in, {tmp_path}; found that of"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (EvidenceError("ledger", expected="a", found="a fork", remedy="Look."), 2, "found a fork"),
        (
            RefusedError("register@tiny", (Refusal(RefusalKind.CHECK_FAILED, "no"),), remedy="x"),
            3,
            "no",
        ),
    ],
)
def test_a_stage_that_nobody_signed_for_has_failed_and_says_why(
    error: Exception,
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(stage: str, case: str, installation: Installation) -> None:
        assert (stage, case) == ("admit", "tiny")
        raise error

    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(running, "run_stage", refuse)
    assert worker.main(["admit", "tiny"]) == code
    assert words in capsys.readouterr().err


def test_a_stage_s_own_exit_code_is_the_worker_s_and_its_lines_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(running, "run_stage", lambda *_: (3, ("a receiver is down",)))
    assert worker.main(["admit", "tiny"]) == 3
    assert "a receiver is down" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["admit"], ["admit", "tiny", "more"], ["no_such_stage", "tiny"]]
)
def test_other_arguments_print_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert worker.main(arguments) == 2
    assert "usage: python -m tasks <stage> <use case>" in capsys.readouterr().err


def test_started_as_a_module_it_starts_itself_again_isolated() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tasks"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    # The second interpreter was asked for nothing: `-X importtime` ended with the first.
    assert done.stderr.rstrip().splitlines()[-2].startswith("usage: python -m tasks")


@pytest.mark.parametrize("case", ["x;touch pwned;true", "../loan", "-rf", "", "a\nb", "policy"])
def test_a_use_case_of_another_name_is_refused_before_anything_is_looked_up(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert worker.main(["admit", case]) == 2
    (line, *_) = capsys.readouterr().err.splitlines()
    assert "a use case's name" in line
