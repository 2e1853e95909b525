"""Nothing is hidden: a stage is shown, and opens, no file that it does not declare.

Each stage is run as the worker runs it: from the snapshot of code and configuration, in a run
folder of its own. The worker's questions to the ledger are left out; they read nothing for it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.attestation.artefacts import declared
from tasks.isolated import FLAGS, STAGE
from tasks.path import STAGES
from tasks.settings import environment_of_stage
from tasks.system.installation import Installation
from tasks.worker.run_folder import RunFolder, open_run_folder
from tasks.worker.snapshot import open_snapshot
from tests.flows.opened_files import opened_files
from tests.flows.workspace import CASE, Workspace, case

pytestmark = pytest.mark.integration

# Every stage compares the resolved copy of its use case, which it declares by section, with the
# files that the copy was made of. It refuses where they differ, and takes nothing else from them.
FRESHNESS = {"configs/index.yaml", f"configs/{CASE}"}
# How the worker starts a stage: no stage's figures hang on it.
START = {"tasks/isolated.py"}

WITHOUT_SOURCES = [stage for stage in STAGES if not STAGES[stage].reads_sources]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_opens_only_what_it_declares(
    workspace: Workspace, stage: str, tmp_path: Path
) -> None:
    assert undeclared_files(workspace, stage, tmp_path / "opened") == set()


@pytest.mark.parametrize("stage", WITHOUT_SOURCES)
def test_a_stage_is_shown_no_data_that_it_does_not_declare(
    workspace: Workspace, stage: str
) -> None:
    (workspace.root / "hidden.txt").write_text("a limit that nobody declares")
    (workspace.root / "data" / "hidden.txt").write_text("another")

    with run_folder(workspace, stage) as run:
        top = {entry.name for entry in run.path.iterdir()}
        in_snapshot = {entry.name for entry in run.snapshot.iterdir()}
        shown = {path.relative_to(run.path).as_posix() for path in files_below(run.path / "data")}

    assert top == in_snapshot | {"data", "lock"}
    assert {path for path in shown if not is_below(path, run.declared.inputs)} == set()


def test_a_file_that_is_not_declared_is_not_there_for_the_stage(workspace: Workspace) -> None:
    (workspace.root / "hidden.txt").write_text("a limit that nobody declares")
    append_to_stage(workspace, "decide", "open('hidden.txt').close()")
    before = workspace.path("decide/decision.json").read_bytes()

    done = workspace.stage("decide")

    assert done.returncode == 1
    assert "FileNotFoundError" in done.stderr
    assert workspace.path("decide/decision.json").read_bytes() == before


def test_a_file_that_is_opened_by_its_whole_path_is_noticed(
    workspace: Workspace, tmp_path: Path
) -> None:
    hidden = workspace.root / "hidden.txt"
    hidden.write_text("a limit that nobody declares")
    append_to_stage(workspace, "decide", f"open({str(hidden)!r}).close()")

    assert undeclared_files(workspace, "decide", tmp_path / "opened") == {"hidden.txt"}


def undeclared_files(workspace: Workspace, stage: str, log: Path) -> set[str]:
    """Run a stage; return what it opened of checkout and snapshot, and neither declares nor made.

    Paths are relative to the checkout, the snapshot or the run folder.
    """
    with run_folder(workspace, stage) as run:
        folder = run.path.readlink()
        opened = opened_files(
            [workspace.root, run.snapshot],
            [sys.executable, *FLAGS, str(run.snapshot / "tasks/isolated.py"), STAGE, stage, CASE],
            environment_of_stage(workspace.environment()),
            current_folder=folder,
            log=log,
        )
    # The run folder lies in the checkout: what is its own is named from there.
    places = (folder, run.snapshot, workspace.root)
    own_folder = folder / "data" / CASE / stage
    names = {
        next(path.relative_to(place).as_posix() for place in places if path.is_relative_to(place))
        for path in opened
        if not path.is_relative_to(own_folder) and "__pycache__" not in path.parts
    }

    allowed = {*run.declared.inputs, f"configs/{CASE}/resolved.yaml", *FRESHNESS, *START}
    if STAGES[stage].reads_sources:
        allowed |= {source["path"] for source in case()["sources"].values()}
    return {name for name in names if not is_below(name, allowed)}


@contextmanager
def run_folder(workspace: Workspace, stage: str) -> Iterator[RunFolder]:
    """Open a run folder as the worker does before it starts a stage."""
    installation = Installation.open(workspace.root, workspace.environment())
    with (
        open_snapshot(installation, installation.home / "trees") as (_, snapshot),
        open_run_folder(declared(stage, CASE, snapshot), workspace.root, snapshot) as run,
    ):
        yield run


def append_to_stage(workspace: Workspace, stage: str, line: str) -> None:
    """Add a line to a stage's code, which runs when the stage is imported."""
    code = workspace.root / "tasks" / "stages" / stage / "stage.py"
    code.write_text(f"{code.read_text()}\n{line}\n")


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files that can be reached from a folder, links followed."""
    for place, _, names in os.walk(folder, followlinks=True):
        yield from (Path(place, name) for name in names)


def is_below(path: str, allowed: set[str] | tuple[str, ...]) -> bool:
    """Say whether a file is one of `allowed`, or lies in one of these folders."""
    return any(path == name or path.startswith(f"{name}/") for name in allowed)
