"""Git is searched in history, in unreachable objects and in tracked files, and never rewritten."""

from pathlib import Path

import pytest

from tasks.erasure.sinks.git import REPORTED_LINES, GitSink
from tests.tasks.erasure.sinks.people import ANN, ANNS_NAME, BOB, TERMS
from tests.tasks.erasure.small_installation import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    commit(tmp_path, "first.txt", BOB)
    return tmp_path


def commit(workspace: Path, name: str, text: str, message: str = "change") -> str:
    (workspace / name).write_text(f"{text}\n")
    git(workspace, "add", "-A")
    git(workspace, "commit", "-qm", message)
    return git(workspace, "rev-parse", "HEAD")


def test_a_repository_without_them_has_nothing_to_report(repository: Path) -> None:
    report = GitSink(repository).purge(TERMS)

    assert report.searched == 3  # a commit, its tree, a file
    assert (report.left, report.unseen) == ((), ())


def test_a_file_of_an_earlier_commit_is_found_and_its_path_named(repository: Path) -> None:
    commit(repository, "old.csv", ANN)
    commit(repository, "old.csv", BOB)

    (line,) = GitSink(repository).purge(TERMS).left

    assert "(old.csv) holds a value of theirs" in line
    assert ANN not in line


def test_a_commit_message_that_names_them_is_found(repository: Path) -> None:
    head = commit(repository, "x.txt", BOB, f"by {ANNS_NAME}")

    (line,) = GitSink(repository).purge(TERMS).left

    assert line.startswith(f"git object {head[:12]} (a commit)")


def test_an_object_that_no_commit_reaches_is_found(repository: Path) -> None:
    (repository / "staged.txt").write_text(ANNS_NAME)
    git(repository, "add", "-A")
    git(repository, "reset", "-q", "--hard")

    (line,) = GitSink(repository).purge(TERMS).left

    assert "in no commit" in line


def test_a_tracked_file_s_owner_has_to_be_told(repository: Path) -> None:
    (repository / "first.txt").write_text(ANN)  # changed, and not committed

    (line,) = GitSink(repository).purge(TERMS).left

    assert line == "first.txt, which git tracks, holds a value of theirs: its owner has to be told"


def test_nothing_is_rewritten(repository: Path) -> None:
    head = commit(repository, "old.csv", ANN)

    report = GitSink(repository).purge(TERMS)

    assert (report.rewritten, report.removed) == (0, 0)
    assert git(repository, "rev-parse", "HEAD") == head
    assert (repository / "old.csv").read_text() == f"{ANN}\n"


def test_a_long_report_is_cut_and_says_how_much_is_left_out(repository: Path) -> None:
    for number in range(REPORTED_LINES + 3):
        (repository / f"f{number}").write_text(f"{ANN} {number}")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "many")

    lines = GitSink(repository).purge(TERMS).left

    assert len(lines) == REPORTED_LINES + 1
    assert lines[-1] == "and 26 more"  # 23 objects and 23 files of the working tree, less 20


def test_a_folder_without_a_repository_has_none(tmp_path: Path) -> None:
    report = GitSink(tmp_path).purge(TERMS)

    assert (report.searched, report.unseen) == (0, ())


def test_a_repository_that_git_does_not_answer_about_is_said_to_be_unsearched(
    tmp_path: Path,
) -> None:
    (tmp_path / ".git").mkdir()

    assert "does not answer" in GitSink(tmp_path).purge(TERMS).unseen[0]
