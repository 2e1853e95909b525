"""Everybody planted everywhere once, and what is stored before and after ten are erased."""

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.flows.canaries.people import GONE, people
from tests.flows.canaries.planting import (
    Ground,
    keep_backup,
    plant_files,
    plant_in_git,
    plant_in_tools,
    plant_versions,
)
from tests.flows.canaries.scanner import Scanner
from tests.flows.canaries.snapshot import Snapshot, take_snapshot
from tests.flows.workspace import CASE, Workspace


@dataclass(frozen=True)
class Erasure:
    """What the command said, what stands on the receipts, and everything stored afterwards."""

    done: subprocess.CompletedProcess[str]
    receipt_lines: tuple[str, ...]
    after: Snapshot


@pytest.fixture(scope="session")
def scanner() -> Scanner:
    return Scanner(people())


@pytest.fixture(scope="session")
def ground(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Thirty people in four versions and in every place, nobody erased yet."""
    planted = Ground(released.copy(tmp_path_factory.mktemp("canaries")))
    plant_versions(planted)
    plant_files(planted)
    plant_in_git(planted)
    plant_in_tools(planted)
    keep_backup(planted)
    return planted


@pytest.fixture(scope="session")
def before(ground: Ground) -> Snapshot:
    return take_snapshot(ground)


@pytest.fixture(scope="session")
def erasure(ground: Ground, before: Snapshot) -> Erasure:
    """Ten of the thirty erased, by the command."""
    done = erase(ground, "--search-texts")
    return Erasure(done, receipt_lines(ground), take_snapshot(ground))


def erase(ground: Ground, *options: str) -> subprocess.CompletedProcess[str]:
    """Erase those who go, by a list that does not stay."""
    everybody = people()
    listed = ground.workspace.root.parent.parent / "erased-people.txt"
    listed.write_text("\n".join(everybody[number].email for number in GONE))
    command = (sys.executable, "-m", "flows", "erase", CASE, "--list", str(listed), *options)
    done = ground.workspace.run(*command, PORTCULLIS_SCRATCH=str(ground.scratch))
    listed.unlink()
    return done


def receipt_lines(ground: Ground) -> tuple[str, ...]:
    """Return every line of what remains and of what was not searched, of every receipt."""
    lines = set()
    for path in (ground.workspace.home / "receipts").iterdir():
        statement = json.loads(path.read_text())["statement"]
        lines |= {*statement["left"], *statement["unseen"]}
    return tuple(sorted(lines))
