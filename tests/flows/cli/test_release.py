"""What `./portcullis release` refuses before it starts Prefect, and what it says of the end."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli import release
from flows.cli.release import check_dvc_folder, check_workspace
from flows.cli.unchanged_release import UNDECIDED
from flows.serving import attending
from tasks.errors import ConfigError
from tasks.settings import Settings
from tests.cases import write_case
from tests.flows.cli.running import run
from tests.flows.workspace import CASE, case, write_case_files
from tests.installations import installation_at


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout with one use case and its folders."""
    write_case_files(tmp_path)
    write_case(tmp_path, CASE, case())
    for name in ("data", ".dvc"):
        (tmp_path / name).mkdir(exist_ok=True)
    return tmp_path


def attend_with(monkeypatch: pytest.MonkeyPatch, code: int) -> list[list[str]]:
    """Let every attended command end with `code`; return the list that the commands go to."""
    commands: list[list[str]] = []

    @contextmanager
    def open_api(_: object) -> Iterator[attending.PrefectApi]:
        yield attending.PrefectApi("http://127.0.0.1:9/api")

    def attend_command(command: list[str], _: object = None) -> int:
        commands.append(command)
        return code

    monkeypatch.setattr(attending, "open_api", open_api)
    monkeypatch.setattr(attending, "attend_command", attend_command)
    monkeypatch.setattr(
        attending, "crash_unfinished_runs", lambda _, tag: commands.append(["crash", tag])
    )
    return commands


def test_a_mistyped_name_is_refused_before_anything_starts(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = attend_with(monkeypatch, 0)
    with pytest.raises(ConfigError, match="tini"):
        run(release, installation_at(workspace), "tini")
    assert commands == []


@pytest.mark.parametrize("name", [".", "data", ".dvc"])
def test_a_folder_that_is_not_writable_is_refused_by_its_name(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    locked = workspace / name
    # Root may write anywhere, so the question is answered here and not by permissions.
    monkeypatch.setattr(os, "access", lambda folder, _: Path(folder) != locked)
    with pytest.raises(ConfigError, match="a folder that you may write to") as error:
        check_workspace(workspace)
    assert str(error.value).startswith(f"{locked.absolute()}: ")


@pytest.mark.parametrize("code", [0, 2, 3, 4])
def test_the_exit_code_of_the_release_is_passed_on(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
) -> None:
    commands = attend_with(monkeypatch, code)
    assert run(release, installation_at(workspace), CASE) == code
    (command,) = commands
    assert command[-3:-1] == [CASE, str(os.getpid())]
    assert command[-1].startswith("command-")
    assert capsys.readouterr().err == ""


def test_an_interruption_is_named_with_what_to_do(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = attend_with(monkeypatch, 128 + signal.SIGTERM)
    assert run(release, installation_at(workspace), CASE) == 128 + signal.SIGTERM
    # Whatever is still running of what was started, by the tag that it was given.
    command, crash = commands
    assert crash == ["crash", command[-1]]
    error = capsys.readouterr().err
    assert "ended by SIGTERM" in error
    assert "the same command goes on where it stopped" in error


@pytest.mark.parametrize("name", ["/proc/nonexistent/dvc", "/dev/null/dvc"])
def test_a_place_for_dvcs_notes_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="DVC_SITE_CACHE_DIR"):
        check_dvc_folder(Settings.from_environment({"DVC_SITE_CACHE_DIR": name}))


def test_one_that_can_be_made_is_made(tmp_path: Path) -> None:
    check_dvc_folder(Settings.from_environment({"DVC_SITE_CACHE_DIR": str(tmp_path / "a" / "dvc")}))
    assert (tmp_path / "a" / "dvc").is_dir()


def put_receipt(workspace: Path) -> None:
    path = workspace / "data" / CASE / "register" / "receipt.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")


@pytest.mark.parametrize("code", [0, 128 + signal.SIGINT])
def test_what_was_released_is_looked_at_first_and_that_may_be_all(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    put_receipt(workspace)
    commands = attend_with(monkeypatch, code)
    assert run(release, installation_at(workspace), CASE) == code
    (command,) = commands
    assert command[-3:] == ["flows.cli.unchanged_release", CASE, str(os.getpid())]


@pytest.mark.parametrize("code", [1, 3, UNDECIDED])
def test_any_other_end_of_the_look_is_followed_by_the_whole_path(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    put_receipt(workspace)
    commands = attend_with(monkeypatch, code)
    assert run(release, installation_at(workspace), CASE) == code
    assert [command[2] for command in commands] == [
        "flows.cli.unchanged_release",
        "flows.cli.attended_release",
    ]


@pytest.mark.parametrize("variable", ["PREFECT_API_URL", "PORTCULLIS_WORKER"])
def test_a_run_that_people_look_for_elsewhere_takes_the_whole_path(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    put_receipt(workspace)
    commands = attend_with(monkeypatch, 0)
    settings = Settings.from_environment({variable: "http://127.0.0.1:9/api"})
    run(release, replace(installation_at(workspace), settings=settings), CASE)
    assert [command[2] for command in commands] == ["flows.cli.attended_release"]
