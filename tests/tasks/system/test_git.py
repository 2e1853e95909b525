"""Git answers about the checkout it is asked about, whatever the caller's shell has set."""

import os
import subprocess
from pathlib import Path

import pytest

from tasks.system.git import ask_git, git_environment


def make_repository(folder: Path, branch: str) -> Path:
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", branch], cwd=folder, check=True)
    return folder


def branch_of(workspace: Path) -> bytes:
    answer = ask_git(workspace, "symbolic-ref", "--short", "HEAD")
    assert answer is not None
    return answer.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "checkout", "ours")


def test_it_answers_about_the_checkout(checkout: Path) -> None:
    assert branch_of(checkout) == b"ours"


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_a_repository_that_a_hook_names_is_not_asked(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    other = make_repository(tmp_path / "other", "theirs")
    monkeypatch.setenv(variable, str(other / ".git"))
    assert branch_of(checkout) == b"ours"


def test_a_failure_is_an_exit_code_and_no_exception(tmp_path: Path) -> None:
    answer = ask_git(tmp_path, "rev-parse", "HEAD")
    assert answer is not None
    assert answer.returncode != 0
    assert answer.stderr


def test_a_machine_without_git_is_no_answer(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert ask_git(checkout, "status") is None


def test_a_program_that_the_checkout_s_configuration_names_is_not_started(
    checkout: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "started"
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {trace}\n")
    monitor.chmod(0o755)
    subprocess.run(["git", "config", "core.fsmonitor", str(monitor)], cwd=checkout, check=True)

    ask_git(checkout, "status", "--porcelain")
    assert not trace.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another account")
def test_a_checkout_of_another_account_is_answered_about(checkout: Path) -> None:
    os.chown(checkout, 12345, 12345)
    os.chown(checkout / ".git", 12345, 12345)
    assert branch_of(checkout) == b"ours"


def test_the_environment_keeps_all_but_git_s_own_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -v")
    monkeypatch.setenv("PORTCULLIS_ACTOR", "ann")
    environment = git_environment()
    assert environment["PORTCULLIS_ACTOR"] == "ann"
    assert {name for name in environment if name.startswith("GIT_")} == {"GIT_OPTIONAL_LOCKS"}
