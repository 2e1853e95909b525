"""One folder for the same bytes; what was changed in it is made anew, or refused while in use."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tasks.code_identity.tree import Tree, read_tree
from tasks.errors import EvidenceError
from tasks.system.installation import Installation
from tasks.worker.locking import is_held
from tasks.worker.snapshot import KEPT, open_snapshot
from tests.installations import installation_at


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation whose checkout holds one module and one file of configuration."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    workspace = tmp_path / "checkout"
    (workspace / "tasks").mkdir(parents=True)
    (workspace / "tasks" / "code.py").write_text("LIMIT = 1\n")
    (workspace / "configs").mkdir()
    (workspace / "configs" / "case.yaml").write_text("strict")
    return installation_at(workspace)


def opened(here: Installation) -> AbstractContextManager[tuple[Tree, Path]]:
    return open_snapshot(here, here.home / "trees")


def test_the_same_bytes_have_one_folder_and_other_bytes_another(here: Installation) -> None:
    with (
        opened(here) as (_, first),
        opened(here) as (_, second),
    ):
        assert first == second
    (here.workspace / "configs" / "case.yaml").write_text("lax")
    with opened(here) as (tree, third):
        assert third != first
        assert third.name == tree.sha256
        assert (third / "configs" / "case.yaml").read_text() == "lax"
        assert (first / "configs" / "case.yaml").read_text() == "strict"


def test_what_is_exchanged_in_the_checkout_changes_nothing_in_the_snapshot(
    here: Installation,
) -> None:
    with opened(here) as (tree, folder):
        (here.workspace / "configs" / "case.yaml").write_text("lax")
        assert (folder / "configs" / "case.yaml").read_text() == "strict"
        assert tree.files["configs/case.yaml"] == b"strict"


def alter(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.chmod(0o755)
    if path.exists():
        path.chmod(0o644)
    path.write_text(text)


@pytest.mark.parametrize(
    "name", ["configs/case.yaml", "tasks/more.py", "tasks/__pycache__/other.cpython-311.pyc"]
)
def test_a_snapshot_that_was_changed_is_made_anew(here: Installation, name: str) -> None:
    with opened(here) as (tree, folder):
        pass
    alter(folder, name, "lax")
    with opened(here) as (_, again):
        assert again == folder
        tree.write(again)  # compares
        assert not (again / name).exists() or (again / name).read_text() == "strict"


def test_a_snapshot_that_was_changed_while_a_run_uses_it_is_refused(here: Installation) -> None:
    with opened(here) as (_, folder):
        alter(folder, "configs/case.yaml", "lax")
        with pytest.raises(EvidenceError, match="the code and configuration that were read"):
            opened(here).__enter__()
        assert (folder / "configs" / "case.yaml").read_text() == "lax"


def test_a_link_in_the_place_of_a_snapshot_is_replaced_and_not_followed(
    here: Installation, tmp_path: Path
) -> None:
    with opened(here) as (_, folder):
        pass
    precious = tmp_path / "precious"
    folder.rename(precious)
    folder.symlink_to(precious)
    with opened(here) as (_, again):
        assert not again.is_symlink()
        assert (precious / "configs" / "case.yaml").is_file()


def make_many(here: Installation, count: int) -> list[Path]:
    folders = []
    for number in range(count):
        (here.workspace / "configs" / "case.yaml").write_text(f"{number}")
        with opened(here) as (_, folder):
            folders.append(folder)
        os.utime(folder, (number, number))
    return folders


def test_old_snapshots_are_removed_with_their_locks_and_used_ones_are_kept(
    here: Installation,
) -> None:
    with opened(here) as (_, used):
        folders = make_many(here, KEPT + 3)
        assert used.is_dir()
    left = {path.name for path in (here.home / "trees").iterdir()}
    kept = {used, *folders[-KEPT - 1 :]}
    assert left == {path.name for path in kept} | {f"{path.name}.lock" for path in kept}


def test_the_draft_of_a_killed_run_is_removed(here: Installation) -> None:
    draft = here.home / "trees" / f".{read_tree(here.workspace).sha256}.1.draft"
    (draft / "tasks").mkdir(parents=True)
    (draft / "tasks").chmod(0o555)
    with opened(here):
        assert not draft.exists()


def test_bytecode_that_lies_in_the_checkout_is_not_taken_along(here: Installation) -> None:
    planted = here.workspace / "tasks" / "__pycache__" / "code.cpython-311.pyc"
    planted.parent.mkdir()
    planted.write_bytes(b"planted")
    with opened(here) as (tree, folder):
        assert not any("__pycache__" in path for path in tree.files)
        for path in folder.rglob("*.pyc"):
            assert path.read_bytes() != b"planted"


def test_nothing_is_held_when_the_block_has_ended(here: Installation) -> None:
    with opened(here) as (_, folder):
        assert is_held(folder.with_name(f"{folder.name}.lock"))
    assert not is_held(folder.with_name(f"{folder.name}.lock"))
