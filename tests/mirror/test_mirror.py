"""One stage, one name everywhere: DVC, the door, the rooms, their tests, configuration and deployments agree."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.__main__ import COMMANDS
from tasks.__main__ import PATH
from tasks.attestation.artefacts import BYTECODE
from tasks.config.cases import case_names, load_case
from tasks.gates.decision import SUBJECTS

ROOT = Path(__file__).parents[2]
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def test_dvc_has_exactly_the_stages_of_the_path_in_its_order():
    assert tuple(DVC) == PATH


@pytest.mark.parametrize("stage", PATH)
def test_a_stage_is_a_room_with_tests_and_runs_through_the_door(stage):
    assert (ROOT / "tasks" / "stages" / stage / "stage.py").is_file()
    assert list((ROOT / "tests" / "tasks" / "stages" / stage).glob("test_*.py"))
    assert DVC[stage]["do"]["cmd"] == f"exec python -m tasks {stage} ${{item}}"
    assert f"tasks/stages/{stage}" in DVC[stage]["do"]["deps"]


@pytest.mark.parametrize("stage", PATH)
def test_a_stage_depends_on_every_room_it_imports(stage):
    declared = {dep for dep in DVC[stage]["do"]["deps"] if dep.startswith("tasks/")}
    rooms = {
        room for room in imported_rooms(ROOT / "tasks" / stage) if (ROOT / "tasks" / room).is_dir()
    }
    needed = {f"tasks/{room}" for room in rooms - {"pipeline", "evidence"}}
    assert needed <= declared


@pytest.mark.parametrize("stage", PATH)
def test_path_rooms_do_not_import_each_other_nor_the_engines_of_the_house(stage):
    names = imported_names(ROOT / "tasks" / stage)
    assert {name.split(".")[1] for name in names if name.startswith("tasks.")} & set(PATH) <= {
        stage
    }
    assert not {name.split(".")[0] for name in names} & {"prefect", "dvc", "mlflow"}


@pytest.mark.parametrize("stage", PATH)
def test_outputs_lie_in_the_stage_s_own_folder_and_plain_json_stays_out_of_the_cache(stage):
    written = DVC[stage]["do"]
    for out in (*written["outs"], *written.get("metrics", []), *written.get("plots", [])):
        name, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
        assert name.startswith(f"data/${{item}}/{stage}/")
        assert (options.get("cache") is False) == name.endswith(".json")


@pytest.mark.parametrize("gate", SUBJECTS)
def test_a_gate_writes_a_verdict_about_outputs_that_exist(gate):
    outs = {
        name if isinstance(name, str) else next(iter(name))
        for do in DVC.values()
        for name in do["do"]["outs"]
    }
    assert f"data/${{item}}/{gate}/verdict.json" in outs
    assert {f"data/${{item}}/{subject}" for subject in SUBJECTS[gate]} <= outs


@pytest.mark.parametrize("case", case_names(ROOT))
def test_a_use_case_has_limits_for_every_gate_and_a_section_for_every_stage_that_has_settings(case):
    values = load_case(case, ROOT)
    assert set(values["limits"]) == set(SUBJECTS)
    tracked = {
        section.split(".")[0]
        for stage in DVC.values()
        for entry in stage["do"].get("params", [])
        for sections in entry.values()
        for section in sections
    }
    assert tracked <= set(values)


def test_the_index_lists_the_use_cases_that_lie_in_configs():
    done = subprocess.run(
        [sys.executable, "-m", "flows", "sync", "--check"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_prefect_has_one_release_deployment_per_use_case_and_runs_one_at_a_time():
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    releases = {
        d["parameters"]["use_case"]: d
        for d in deployments
        if d["entrypoint"] == "flows/release.py:release"
    }
    assert set(releases) == set(case_names(ROOT))
    for case, deployment in releases.items():
        assert deployment["name"] == f"release-{case.replace('_', '-')}"
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
        assert case in deployment["tags"]
        assert deployment["description"]


def test_dvc_ignores_what_evidence_does_not_count_and_nothing_else():
    lines = (ROOT / ".dvcignore").read_text().splitlines()
    assert tuple(line for line in lines if line and not line.startswith("#")) == BYTECODE


def imported_names(room: Path) -> set[str]:
    """Return every module that any file of `room` imports, at its top or inside a function."""
    names: set[str] = set()
    for path in room.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module}
    return names


def imported_rooms(room: Path) -> set[str]:
    """Return the rooms of `tasks` that `room` stands on directly."""
    return {name.split(".")[1] for name in imported_names(room) if name.startswith("tasks.")}


def test_the_readme_lists_every_command_with_its_purpose():
    readme = (ROOT / "README.md").read_text()
    listed = [
        line
        for line in readme.partition("## Commands")[2].partition("## More")[0].splitlines()
        if "| `" in line
    ]
    assert listed[1:] == [f"| `{command.name}` | {command.purpose} |" for command in COMMANDS]
