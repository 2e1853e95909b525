"""The command of an installed package: which folders it hands over to, and to whose launcher."""

import os
import sys
from pathlib import Path

import pytest

from flows import installed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that has what a checkout has."""
    for mark in installed.MARKS:
        (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mark).touch()
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that this process would have become."""
    commands: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: commands.append(command))
    return commands


def test_a_checkout_is_a_folder_with_every_mark(checkout: Path) -> None:
    assert installed.is_checkout(checkout)


@pytest.mark.parametrize("mark", installed.MARKS)
def test_a_folder_that_lacks_a_mark_is_no_checkout(checkout: Path, mark: str) -> None:
    (checkout / mark).unlink()
    assert not installed.is_checkout(checkout)


def test_a_checkout_of_one_s_own_is_run_by_its_own_launcher(
    checkout: Path, started: list[list[str]]
) -> None:
    installed.hand_over(checkout, ["release", "loan"])
    assert started == [[sys.executable, str(checkout / "portcullis"), "release", "loan"]]


def test_a_checkout_of_another_account_is_not_run(
    checkout: Path,
    started: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # A folder of root's is taken by everybody, so that this one must not be root's.
    stranger = checkout.stat().st_uid + 4242
    stat = os.stat_result((0o40755, 0, 0, 1, stranger, 0, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda _: stat)
    with pytest.raises(SystemExit, match="2"):
        installed.hand_over(checkout, [])
    assert started == []
    assert "expected a checkout of your own" in capsys.readouterr().err


def test_other_modules_of_these_names_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules, "tasks.foreign": sys})
    installed.use_own_code()
    assert "tasks.foreign" not in sys.modules
    assert sys.path[0] == str(installed.CODE)
