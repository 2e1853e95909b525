"""The page `docs/how-to-add.md`, executed: a gate and a case, added as it says."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.flows.workspace import CASE, CHECKOUT, Workspace

pytestmark = pytest.mark.integration

PAGE = (CHECKOUT / "docs" / "how-to-add.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- (\w+) ?(\S*) -->\n```\w+\n(.*?)```", re.DOTALL)
PORTCULLIS = (sys.executable, "-m", "flows")
REGISTER = f"register@{CASE}"


@dataclass(frozen=True)
class Added:
    """A workspace that has a gate more and was released with it. Never changed."""

    workspace: Workspace
    by_hand: set[str]  # the files that the page has changed
    derived: set[str]  # those that `sync` changed then


@pytest.fixture(scope="module")
def added(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Added:
    workspace = released.copy(tmp_path_factory.mktemp("added"))
    add_gate(workspace)
    by_hand = changed_files(workspace)
    workspace.run(*PORTCULLIS, "sync")
    derived = changed_files(workspace) - by_hand

    # Past Prefect, which the case below takes: the path is the same.
    workspace.dvc("repro", REGISTER)
    return Added(workspace, by_hand, derived)


def blocks(heading: str, action: str) -> list[tuple[str, str]]:
    """Return (target, text) of the blocks of one section of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [(target, text) for kind, target, text in BLOCK.findall(section) if kind == action]


def write_files(workspace: Workspace, heading: str) -> None:
    for target, text in blocks(heading, "write"):
        path = workspace.root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def add_gate(workspace: Workspace) -> None:
    """Do what the page says, up to `sync`."""
    write_files(workspace, "A gate")

    ((table, row),) = blocks("A gate", "insert")
    path = workspace.root / table
    before, end, after = path.read_text(encoding="utf-8").partition(")\n\nGATES = ")
    assert end
    path.write_text(before + row + end + after, encoding="utf-8")

    ((_, text),) = blocks("A gate", "merge")
    merge_into_case(workspace, yaml.safe_load(text))


def merge_into_case(workspace: Workspace, more: dict[str, dict[str, object]]) -> None:
    path = workspace.root / "configs" / CASE / "case.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, content in more.items():
        values.setdefault(section, {}).update(content)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def changed_files(workspace: Workspace) -> set[str]:
    listed = workspace.run("git", "status", "--porcelain", "--untracked-files=all").stdout
    names = {line[3:] for line in listed.splitlines()}
    return {name for name in names if not name.startswith(("data/", "dvc.lock"))}


def decision_of(workspace: Workspace) -> dict[str, str]:
    """Return gate -> outcome of the decision that was written."""
    decision = json.loads(workspace.path("decide/decision.json").read_text(encoding="utf-8"))
    return {gate["gate"]: gate["outcome"] for gate in decision["gates"]}


def test_a_gate_touches_its_room_one_row_its_configuration_and_its_limits(added: Added) -> None:
    room = {f"tasks/stages/example/{path.name}" for path in room_files(added.workspace)}
    assert added.by_hand == {*room, "tasks/path.py", f"configs/{CASE}/case.yaml"}
    assert added.derived == {"dvc.yaml", f"configs/{CASE}/resolved.yaml"}

    assert decision_of(added.workspace)["example"] == "pass"
    assert added.workspace.path("register/receipt.json").exists()


def room_files(workspace: Workspace) -> list[Path]:
    return list((workspace.root / "tasks" / "stages" / "example").glob("*.py"))


def test_an_added_gate_that_fails_blocks_the_registration(added: Added, tmp_path: Path) -> None:
    workspace = added.workspace.copy(tmp_path)
    versions = workspace.versions()
    # Another model, which was never registered: of it alone an absent version says something.
    merge_into_case(workspace, {"train": {"seed": 3}})
    path = workspace.root / "configs" / CASE / "case.yaml"
    text = path.read_text()
    stricter = text.replace("most_common_score_ratio: 0.5", "most_common_score_ratio: 0.000001")
    assert stricter != text
    path.write_text(stricter)
    workspace.run(*PORTCULLIS, "sync")

    done = workspace.dvc("repro", REGISTER, check=False)
    assert done.returncode
    assert "share of the most common score" in done.stdout + done.stderr
    assert decision_of(workspace)["example"] == "fail"
    assert workspace.versions() == versions


def test_a_verdict_of_an_added_gate_that_is_missing_blocks(workspace: Workspace) -> None:
    """From the moment its row is in the table, a model that it never judged is not cleared."""
    add_gate(workspace)
    workspace.run(*PORTCULLIS, "sync")
    done = workspace.stage("register")
    assert done.returncode == 3
    assert "example: no signed verdict" in done.stderr


def test_a_case_is_added_as_the_page_says(workspace: Workspace) -> None:
    write_files(workspace, "A case")
    ((_, commands),) = blocks("A case", "run")
    for command in commands.splitlines():
        words = command.split()
        assert words[0] == "./portcullis"
        done = workspace.run(*PORTCULLIS, *words[1:])
    assert "REGISTERED" in done.stdout
    receipt = workspace.root / "data" / words[-1] / "register" / "receipt.json"
    assert json.loads(receipt.read_text())["name"] == words[-1]
