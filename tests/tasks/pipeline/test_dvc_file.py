"""`dvc.yaml` as it is derived: each stage's command, and all that its outputs depend on."""

import configparser
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc_render.html import HTML
from dvc_render.vega import VegaRenderer

from tasks.config.case_paths import case_names_in
from tasks.errors import ConfigError
from tasks.path import GATES, PATH, STAGES, Plot, Stage
from tasks.pipeline import dvc_file
from tasks.pipeline.dvc_file import code_rooms, dvc_text

CHECKOUT = Path(__file__).parents[3]
CASES = case_names_in(CHECKOUT)
STAGE = "data/${item}/fairness"


@cache
def derived(stage: Stage) -> dict[str, Any]:
    """Return what `dvc.yaml` would say about one stage."""
    values = yaml.safe_load(dvc_file._stage_text(stage, CHECKOUT, CASES))
    assert set(values) == {stage.name}
    return dict(values[stage.name])


def test_the_file_that_lies_here_is_the_one_that_is_derived() -> None:
    assert (CHECKOUT / "dvc.yaml").read_text(encoding="utf-8") == dvc_text(CHECKOUT, CASES)


def test_every_stage_is_derived_once_in_the_table_s_order() -> None:
    assert list(yaml.safe_load(dvc_text(CHECKOUT, CASES))["stages"]) == [
        stage.name for stage in PATH
    ]


def test_the_use_cases_stand_in_it_and_nothing_else_is_read_for_them() -> None:
    values = yaml.safe_load(dvc_text(CHECKOUT, ("claims", "loan")))
    assert {tuple(stage["foreach"]) for stage in values["stages"].values()} == {("claims", "loan")}
    assert set(values) == {"stages"}  # no `vars`: a file of names that nobody checked


@pytest.mark.parametrize("name", ["x;touch pwned;true", "$(id)", "a b", "../x", "${item}"])
def test_a_name_that_a_shell_would_take_for_more_is_never_written(name: str) -> None:
    with pytest.raises(ConfigError, match="a use case's name"):
        dvc_text(CHECKOUT, ("loan", name))


@pytest.mark.parametrize("name", list(STAGES))
def test_no_shell_stays_between_dvc_and_the_stage(name: str) -> None:
    command = f"exec python -I -S -X utf8 tasks/isolated.py tasks {name} ${{item}}"
    assert derived(STAGES[name])["do"]["cmd"] == command


@pytest.mark.parametrize("name", list(STAGES))
def test_a_stage_depends_on_its_libraries_its_room_and_what_it_reads(name: str) -> None:
    stage = STAGES[name]
    dependencies = derived(stage)["do"]["deps"]
    assert {"requirements.lock", f"tasks/stages/{name}"} <= set(dependencies)
    assert {f"data/${{item}}/{artefact}" for artefact in stage.reads} <= set(dependencies)
    assert len(dependencies) == len(set(dependencies))


@pytest.mark.parametrize("name", list(STAGES))
def test_the_code_that_a_stage_depends_on_lies_here(name: str) -> None:
    for room in code_rooms(STAGES[name], CHECKOUT):
        assert (CHECKOUT / room).exists()


def test_no_stage_depends_on_another_stage_s_room() -> None:
    rooms = set(code_rooms(STAGES["fairness"], CHECKOUT))
    assert not {room for room in rooms if room.startswith("tasks/stages/")} - {
        "tasks/stages/__init__.py",
        "tasks/stages/fairness",
        "tasks/stages/process.py",
        "tasks/stages/workspace.py",
    }


def test_a_receipt_depends_on_the_code_that_publishes_and_no_other_output_does() -> None:
    published = {"tasks/registry", "tasks/worker"}
    for stage in PATH:
        rooms = set(code_rooms(stage, CHECKOUT))
        assert (published <= rooms) is (stage is PATH[-1])


def test_gates_and_decisions_depend_on_the_policy_and_other_stages_do_not() -> None:
    with_policy = {stage.name for stage in PATH if "configs/policy" in derived(stage)["do"]["deps"]}
    assert with_policy == {gate.name for gate in GATES} | {"decide", "register"}


def test_a_shared_file_is_a_dependency_of_the_stage_that_opens_it() -> None:
    stage = replace(STAGES["fairness"], shared_files=("thresholds.yaml",))
    assert "configs/thresholds.yaml" in derived(stage)["do"]["deps"]


def test_only_its_own_sections_of_the_use_case_make_a_stage_run_again() -> None:
    params = derived(STAGES["fairness"])["do"]["params"]
    assert params == [
        {"configs/${item}/resolved.yaml": ["columns", "fairness", "limits.fairness", "words"]}
    ]


def test_plain_json_stays_out_of_the_cache_and_sealed_rows_go_into_it() -> None:
    stage = replace(STAGES["fairness"], writes=("rows.parquet", "report.json"))
    assert derived(stage)["do"]["outs"] == [
        f"{STAGE}/rows.parquet",
        {f"{STAGE}/report.json": {"cache": False}},
    ]


def test_metrics_and_plots_are_listed_as_such_with_their_axes() -> None:
    plot = Plot(
        "roc.json",
        x="false_rate",
        y="true_rate",
        title="ROC curve",
        x_label="False rate",
        y_label="True rate",
    )
    values = derived(replace(STAGES["fairness"], metrics=("report.json",), plots=(plot,)))["do"]
    assert values["metrics"] == [{f"{STAGE}/report.json": {"cache": False}}]
    assert values["plots"] == [
        {
            f"{STAGE}/roc.json": {
                "cache": False,
                "x": "false_rate",
                "y": "true_rate",
                "title": "${item}, ROC curve",
                "x_label": "False rate",
                "y_label": "True rate",
                "template": "simple",
            }
        }
    ]


def test_only_a_stage_that_notices_what_no_file_shows_is_always_run() -> None:
    always = {stage.name for stage in PATH if "always_changed" in derived(stage)["do"]}
    assert always == {"admit", "packages"}


def test_what_dvc_plots_draws_with_lies_here_and_loads_nothing() -> None:
    config = configparser.ConfigParser()
    config.read(CHECKOUT / ".dvc" / "config")
    template = (CHECKOUT / ".dvc" / config["plots"]["html_template"]).read_text(encoding="utf-8")

    # As DVC fills it: its own scripts, which name a server, find no place.
    page = HTML(template).with_scripts(VegaRenderer.SCRIPTS).with_element("<div>plot</div>").embed()
    assert "<div>plot</div>" in page
    assert "cdn.jsdelivr" not in page
    beside_scripts = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"<script|src=|href=|https?:", beside_scripts)
    for library in ("vega 5.", "vega-lite 5.", "vega-embed 6."):
        assert f"/*!\n{library}" in page
    assert page.count("Redistribution and use in source and binary forms") == 3
