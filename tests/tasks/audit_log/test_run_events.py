"""The events of one run: how it ended, which sealed data it read, and what had been changed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.statement import Artefact
from tasks.audit_log.events import API_ACTIVITY, DATASTORE, OTHER, READ, UPDATE
from tasks.audit_log.run_events import KNOWN, events_of
from tests.tasks.predicate_samples import RUN

SEALED = Artefact("tiny/ingest/rows.parquet", "a" * 64)
SETTING = Artefact("configs/limits.yaml", "b" * 64)
CODE = Artefact("tasks", "c" * 64, is_folder=True)
UNSEALED = {"unsealed": 7, "shredded": 1}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation that no run has used yet."""
    return tmp_path


def operations(events: list[dict[str, Any]]) -> list[str]:
    return [(values.get("api") or values["unmapped"])["operation"] for values in events]


@pytest.mark.parametrize(
    ("code", "ending", "status"),
    [
        (0, "done", 1),
        (3, "refused by a gate", 2),
        (1, "failed with exit 1", 2),
        (-9, "failed with exit -9", 2),
    ],
)
def test_a_run_is_named_with_how_it_ended(home: Path, code: int, ending: str, status: int) -> None:
    (run,) = events_of(RUN, (), {}, code, home)
    assert run["message"] == f"train@tiny: {ending}"
    assert run["status_id"] == status


def test_a_run_is_an_api_activity_of_whoever_started_it(home: Path) -> None:
    (run,) = events_of(RUN, (), {}, 0, home)
    assert (run["class_uid"], run["activity_id"]) == (API_ACTIVITY, OTHER)
    assert run["activity_name"] == run["api"]["operation"] == "stage:train"
    assert run["actor"] == {"user": {"name": "worker-7"}}


def test_a_run_names_its_use_case_invocation_and_commit(home: Path) -> None:
    (run,) = events_of(RUN, (), {}, 0, home)
    (resource,) = run["resources"]
    assert (resource["name"], resource["type"]) == ("tiny", "use case")
    assert resource["data"] == {
        "started": RUN.started,
        "invocation": RUN.invocation,
        "commit": RUN.commit,
    }


def test_reading_sealed_data_is_a_datastore_activity(home: Path) -> None:
    _, read = events_of(RUN, (SEALED,), UNSEALED, 0, home)
    assert (read["class_uid"], read["activity_id"]) == (DATASTORE, READ)
    assert read["databucket"]["name"] == SEALED.name
    assert read["message"] == f"train@tiny read {SEALED.name}"


def test_reading_sealed_data_names_counts_and_digest(home: Path) -> None:
    _, read = events_of(RUN, (CODE, SEALED), UNSEALED, 0, home)
    (resource,) = read["unmapped"]["resources"]
    assert resource["data"] == {
        "sha256": SEALED.sha256,
        "unsealed": 7,
        "shredded": 1,
        "datasets": [SEALED.name],
    }


def test_several_sealed_datasets_are_all_named(home: Path) -> None:
    other = Artefact("tiny/redact/rows.parquet", "d" * 64)
    _, read = events_of(RUN, (SEALED, other), UNSEALED, 0, home)
    (resource,) = read["unmapped"]["resources"]
    assert resource["data"]["datasets"] == [SEALED.name, other.name]


@pytest.mark.parametrize("code", [1, 3])
def test_a_run_that_failed_has_read_all_the_same(home: Path, code: int) -> None:
    assert operations(events_of(RUN, (SEALED,), UNSEALED, code, home))[1:] == ["sealed data:read"]


@pytest.mark.parametrize("claimed", [{}, {"unsealed": 0, "shredded": 4}])
def test_a_run_that_unsealed_no_row_has_read_nothing(home: Path, claimed: dict[str, int]) -> None:
    assert operations(events_of(RUN, (SEALED,), claimed, 0, home)) == ["stage:train"]


def test_the_first_run_has_changed_nothing(home: Path) -> None:
    assert operations(events_of(RUN, (SETTING,), {}, 0, home)) == ["stage:train"]


def test_settings_that_stay_are_no_event(home: Path) -> None:
    events_of(RUN, (SETTING,), {}, 0, home)
    assert operations(events_of(RUN, (SETTING,), {}, 0, home)) == ["stage:train"]


def test_a_changed_section_is_named_with_both_digests(home: Path) -> None:
    events_of(RUN, (), {}, 0, home)
    changed_run = replace(RUN, params_sha256={"train": "e" * 64})

    _, changed = events_of(changed_run, (), {}, 0, home)
    (resource,) = changed["resources"]
    assert changed["activity_id"] == UPDATE
    assert resource["name"] == "configs/tiny/resolved.yaml#train"
    assert resource["data"] == {"from": "b" * 64, "to": "e" * 64}


def test_a_changed_file_of_configuration_is_named(home: Path) -> None:
    events_of(RUN, (SETTING,), {}, 0, home)
    _, changed = events_of(RUN, (replace(SETTING, sha256="e" * 64),), {}, 0, home)
    assert changed["resources"][0]["name"] == SETTING.name


def test_a_change_is_named_once(home: Path) -> None:
    events_of(RUN, (SETTING,), {}, 0, home)
    changed = (replace(SETTING, sha256="e" * 64),)
    events_of(RUN, changed, {}, 0, home)
    assert operations(events_of(RUN, changed, {}, 0, home)) == ["stage:train"]


def test_changed_code_and_data_are_no_settings(home: Path) -> None:
    events_of(RUN, (CODE, SEALED), {}, 0, home)
    changed = (replace(CODE, sha256="e" * 64), replace(SEALED, sha256="e" * 64))
    assert operations(events_of(RUN, changed, {}, 0, home)) == ["stage:train"]


def test_another_use_case_s_section_is_another_setting(home: Path) -> None:
    events_of(RUN, (), {}, 0, home)
    other = replace(RUN, case="other", params_sha256={"train": "e" * 64})
    assert operations(events_of(other, (), {}, 0, home)) == ["stage:train"]


def test_a_setting_is_compared_with_the_last_run_that_read_it(home: Path) -> None:
    events_of(RUN, (SETTING,), {}, 0, home)
    events_of(RUN, (), {}, 0, home)
    changed = events_of(RUN, (replace(SETTING, sha256="e" * 64),), {}, 0, home)
    assert operations(changed) == ["stage:train", "configuration:changed"]


def test_changes_are_named_in_order(home: Path) -> None:
    settings = [Artefact(f"configs/{name}.yaml", "b" * 64) for name in "zam"]
    events_of(RUN, tuple(settings), {}, 0, home)
    changed = tuple(replace(setting, sha256="e" * 64) for setting in settings)
    names = [values["resources"][0]["name"] for values in events_of(RUN, changed, {}, 0, home)[1:]]
    assert names == ["configs/a.yaml", "configs/m.yaml", "configs/z.yaml"]


def test_what_is_known_is_kept_without_a_draft_beside_it(home: Path) -> None:
    events_of(RUN, (SETTING,), {}, 0, home)
    assert [path.name for path in (home / "audit").iterdir()] == [KNOWN]
    assert json.loads((home / "audit" / KNOWN).read_bytes()) == {
        "configs/tiny/resolved.yaml#train": "b" * 64,
        SETTING.name: SETTING.sha256,
    }
