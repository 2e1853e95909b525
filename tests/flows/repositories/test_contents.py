"""What a repository holds: in a checkout all of it is tracked, and nothing of it is bytecode."""

import subprocess
from pathlib import Path

from flows.repositories import contents

CHECKOUT = Path(__file__).parents[3]


def tracked(*names: str) -> set[str]:
    """Return what git knows, or would, of files and folders of this checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *names],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name for name in listed.stdout.splitlines() if (CHECKOUT / name).is_file()}


def test_the_managed_files_are_this_checkout_s_code_and_locks_and_nothing_beside() -> None:
    own = tracked(*(name for name in contents.MANAGED if name not in contents.RENAMED))
    assert set(contents.managed_files()) == own | {*contents.RENAMED}


def test_the_files_that_it_begins_with_are_tracked_too() -> None:
    files = contents.started_files()
    assert {path.relative_to(CHECKOUT).as_posix() for path in files.values()} <= tracked()
    assert not files.keys() & contents.managed_files().keys()


def test_the_example_brings_its_resolved_copy() -> None:
    assert "configs/claims/resolved.yaml" in contents.example_files()


def test_the_readme_names_every_file_s_owner() -> None:
    text = contents.started_files()["README.md"].read_text()
    locks = [name for name in contents.MANAGED if name.endswith(".lock") and "/" in name]
    for name in {*contents.MANAGED, *contents.STARTED} - {*locks, "LICENSE-portcullis"}:
        assert name in text or name.partition("/")[0] == ".dvc", name
