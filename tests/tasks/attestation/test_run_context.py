"""The circumstances of a run: what git says of the code, who started it, and with which tools."""

import os
import pwd
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tasks.attestation.run_context import (
    Commit,
    find_commit,
    person_sha256,
    started_by,
    timestamp,
    tools_of,
)
from tasks.path import STAGES
from tests.installations import settings_now

AUTHOR = "ann@example.org"


def git(workspace: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ann", "-c", f"user.email={AUTHOR}")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=workspace, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of one commit: code, configuration, and a file that is neither."""
    workspace = tmp_path / "checkout"
    for name in ("tasks/model.py", "configs/limits.yaml", "README.md"):
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first\n")

    git(workspace, "init", "-q")
    git(workspace, "add", ".")
    git(workspace, "commit", "-q", "-m", "Begin")
    return workspace


def test_a_clean_checkout_is_its_commit_and_nothing_more(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert find_commit(checkout) == Commit(head, person_sha256(AUTHOR))


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    assert find_commit(tmp_path) == Commit()


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert find_commit(tmp_path) == Commit()


def test_a_machine_without_git_has_no_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert find_commit(checkout) == Commit()


def test_a_changed_file_of_code_is_named(checkout: Path) -> None:
    (checkout / "tasks/model.py").write_text("second\n")
    assert find_commit(checkout).dirty == ("tasks/model.py",)


def test_a_change_that_is_staged_is_named_too(checkout: Path) -> None:
    (checkout / "configs/limits.yaml").write_text("second\n")
    git(checkout, "add", ".")
    assert find_commit(checkout).dirty == ("configs/limits.yaml",)


def test_an_untracked_file_of_code_is_named(checkout: Path) -> None:
    (checkout / "tasks/new.py").write_text("new\n")
    assert find_commit(checkout).dirty == ("tasks/new.py",)


def test_a_deleted_file_of_code_is_named(checkout: Path) -> None:
    (checkout / "tasks/model.py").unlink()
    (checkout / "tasks/other.py").write_text("keeps the folder\n")
    assert find_commit(checkout).dirty == ("tasks/model.py", "tasks/other.py")


def test_files_are_named_in_order(checkout: Path) -> None:
    (checkout / "tasks/zebra.py").write_text("new\n")
    (checkout / "tasks/model.py").write_text("second\n")
    (checkout / "configs/limits.yaml").write_text("second\n")
    assert find_commit(checkout).dirty == (
        "configs/limits.yaml",
        "tasks/model.py",
        "tasks/zebra.py",
    )


@pytest.mark.parametrize("name", ["README.md", "dvc.lock", "data/tiny/rows.parquet"])
def test_what_is_no_code_makes_nothing_dirty(checkout: Path, name: str) -> None:
    path = checkout / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("second\n")
    assert find_commit(checkout).dirty == ()


def test_bytecode_that_git_ignores_makes_nothing_dirty(checkout: Path) -> None:
    (checkout / ".git/info/exclude").write_text("__pycache__/\n")
    (checkout / "tasks/__pycache__").mkdir()
    (checkout / "tasks/__pycache__/model.pyc").write_text("bytecode\n")
    assert find_commit(checkout).dirty == ()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another account")
def test_a_checkout_of_another_account_has_its_commit(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    os.chown(checkout, 12345, 12345)
    os.chown(checkout / ".git", 12345, 12345)
    assert find_commit(checkout).sha == head


def test_the_author_of_the_newest_commit_counts(checkout: Path) -> None:
    (checkout / "README.md").write_text("second\n")
    git(checkout, "commit", "-q", "-a", "-m", "Go on", "--author", "Bob <bob@example.org>")
    assert find_commit(checkout).author_sha256 == person_sha256("bob@example.org")


@pytest.mark.parametrize("email", ["ANN@example.org", " ann@example.org\n", "Ann@Example.ORG"])
def test_one_address_in_several_spellings_is_one_person(email: str) -> None:
    assert person_sha256(email) == person_sha256(AUTHOR)


def test_two_addresses_are_two_people() -> None:
    assert person_sha256("bob@example.org") != person_sha256(AUTHOR)


@pytest.mark.parametrize("email", ["", " ", "\n"])
def test_no_address_is_nobody(email: str) -> None:
    assert person_sha256(email) == ""


def test_an_address_cannot_be_read_off() -> None:
    assert re.fullmatch("[0-9a-f]{64}", person_sha256(AUTHOR))


def test_the_staff_id_that_is_set_started_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_ACTOR", " ann ")
    assert started_by(settings_now()) == "ann"


def test_without_a_staff_id_the_login_name_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_ACTOR", "  ")
    assert started_by(settings_now()) == pwd.getpwuid(os.getuid()).pw_name


def test_an_account_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTCULLIS_ACTOR")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    assert started_by(settings_now()) == "uid 4000000001"


@pytest.mark.parametrize("stage", STAGES)
def test_tools_are_named_by_their_installed_versions(stage: str) -> None:
    tools = tools_of(stage)
    assert set(tools) == {"python", *STAGES[stage].tools}
    assert all(tools[name] == version(name) for name in STAGES[stage].tools)


def test_a_tool_that_is_not_installed_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", refuse)
    tools = tools_of("admit")
    assert {tools[name] for name in STAGES["admit"].tools} == {"not installed"}


def test_the_time_is_rfc_3339_in_utc() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", timestamp())
