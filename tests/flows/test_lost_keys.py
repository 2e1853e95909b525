"""What the signed log has seen never falls, through the real commands: nobody erased comes back."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows.workspace import CASE, Workspace, make
from tests.tasks.guard.test_opening import STORE, restore, save

pytestmark = pytest.mark.integration

ERASED = "person3@example.org"
SECRETS = ("pepper.key", "pseudonym.key", "seal.key", "tombstone.key", "root.key")
INGEST = f"ingest@{CASE}"


@dataclass(frozen=True)
class Erased:
    """A workspace in which somebody was erased, and a backup of the key store from before."""

    workspace: Workspace
    backup: Path


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Erased:
    folder = tmp_path_factory.mktemp("lost")
    workspace = make(folder / "checkout", folder / "home")
    workspace.dvc("repro", INGEST)
    save(workspace.home, folder / "backup")
    flows(workspace, "erase", CASE, "--subject", ERASED, code=0)
    assert "1 rows left out" in ingest(workspace, code=0)
    return Erased(workspace, folder / "backup")


@pytest.fixture
def erased(pattern: Erased, tmp_path: Path) -> Erased:
    shutil.copytree(pattern.workspace.root, tmp_path / "checkout", symlinks=True)
    shutil.copytree(pattern.workspace.home, tmp_path / "home")
    return Erased(Workspace(tmp_path / "checkout", tmp_path / "home"), pattern.backup)


def flows(workspace: Workspace, *arguments: str, code: int) -> str:
    """Run a command of the launcher; return what it says."""
    done = workspace.run("python", "-m", "flows", *arguments, check=False)
    return answer(done, code)


def ingest(workspace: Workspace, *, code: int) -> str:
    """Take the same delivery in again, as the worker does for DVC."""
    done = workspace.stage("ingest")
    return answer(done, code)


def answer(done: "subprocess.CompletedProcess[str]", code: int) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert ERASED not in done.stdout + done.stderr
    return done.stdout + done.stderr


def assert_refused(workspace: Workspace, words: str) -> None:
    """See that neither a stage nor a command goes on, and that the doctor says the same."""
    before = sorted(path.name for path in workspace.home.glob("*.key"))
    rows = workspace.path("ingest/rows.parquet").read_bytes()
    assert words in ingest(workspace, code=2)
    assert words in flows(workspace, "erase", CASE, "--subject", "person9@example.org", code=2)
    assert words in flows(workspace, "doctor", code=3)
    assert sorted(path.name for path in workspace.home.glob("*.key")) == before
    assert workspace.path("ingest/rows.parquet").read_bytes() == rows


@pytest.mark.parametrize("name", SECRETS)
def test_a_lost_secret_brings_nobody_back(erased: Erased, name: str) -> None:
    (erased.workspace.home / name).unlink()
    assert_refused(erased.workspace, name)


def test_a_lost_key_store_brings_nobody_back(erased: Erased) -> None:
    for name in STORE:
        (erased.workspace.home / name).unlink(missing_ok=True)
    assert_refused(erased.workspace, "key store keys.db")
    line = flows(erased.workspace, "keys", "renew-store", "--reason", "the disk was lost", code=0)
    assert "1 erasures are lost with the old one" in line
    assert "it followed one that is lost, by a person's word: the disk was lost" in ingest(
        erased.workspace, code=0
    )


def test_a_backup_from_before_the_erasure_brings_nobody_back(erased: Erased) -> None:
    restore(erased.backup, erased.workspace.home, "keys.db")
    assert_refused(erased.workspace, "would bring back 1 people")
    restore(erased.backup, erased.workspace.home, *SECRETS)
    assert_refused(erased.workspace, "would bring back 1 people")


def test_a_lost_log_brings_nobody_back(erased: Erased) -> None:
    for path in erased.workspace.home.glob("ledger.db*"):
        path.unlink()
    assert "found no log at all" in ingest(erased.workspace, code=2)
