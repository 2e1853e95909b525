"""Git is searched in history, in unreachable objects and in tracked files, and never rewritten."""

from pathlib import Path
from typing import Any

import pytest

from tasks.erasure.searching.looking import Look
from tasks.erasure.sinks import PurgeOptions
from tasks.erasure.sinks.git import GitSink
from tasks.system.git import ask_git
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

    assert report.searched > 3  # a commit, its tree, a file, and git's own files
    assert (report.left, report.unseen) == ((), ())


def test_a_file_of_an_earlier_commit_is_found_and_its_path_named(repository: Path) -> None:
    commit(repository, "old.csv", ANN)
    commit(repository, "old.csv", BOB)

    (line,) = GitSink(repository).purge(TERMS).left

    assert "(old.csv) holds a value of theirs" in line
    assert ANN not in line


def test_a_commit_message_that_names_them_is_found(repository: Path) -> None:
    head = commit(repository, "x.txt", BOB, f"by {ANNS_NAME}")

    lines = GitSink(repository).purge(TERMS).left

    assert lines[0].startswith(f"git object {head[:12]} (a commit)")
    assert "git: COMMIT_EDITMSG holds a value of theirs: a person has to decide" in lines


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


def test_a_long_report_names_each_place(repository: Path) -> None:
    for number in range(23):
        (repository / f"f{number}").write_text(f"{ANN} {number}")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "many")

    lines = GitSink(repository).purge(TERMS).left

    assert len(set(lines)) == 46  # 23 objects, and 23 files of the working tree


def test_a_branch_a_tag_and_a_stash_that_name_them_are_found(repository: Path) -> None:
    git(repository, "branch", f"for/{ANN}")
    git(repository, "tag", "-a", "v1", "-m", f"made by {ANNS_NAME}")
    (repository / "first.txt").write_text(f"{ANN}, put aside")
    git(repository, "stash", "-q")
    git(repository, "notes", "add", "-m", f"asked by {ANN}")

    lines = GitSink(repository).purge(TERMS).left

    assert "git ref refs/heads/for/[erased]: its name holds a value of theirs" in lines
    objects = [line for line in lines if line.startswith("git object")]
    assert len(objects) == 3  # the tag, the note, the stashed file
    assert ANN not in str(lines)


def test_a_branch_with_another_end_of_line_in_its_name_is_one_branch(repository: Path) -> None:
    git(repository, "branch", f"a\u2028b/{ANN}")
    lines = GitSink(repository).purge(TERMS).left
    assert "git ref refs/heads/a\u2028b/[erased]: its name holds a value of theirs" in lines


def test_what_only_the_reflog_reaches_is_found(repository: Path) -> None:
    commit(repository, "x.txt", BOB, f"by {ANNS_NAME}")
    git(repository, "reset", "-q", "--hard", "HEAD~1")

    lines = GitSink(repository).purge(TERMS).left

    assert any("in no commit" in line for line in lines)
    # The reflog itself has the subject of the commit.
    assert "git: logs/HEAD holds a value of theirs: a person has to decide" in lines


def test_files_that_git_does_not_track_are_left_to_their_owner(repository: Path) -> None:
    commit(repository, ".gitignore", "ignored/")
    for name in ("new.txt", "ignored/deep/x.txt", "elsewhere/x.txt", ".venv/x.txt", "data/x.txt"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(ANN)

    sink = GitSink(repository, elsewhere=(repository / "elsewhere",))
    lines = sink.purge(TERMS, PurgeOptions(removes_files=True)).left

    assert lines == (
        "checkout: ignored/deep/x.txt holds a value of theirs: a person has to decide",
        "checkout: new.txt holds a value of theirs: a person has to decide",
    )
    assert (repository / "new.txt").read_text() == ANN


def test_a_tracked_name_and_a_message_that_is_being_written_are_found(repository: Path) -> None:
    commit(repository, f"{ANN}.txt", BOB)
    (repository / ".git" / "COMMIT_EDITMSG").write_text(f"Ask {ANNS_NAME}")

    lines = GitSink(repository).purge(TERMS).left

    assert any(line.startswith("[erased].txt, which git tracks,") for line in lines)
    assert "git: COMMIT_EDITMSG holds a value of theirs: a person has to decide" in lines


def test_what_others_are_called_too_is_said_as_that(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Look(is_ambiguous=True)
    monkeypatch.setattr("tasks.erasure.sinks.git.look_at_content", lambda *_, **__: look)

    lines = GitSink(repository).purge(TERMS).left

    assert lines[-1].startswith("first.txt, which git tracks, holds what others are called, too")


def test_a_tracked_file_that_cannot_be_read_is_said(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", refuse)

    assert GitSink(repository).purge(TERMS).unseen == (
        "first.txt could not be read (PermissionError)",
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:hunter2@git.example.org/x.git", "git.example.org"),
        ("git@git.example.org:x.git", "git.example.org"),
        ("/srv/git/x.git", "a folder"),
    ],
)
def test_a_remote_is_named_and_no_password_of_it(repository: Path, url: str, shown: str) -> None:
    git(repository, "remote", "add", "origin", url)

    (line,) = GitSink(repository).purge(TERMS).unseen

    assert line == f"git remote origin ({shown}), and every clone: not searched"


def test_other_working_trees_and_submodules_are_named(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "other"), "-b", "other")
    (repository / ".gitmodules").write_text("")

    assert GitSink(repository, elsewhere=(tmp_path / "other",)).purge(TERMS).unseen == (
        "git: files of 1 other working trees: not searched",
        "git: repositories of submodules: not searched",
    )


def test_a_git_that_goes_silent_is_said_and_files_are_searched_even_so(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, "x.txt", ANN)
    calls: list[Any] = []

    def answer_once(*arguments: Any) -> Any:
        calls.append(arguments)
        return ask_git(*arguments) if len(calls) == 1 else None

    monkeypatch.setattr("tasks.erasure.sinks.git.ask_git", answer_once)

    report = GitSink(repository).purge(TERMS)

    assert report.unseen == ("git: it stopped answering: not all was searched",)
    assert report.left == ("checkout: x.txt holds a value of theirs: a person has to decide",)


@pytest.mark.parametrize("script", ["echo '0123 missing'", "exit 3"])
def test_objects_that_git_cannot_list_are_said(
    repository: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr("tasks.erasure.sinks.git.git_command", lambda *_: ["sh", "-c", script])

    assert (
        "git: it stopped answering: not all was searched" in GitSink(repository).purge(TERMS).unseen
    )


def test_a_tracked_file_that_was_deleted_or_became_a_link_is_no_fault(repository: Path) -> None:
    commit(repository, "second.txt", BOB)
    (repository / "first.txt").unlink()
    (repository / "second.txt").unlink()
    (repository / "second.txt").symlink_to("elsewhere")

    assert GitSink(repository).purge(TERMS).left == ()


@pytest.mark.parametrize("damage", [b"", b"no object"])
def test_a_damaged_object_is_said(repository: Path, damage: bytes) -> None:
    blob = git(repository, "rev-parse", "HEAD:first.txt")
    path = repository / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    path.write_bytes(damage)

    (line,) = GitSink(repository).purge(TERMS).unseen

    assert line == "git: it stopped answering: not all was searched"


def test_a_folder_without_a_repository_has_none(tmp_path: Path) -> None:
    report = GitSink(tmp_path).purge(TERMS)

    assert (report.searched, report.unseen) == (0, ())


def test_a_repository_that_git_does_not_answer_about_is_said_to_be_unsearched(
    tmp_path: Path,
) -> None:
    (tmp_path / ".git").mkdir()

    assert "does not answer" in GitSink(tmp_path).purge(TERMS).unseen[0]
