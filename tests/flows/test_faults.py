"""A fault of the program ends a command with one line that quotes nothing."""

from pathlib import Path

import pytest

from flows import __main__ as commands
from flows.cli import sync

CANARY = "Zyx Canary"


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make `sync` stumble over a value, in a folder of its own."""

    def sync_that_fails(workspace: Path, faults: object) -> object:
        try:
            return int(CANARY)
        except ValueError as error:
            raise KeyError(CANARY) from error

    monkeypatch.setattr(sync, "resolve_each", sync_that_fails)
    monkeypatch.setattr(commands, "settle", lambda: None)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_DEBUG", raising=False)


@pytest.mark.usefixtures("fails")
def test_a_fault_is_one_line_with_its_class_and_places(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["sync"]) == 1
    output, errors = capsys.readouterr()
    assert errors.startswith("portcullis: a fault of the program: KeyError at ")
    assert errors.count("\n") == 1
    assert CANARY not in output + errors


@pytest.mark.usefixtures("fails")
def test_its_text_is_shown_for_development(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTCULLIS_DEBUG", "1")
    assert commands.main(["sync"]) == 1
    assert CANARY in capsys.readouterr().err


def test_a_file_name_that_is_too_long_is_the_person_s_to_mend(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sync_that_fails(workspace: Path, faults: object) -> object:
        return int((tmp_path / ("a" * 5000)).is_file())

    monkeypatch.setattr(sync, "resolve_each", sync_that_fails)
    monkeypatch.setattr(commands, "settle", lambda: None)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    assert commands.main(["sync"]) == 2
    assert "found one that is too long" in capsys.readouterr().err
