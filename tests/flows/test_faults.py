"""A fault of the program ends a command with one line that quotes nothing."""

import os
import subprocess
import sys
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


def test_an_interruption_while_a_library_is_imported_ends_by_its_exit_code(tmp_path: Path) -> None:
    """Python would kill itself by the signal: libraries `exec` while they are imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'flows.cli.sync':\n"
        "            exec('raise KeyboardInterrupt')\n"
        "sys.meta_path.insert(0, Interrupting())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "flows", "sync", "--json"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "PORTCULLIS_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr.splitlines() == [
        "portcullis: interrupted; the same command goes on where it stopped"
    ]
    assert '"kind": "interrupted"' in done.stdout
