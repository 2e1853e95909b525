"""A repository of one's own: whole, clean by git's objects, and upgraded without a merge."""

import shutil
import subprocess
from pathlib import Path

import pytest

from flows.repositories import making
from flows.repositories.contents import managed_files, started_files
from flows.repositories.making import make_repository, upgrade_repository
from flows.repositories.manifest import read_manifest
from flows.use_cases.derived_files import derived_files, resolve_cases, stale_files
from tasks.code_identity.commits import find_commit
from tasks.code_identity.tree import read_tree
from tasks.errors import ConfigError

CODE = "tasks/path.py"


def commit(repository: Path) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (["add", "--all"], [*identity, "commit", "--quiet", "--message", "x"]):
        subprocess.run(["git", *command], cwd=repository, check=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the example, committed. It is not changed."""
    repository = tmp_path_factory.mktemp("own") / "models"
    make_repository(repository, "1", has_example=True)
    commit(repository)
    return repository


@pytest.fixture
def repository(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(made, tmp_path / "models")


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Another version: one file of code is other, one is gone, one is new."""
    files = managed_files()
    changed = tmp_path / "newer.py"
    changed.write_bytes(files[CODE].read_bytes() + b"# newer\n")
    files |= {CODE: changed, "tasks/brand_new/__init__.py": changed}
    del files["flows/erase.py"]
    monkeypatch.setattr(making, "managed_files", lambda: files)
    return files


# Made


def test_its_commit_names_every_byte_that_runs_there(made: Path) -> None:
    """What evidence is about: no file of code or configuration that the commit does not hold."""
    found = find_commit(made, read_tree(made))
    assert found.sha
    assert found.dirty == ()


def test_a_clone_by_a_git_that_writes_other_line_ends_holds_the_same_bytes(
    made: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    command = ["git", "clone", "--quiet", "--config", "core.autocrlf=true", str(made), str(clone)]
    subprocess.run(command, check=True)
    assert find_commit(clone, read_tree(clone)).dirty == ()
    assert (clone / "portcullis").read_bytes() == (made / "portcullis").read_bytes()


def test_what_follows_from_its_use_cases_is_written(made: Path) -> None:
    assert "foreach: [claims]" in (made / "dvc.yaml").read_text()
    assert "release-claims" in (made / "prefect.yaml").read_text()
    assert "release-loan" not in (made / "prefect.yaml").read_text()
    assert stale_files(derived_files(resolve_cases(made), made), made) == {}


def test_its_code_is_this_checkouts_and_its_launcher_can_be_started(made: Path) -> None:
    for name, source in managed_files().items():
        assert (made / name).read_bytes() == source.read_bytes()
    assert (made / "portcullis").stat().st_mode & 0o111
    done = subprocess.run(
        [made / "portcullis", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "portcullis 1\n"


def test_one_without_the_example_has_no_use_case_yet(tmp_path: Path) -> None:
    make_repository(tmp_path / "models", "1", has_example=False)
    assert resolve_cases(tmp_path / "models") == {}
    assert "foreach: []" in (tmp_path / "models" / "dvc.yaml").read_text()


def test_an_empty_clone_is_welcome_and_keeps_its_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--initial-branch=ours", tmp_path], check=True)
    make_repository(tmp_path, "1", has_example=False)
    assert (tmp_path / ".git" / "HEAD").read_text() == "ref: refs/heads/ours\n"


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        make_repository(tmp_path, "1", has_example=False)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("inside", [".", "bank", "configs/bank"])
def test_a_folder_in_a_checkout_is_refused(made: Path, inside: str) -> None:
    with pytest.raises(ConfigError, match="init NAME --from"):
        make_repository(made / inside, "1", has_example=False)


# Upgraded


def test_an_upgrade_replaces_adds_and_removes_what_it_manages_and_nothing_else(
    repository: Path, newer: dict[str, Path]
) -> None:
    (repository / "tasks" / "house_rules.py").write_text("# ours\n")
    (repository / ".gitignore").write_text("ours\n")
    (repository / "configs" / "claims" / "suite.yaml").write_text(
        (repository / "configs" / "claims" / "suite.yaml").read_text() + "# ours\n"
    )
    done = upgrade_repository(repository, "2")

    assert (done.before, done.after) == ("1", "2")
    assert {CODE, "tasks/brand_new/__init__.py"} <= {*done.written}
    assert done.removed == ("flows/erase.py",)
    assert not (repository / "flows" / "erase.py").exists()
    assert (repository / CODE).read_bytes().endswith(b"# newer\n")
    assert (repository / "tasks" / "house_rules.py").read_text() == "# ours\n"
    assert (repository / ".gitignore").read_text() == "ours\n"
    assert read_manifest(repository).version == "2"


@pytest.mark.parametrize("damage", ["edited", "removed", "in the way"])
def test_an_upgrade_that_would_need_a_merge_is_refused_and_changes_nothing(
    repository: Path, newer: dict[str, Path], damage: str
) -> None:
    path = repository / {"in the way": "tasks/brand_new/__init__.py"}.get(damage, CODE)
    path.parent.mkdir(exist_ok=True)
    if damage == "removed":
        path.unlink()
    else:
        path.write_text("# ours\n")
    commit(repository)
    with pytest.raises(ConfigError, match=path.relative_to(repository).as_posix()):
        upgrade_repository(repository, "2")
    status = ["git", "status", "--porcelain"]
    done = subprocess.run(status, cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_an_upgrade_that_was_interrupted_is_finished_by_the_next(
    repository: Path, newer: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = making._write
    written: list[str] = []

    def interrupted(folder: Path, name: str, content: bytes) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(name)
        write(folder, name, content)

    with monkeypatch.context() as patched:
        patched.setattr(making, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            upgrade_repository(repository, "2")
    assert read_manifest(repository).version == "1"
    upgrade_repository(repository, "2")
    assert read_manifest(repository).version == "2"


def test_a_started_file_that_both_have_changed_is_kept_and_named(
    repository: Path, newer: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = started_files()
    for name in (".gitignore", "README.md"):
        started[name] = tmp_path / "theirs"
    (tmp_path / "theirs").write_text("the new version's\n")
    monkeypatch.setattr(making, "started_files", lambda: started)
    (repository / ".gitignore").write_text("ours\n")

    assert upgrade_repository(repository, "2").kept == (".gitignore",)
    assert (repository / ".gitignore").read_text() == "ours\n"
    assert (repository / "README.md").read_text() == "the new version's\n"


def test_the_same_version_has_nothing_to_upgrade(repository: Path) -> None:
    with pytest.raises(ConfigError, match="of this version"):
        upgrade_repository(repository, "1")


def test_a_link_in_the_place_of_a_folder_is_not_followed(
    repository: Path, newer: dict[str, Path], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    shutil.move(repository / "tasks", outside)
    (repository / "tasks").symlink_to(outside)
    with pytest.raises(ConfigError, match="found a link"):
        upgrade_repository(repository, "2")
    assert not (outside / "brand_new").exists()
