"""What `sync` says of services of others, before anything runs that asks them."""

from datetime import date

import pytest

from flows.use_cases.checking import _check_wiring, _say_what_leaves
from tasks.config.cases import Columns
from tasks.config.collecting import FaultList
from tasks.learning.params import TrainParams
from tasks.redaction.params import RedactLimits, RedactParams
from tasks.stages.alternatives.params import AlternativesParams
from tests.flows.workspace import case
from tests.tasks.redaction.cloud import test_google_dlp, test_macie

TODAY = date(2026, 11, 27)
NOTE = {"role": "free_text", "source": "applications", "kind": "text"}


def test_who_would_get_what_is_said_and_a_lapsed_agreement_as_well() -> None:
    values = case()
    assert [*_say_what_leaves("tiny", values, TODAY)] == []

    values["columns"]["note"] = NOTE
    values["redact"]["detectors"] = [test_google_dlp.DECLARED]
    values["redact"]["macie"] = test_macie.DECLARED
    leaving, reading = _say_what_leaves("tiny", values, TODAY)
    assert leaving.startswith("  LEAVES THE HOUSE: texts, masked here first, of note leave for")
    assert "europe-west3" in leaving
    assert "s3://exports" in reading
    lapsed = [*_say_what_leaves("tiny", values, date(2032, 1, 1))]
    assert len([line for line in lapsed if "no release before" in line]) == 2


@pytest.mark.parametrize("limit", [None, 0])
def test_a_detector_without_a_limit_is_a_fault(limit: int | None) -> None:
    values = case()
    declared = {**values["redact"], "detectors": [test_google_dlp.DECLARED]}
    sections = {
        "columns": Columns.model_validate(values["columns"]),
        "redact": RedactParams.model_validate(declared),
        "limits.redact": RedactLimits.model_validate(
            {**values["limits"]["redact"], "sent_bytes": limit}
        ),
    }
    faults = FaultList()
    _check_wiring("configs/tiny/case.yaml", sections, faults)
    assert ["sent_bytes" in str(fault) for fault in faults.all()] == [True] * (limit is None)


@pytest.mark.parametrize(("family", "faults"), [("logistic", 1), ("xgboost", 0)])
def test_an_alternative_that_monotone_does_not_bind_is_a_fault(family: str, faults: int) -> None:
    values = case()
    learners = {"other": {"family": family, "rounds": 5}}
    trees = {"family": "lightgbm", "parameters": {}, "monotone": {"income": 1}}
    sections = {
        "columns": Columns.model_validate(values["columns"]),
        "train": TrainParams.model_validate({**values["train"], **trees}),
        "alternatives": AlternativesParams.model_validate(
            {**values["alternatives"], "learners": learners}
        ),
    }
    found = FaultList()
    _check_wiring("configs/tiny/case.yaml", sections, found)
    assert [fault.where for fault in found.all()] == [
        "configs/tiny/case.yaml: alternatives.learners"
    ] * faults
