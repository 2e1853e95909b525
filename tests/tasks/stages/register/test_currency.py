"""Whether a model is current: counted in the rows that it was trained on, and refused in doubt."""

import json
from datetime import date
from typing import Any

import pytest

from tasks.erasure.policy import RetrainAfter
from tasks.errors import EvidenceError
from tasks.sealed.objects import SealedFile
from tasks.stages.register.currency import (
    TRAINING_ROWS,
    ErasedSinceTraining,
    count_erased_since,
    find_outdated_reasons,
    read_training_code,
)
from tasks.stages.workspace import StageRun
from tests.cases import change_case
from tests.tasks.erasure.small_installation import CASE, DAY, SmallInstallation

LIMIT = RetrainAfter(people=3, days=30)


def trained(small_installation: SmallInstallation, **rows: Any) -> StageRun:
    """A run of `register` whose model's report says this about the rows it was trained on."""
    report = small_installation.workspace / "data" / CASE / "train" / "report.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps({"rows": rows}))
    return small_installation.stage_run("register")


def retrain_after(small_installation: SmallInstallation, people: int, days: int) -> None:
    limits = {"people": people, "days": days}
    change_case(
        small_installation.workspace,
        CASE,
        lambda values: values["erasure"].update(retrain_after=limits),
    )


@pytest.mark.parametrize(
    ("people", "first_day", "is_outdated"),
    [
        pytest.param(0, None, False, id="nobody"),
        pytest.param(2, DAY, False, id="below both limits"),
        pytest.param(3, DAY, True, id="as many people as the limit"),
        pytest.param(1, date(2026, 10, 26), False, id="a day less than the limit"),
        pytest.param(1, date(2026, 10, 25), True, id="as many days as the limit"),
    ],
)
def test_either_limit_is_enough(people: int, first_day: date | None, is_outdated: bool) -> None:
    reason = ErasedSinceTraining(people, first_day).reason_outdated(LIMIT, DAY)

    assert bool(reason) is is_outdated


def test_the_reason_says_how_many_since_when_and_what_to_do() -> None:
    reason = ErasedSinceTraining(3, date(2026, 11, 20)).reason_outdated(LIMIT, DAY)

    assert reason.startswith("3 of the people whom this model learnt from were erased since")
    assert "the first 4 days ago (limits: 3 people, 30 days)" in reason
    assert "run the release again" in reason


def test_a_model_that_learnt_from_nobody_erased_is_current(
    small_installation: SmallInstallation,
) -> None:
    assert find_outdated_reasons(trained(small_installation, people_shredded=0)) == ()


def test_a_model_that_learnt_from_somebody_erased_since_is_not(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(1)

    (reason,) = find_outdated_reasons(trained(small_installation, people_shredded=0))

    assert "1 of the people" in reason


def test_whom_training_left_out_it_did_not_learn_from(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(1)

    assert find_outdated_reasons(trained(small_installation, people_shredded=1)) == ()


def test_of_two_erasures_the_one_after_training_counts(
    small_installation: SmallInstallation,
) -> None:
    small_installation.erase(1)
    small_installation.erase(2)
    stage_run = trained(small_installation)
    rows = stage_run.data.joinpath(*TRAINING_ROWS)

    assert count_erased_since(stage_run, rows, 1) == ErasedSinceTraining(1, DAY)
    assert count_erased_since(stage_run, rows, 0) == ErasedSinceTraining(2, DAY)
    assert count_erased_since(stage_run, rows, 2) == ErasedSinceTraining(0, None)


def test_the_limits_are_those_of_the_use_case(small_installation: SmallInstallation) -> None:
    retrain_after(small_installation, people=2, days=30)
    small_installation.erase(1)
    stage_run = trained(small_installation, people_shredded=0)
    assert find_outdated_reasons(stage_run) == ()

    small_installation.erase(2)
    assert find_outdated_reasons(trained(small_installation, people_shredded=0)) != ()


def test_days_pass_although_nothing_changes(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrain_after(small_installation, people=2, days=30)
    small_installation.erase(1)
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-12-24")

    assert find_outdated_reasons(trained(small_installation, people_shredded=0)) != ()


@pytest.mark.parametrize("shredded", [-1, 2, 1_000_000])
def test_a_report_that_says_more_were_left_out_than_are_erased_refuses(
    small_installation: SmallInstallation, shredded: int
) -> None:
    """Else an erasure since training could be told away by a number in a file."""
    small_installation.erase(1)
    (reason,) = find_outdated_reasons(trained(small_installation, people_shredded=shredded))
    assert reason.startswith("whom the model learnt from cannot be told")


@pytest.mark.parametrize(
    "rows",
    [{}, {"people_shredded": None}, {"people_shredded": "0"}, {"people_shredded": True}],
)
def test_a_report_that_does_not_say_how_many_refuses(
    small_installation: SmallInstallation, rows: dict[str, Any]
) -> None:
    (reason,) = find_outdated_reasons(trained(small_installation, **rows))

    assert "run `train` again" in reason


def test_keys_that_the_key_store_never_had_refuse(small_installation: SmallInstallation) -> None:
    for path in small_installation.home.glob("keys.db*"):
        path.unlink()
    stage_run = trained(small_installation, people_shredded=0)

    with pytest.raises(EvidenceError, match="40 that it never had"):
        count_erased_since(stage_run, stage_run.data.joinpath(*TRAINING_ROWS), 0)
    (reason,) = find_outdated_reasons(stage_run)
    assert reason.startswith("whom the model learnt from cannot be told")


def test_rows_that_are_no_sealed_file_refuse(small_installation: SmallInstallation) -> None:
    stage_run = trained(small_installation, people_shredded=0)
    stage_run.data.joinpath(*TRAINING_ROWS).write_bytes(b"something else")

    (reason,) = find_outdated_reasons(stage_run)

    assert reason.startswith("whom the model learnt from cannot be told")


def test_the_registry_is_told_the_code_of_the_training_rows(
    small_installation: SmallInstallation,
) -> None:
    stage_run = trained(small_installation)
    ingested = small_installation.workspace / "data" / CASE / "ingest" / "rows.parquet"

    code = read_training_code(stage_run)

    assert code == SealedFile.open(stage_run.data.joinpath(*TRAINING_ROWS)).code
    assert code != SealedFile.open(ingested).code
