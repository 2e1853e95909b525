"""The commit that the code stands at, by git's objects: whatever git is told, the bytes count."""

import os
import subprocess
import zlib
from pathlib import Path

import pytest

from tasks.attestation.identities import person_sha256
from tasks.code_identity.commits import Commit, find_commit
from tasks.code_identity.tree import read_tree
from tasks.errors import EvidenceError

AUTHOR = "ann@example.org"


def git(workspace: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ann", "-c", f"user.email={AUTHOR}")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=workspace, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit_of(workspace: Path) -> Commit:
    return find_commit(workspace, read_tree(workspace))


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
    assert commit_of(checkout) == Commit(head, person_sha256(AUTHOR))


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == Commit()


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) == Commit()


def test_a_machine_without_git_has_no_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert commit_of(checkout) == Commit()


def test_a_changed_file_of_code_is_named(checkout: Path) -> None:
    (checkout / "tasks/model.py").write_text("second\n")
    assert commit_of(checkout).dirty == ("tasks/model.py",)


def test_a_change_that_is_staged_is_named_too(checkout: Path) -> None:
    (checkout / "configs/limits.yaml").write_text("second\n")
    git(checkout, "add", ".")
    assert commit_of(checkout).dirty == ("configs/limits.yaml",)


def test_an_untracked_file_of_code_is_named(checkout: Path) -> None:
    (checkout / "tasks/new.py").write_text("new\n")
    assert commit_of(checkout).dirty == ("tasks/new.py",)


def test_a_deleted_file_of_code_is_named(checkout: Path) -> None:
    (checkout / "tasks/model.py").unlink()
    (checkout / "tasks/other.py").write_text("keeps the folder\n")
    assert commit_of(checkout).dirty == ("tasks/model.py", "tasks/other.py")


def test_files_are_named_in_order(checkout: Path) -> None:
    (checkout / "tasks/zebra.py").write_text("new\n")
    (checkout / "tasks/model.py").write_text("second\n")
    (checkout / "configs/limits.yaml").write_text("second\n")
    assert commit_of(checkout).dirty == (
        "configs/limits.yaml",
        "tasks/model.py",
        "tasks/zebra.py",
    )


@pytest.mark.parametrize("name", ["README.md", "dvc.lock", "data/tiny/rows.parquet"])
def test_what_is_no_code_makes_nothing_dirty(checkout: Path, name: str) -> None:
    path = checkout / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("second\n")
    assert commit_of(checkout).dirty == ()


def test_bytecode_that_git_ignores_makes_nothing_dirty(checkout: Path) -> None:
    (checkout / ".git/info/exclude").write_text("__pycache__/\n")
    (checkout / "tasks/__pycache__").mkdir()
    (checkout / "tasks/__pycache__/model.pyc").write_text("bytecode\n")
    assert commit_of(checkout).dirty == ()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another account")
def test_a_checkout_of_another_account_has_its_commit(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    os.chown(checkout, 12345, 12345)
    os.chown(checkout / ".git", 12345, 12345)
    assert commit_of(checkout).sha == head


def test_the_author_of_the_newest_commit_counts(checkout: Path) -> None:
    (checkout / "README.md").write_text("second\n")
    git(checkout, "commit", "-q", "-a", "-m", "Go on", "--author", "Bob <bob@example.org>")
    assert commit_of(checkout).author_sha256 == person_sha256("bob@example.org")


def change(checkout: Path) -> None:
    (checkout / "tasks/model.py").write_text("second\n")


CHANGED = ("tasks/model.py",)


def test_a_change_hidden_by_skip_worktree_is_named(checkout: Path) -> None:
    git(checkout, "update-index", "--skip-worktree", "tasks/model.py")
    change(checkout)
    assert git(checkout, "status", "--porcelain") == ""
    assert commit_of(checkout).dirty == CHANGED


def test_a_change_hidden_by_assume_unchanged_is_named(checkout: Path) -> None:
    git(checkout, "update-index", "--assume-unchanged", "tasks/model.py")
    change(checkout)
    assert git(checkout, "status", "--porcelain") == ""
    assert commit_of(checkout).dirty == CHANGED


@pytest.mark.parametrize("ignoring", [".git/info/exclude", ".gitignore", "tasks/.gitignore"])
def test_a_planted_file_that_git_ignores_is_named(checkout: Path, ignoring: str) -> None:
    (checkout / ignoring).write_text("planted.py\n.gitignore\n")
    (checkout / "tasks/planted.py").write_text("planted\n")
    assert git(checkout, "status", "--porcelain") == ""
    assert "tasks/planted.py" in commit_of(checkout).dirty


def test_a_commit_that_a_forged_index_hides_is_the_one_compared_with(checkout: Path) -> None:
    change(checkout)
    git(checkout, "add", ".")  # index and files agree, the commit does not
    assert commit_of(checkout).dirty == CHANGED


@pytest.mark.parametrize(
    "variable",
    [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_NAMESPACE",
        "GIT_EXEC_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_TRACE",
    ],
)
def test_git_s_variables_change_nothing(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "Other")
    expected = commit_of(checkout)
    monkeypatch.setenv(variable, str(other / ".git"))
    assert commit_of(checkout) == expected
    assert expected.sha


def test_a_configuration_in_the_environment_is_not_obeyed(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = commit_of(checkout)
    (tmp_path / "gitconfig").write_text("[core]\n\trepositoryformatversion = 99\n[broken")
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / "gitconfig"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[broken")
    assert commit_of(checkout) == expected


def test_a_commit_that_replaces_another_does_not_count(checkout: Path) -> None:
    change(checkout)
    head = git(checkout, "rev-parse", "HEAD")
    git(checkout, "commit", "-q", "-a", "-m", "Another")
    git(checkout, "replace", head, git(checkout, "rev-parse", "HEAD"))
    git(checkout, "reset", "-q", "--soft", head)
    assert commit_of(checkout).sha == head
    assert commit_of(checkout).dirty == CHANGED


def test_a_blob_that_replaces_another_does_not_count(checkout: Path) -> None:
    change(checkout)
    blob = git(checkout, "rev-parse", "HEAD:tasks/model.py")
    git(checkout, "replace", blob, git(checkout, "hash-object", "-w", "tasks/model.py"))
    assert commit_of(checkout).dirty == CHANGED


@pytest.mark.parametrize(
    "option", ["core.fsmonitor", "core.hooksPath", "core.pager", "core.editor"]
)
def test_no_program_that_the_repository_names_is_run(
    checkout: Path, tmp_path: Path, option: str
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/it-ran\n")
    program.chmod(0o755)
    git(checkout, "config", option, str(program))
    change(checkout)
    assert commit_of(checkout).dirty == CHANGED
    assert not (tmp_path / "it-ran").exists()


def test_a_filter_that_hides_a_change_does_not_run(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "config", "filter.hide.clean", f"touch {tmp_path}/it-ran; echo first")
    (checkout / ".git/info/attributes").write_text("*.py filter=hide\n")
    change(checkout)
    assert git(checkout, "diff", "--stat") == ""
    (tmp_path / "it-ran").unlink(missing_ok=True)
    assert commit_of(checkout).dirty == CHANGED
    assert not (tmp_path / "it-ran").exists()


def test_a_program_named_git_in_the_workspace_does_not_run(checkout: Path) -> None:
    (checkout / "git").write_text("#!/bin/sh\nexit 1\n")
    (checkout / "git").chmod(0o755)
    assert commit_of(checkout).sha


def loose_object(checkout: Path, name: str) -> Path:
    identifier = git(checkout, "rev-parse", name)
    path = checkout / ".git/objects" / identifier[:2] / identifier[2:]
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("name", ["HEAD", "HEAD^{tree}", "HEAD:tasks"])
def test_an_object_of_other_content_than_its_id_is_refused(checkout: Path, name: str) -> None:
    path = loose_object(checkout, name)
    header, _, content = zlib.decompress(path.read_bytes()).partition(b"\0")
    path.write_bytes(zlib.compress(header + b"\0" + content.replace(b"e", b"f", 1)))
    with pytest.raises(EvidenceError, match="git object"):
        commit_of(checkout)


@pytest.mark.parametrize("name", ["HEAD", "HEAD^{tree}", "HEAD:tasks"])
def test_an_object_that_is_cut_short_is_refused(checkout: Path, name: str) -> None:
    path = loose_object(checkout, name)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(EvidenceError, match="git object"):
        commit_of(checkout)


@pytest.mark.parametrize("name", ["HEAD", "HEAD^{tree}", "HEAD:tasks"])
def test_a_lost_object_is_refused(checkout: Path, name: str) -> None:
    loose_object(checkout, name).unlink()
    with pytest.raises(EvidenceError, match="git object"):
        commit_of(checkout)


def test_a_lost_blob_is_not_missed_because_bytes_are_compared_by_id(checkout: Path) -> None:
    loose_object(checkout, "HEAD:tasks/model.py").unlink()
    assert commit_of(checkout).dirty == ()


def test_a_repository_that_git_does_not_read_is_refused(checkout: Path) -> None:
    git(checkout, "config", "core.repositoryformatversion", "99")
    with pytest.raises(EvidenceError, match="git object"):
        commit_of(checkout)


def test_objects_in_a_pack_are_read_too(checkout: Path) -> None:
    git(checkout, "gc", "-q")
    change(checkout)
    assert commit_of(checkout).dirty == CHANGED


def test_a_repository_of_sha256_is_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/a.yaml").write_text("a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    (tmp_path / "configs/b.yaml").write_text("b")
    commit = commit_of(tmp_path)
    assert len(commit.sha) == 64
    assert commit.dirty == ("configs/b.yaml",)


def test_a_linked_working_tree_has_its_own_commit(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    linked = tmp_path / "linked"
    (linked / "tasks/model.py").write_text("third\n")
    git(linked, "commit", "-q", "-a", "-m", "Go on")
    assert commit_of(linked) == Commit(git(linked, "rev-parse", "HEAD"), person_sha256(AUTHOR))
    assert commit_of(linked).sha != commit_of(checkout).sha


def test_a_file_that_names_another_repository_is_compared_with_that(
    checkout: Path, tmp_path: Path
) -> None:
    """Bytes that are at no commit of it are named, each of them."""
    other = tmp_path / "other"
    (other / "tasks").mkdir(parents=True)
    (other / "tasks/model.py").write_text("planted\n")
    (other / ".git").write_text(f"gitdir: {checkout / '.git'}\n")
    assert commit_of(other).dirty == ("configs/limits.yaml", "tasks/model.py")


@pytest.mark.parametrize("text", ["gitdir: nowhere\n", "", "x"])
def test_a_file_that_names_no_repository_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").write_text(text)
    with pytest.raises(EvidenceError, match=r"a file that names git's folder"):
        commit_of(tmp_path)


def test_a_workspace_in_a_folder_of_the_repository_is_compared_with_that_folder(
    checkout: Path,
) -> None:
    inner = checkout / "inner"
    (inner / "tasks").mkdir(parents=True)
    (inner / "tasks/model.py").write_text("first\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "Nest")
    assert commit_of(inner).dirty == ()
    (inner / "tasks/model.py").write_text("second\n")
    assert commit_of(inner).dirty == CHANGED
    assert commit_of(checkout).dirty == ()


def test_a_renamed_file_is_named_under_both_names(checkout: Path) -> None:
    git(checkout, "mv", "tasks/model.py", "tasks/renamed.py")
    assert commit_of(checkout).dirty == ("tasks/model.py", "tasks/renamed.py")


@pytest.mark.parametrize("name", ["größe.py", "a b.py", 'a"b.py', "a -> b.py"])
def test_a_name_of_any_letters_is_given_as_it_is(checkout: Path, name: str) -> None:
    (checkout / "tasks" / name).write_text("new\n")
    assert commit_of(checkout).dirty == (f"tasks/{name}",)
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "Add")
    assert commit_of(checkout).dirty == ()


def test_a_program_that_lost_its_mode_is_named(checkout: Path) -> None:
    (checkout / "tasks/model.py").chmod(0o755)
    git(checkout, "config", "core.fileMode", "false")
    assert commit_of(checkout).dirty == CHANGED


def test_a_link_that_was_committed_is_named(checkout: Path) -> None:
    (checkout / "tasks/link.py").symlink_to("model.py")
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "Link")
    (checkout / "tasks/link.py").unlink()
    (checkout / "tasks/link.py").write_text("model.py")
    assert commit_of(checkout).dirty == ("tasks/link.py",)


def test_another_repository_among_the_code_is_named(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    git(checkout, "update-index", "--add", "--cacheinfo", f"160000,{head},tasks/vendored")
    git(checkout, "commit", "-q", "-m", "Vendor")
    assert commit_of(checkout).dirty == ("tasks/vendored",)


def test_bytecode_that_was_committed_makes_nothing_dirty(checkout: Path) -> None:
    (checkout / "tasks/old.pyc").write_text("bytecode")
    git(checkout, "add", "-f", ".")
    git(checkout, "commit", "-q", "-m", "Bytecode")
    assert commit_of(checkout).dirty == ()


def test_a_partial_clone_asks_nobody_for_what_it_lacks(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    source = f"file://{checkout}"
    git(tmp_path, "clone", "-q", "--filter=tree:0", "--no-checkout", source, str(clone))
    program = tmp_path / "upload"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/it-ran\n")
    program.chmod(0o755)
    git(clone, "config", "remote.origin.uploadpack", str(program))
    with pytest.raises(EvidenceError, match="git object"):
        commit_of(clone)
    assert not (tmp_path / "it-ran").exists()


def test_a_commit_without_an_author_s_address_has_no_author(checkout: Path) -> None:
    git(checkout, "commit", "-q", "--allow-empty", "-m", "x", "--author", "Bob <>")
    assert commit_of(checkout).author_sha256 == ""
