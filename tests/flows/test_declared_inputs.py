"""Nothing is hidden: a stage's process opens no file of the workspace that it does not declare."""

import sys
from pathlib import Path

import pytest
import yaml

from tasks.path import BEFORE_TRAINING, PATH, STAGES
from tests.flows.opened_files import opened_files
from tests.flows.workspace import CASE, Workspace, case

pytestmark = pytest.mark.integration


# What these two stages open beyond what makes their outputs, and why that is not hidden.
TRAIN, REGISTER = "train", PATH[-1].name


# Every stage compares the resolved copy of its use case, which it declares by section, with the
# files that the copy was made of. It refuses where they differ, and takes nothing else from them.
FRESHNESS = {"configs/index.yaml", f"configs/{CASE}"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_opens_only_what_it_declares(workspace: Workspace, stage: str) -> None:
    opened = opened_files(
        workspace.root,
        sys.executable,
        "tasks.stages.process",
        [stage, CASE],
        workspace.environment(),
    )
    allowed = declared_paths(workspace, stage) | FRESHNESS
    if STAGES[stage].reads_sources:
        allowed |= source_paths(workspace)
    if stage == TRAIN:
        # It asks whether the gates before it were judged by what is in force now, and digests that.
        # What those gates read reaches its outputs through their verdicts alone, which it declares.
        allowed |= {"dvc.yaml"}
        for gate in BEFORE_TRAINING:
            allowed |= declared_paths(workspace, gate)
    if stage == REGISTER:
        # It asks DVC whether anything upstream is stale, and git what differs from the commit: they
        # read all that is tracked. Nothing of it but what is declared reaches the receipt's
        # figures.
        allowed |= {"dvc.yaml", "dvc.lock", ".dvc", ".git", *tracked_files(workspace)}
        for other in STAGES:
            allowed |= declared_paths(workspace, other)

    undeclared = {path for path in opened if not is_allowed(path, allowed)}
    assert undeclared == set()


def test_a_file_that_is_opened_by_stealth_is_noticed(workspace: Workspace) -> None:
    (workspace.root / "hidden.txt").write_text("a limit that nobody declares")
    code = workspace.root / "tasks" / "stages" / "decide" / "stage.py"
    code.write_text(f"{code.read_text()}\nopen('hidden.txt').close()\n")

    opened = opened_files(
        workspace.root,
        sys.executable,
        "tasks.stages.process",
        ["decide", CASE],
        workspace.environment(),
    )
    assert {
        path
        for path in opened
        if not is_allowed(path, declared_paths(workspace, "decide") | FRESHNESS)
    } == {"hidden.txt"}


def declared_paths(workspace: Workspace, stage: str) -> set[str]:
    """Return what `dvc.yaml` declares for a stage, its own outputs included."""
    stages = yaml.safe_load((workspace.root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    declaration = stages[stage]["do"]
    case_files = [path for entry in declaration["params"] for path in entry]
    names = (*declaration["deps"], *case_files, f"data/${{item}}/{stage}")
    return {name.replace("${item}", CASE) for name in names}


def tracked_files(workspace: Workspace) -> set[str]:
    """Return the files that git tracks."""
    return set(workspace.run("git", "ls-files").stdout.splitlines())


def source_paths(workspace: Workspace) -> set[str]:
    """Return the files that the use case declares as its sources."""
    return {source["path"] for source in case()["sources"].values()}


def is_allowed(path: str, allowed: set[str]) -> bool:
    """Say whether a file is one of `allowed`, lies in one of these folders, or is bytecode."""
    if "__pycache__" in path:
        return True
    if Path(path).name == ".gitignore":  # DVC's own, beside outputs
        return True
    return any(path == name or path.startswith(f"{name}/") for name in allowed)
