"""The gate `validate`: every branch of the judge, on reports that are made and not measured."""

from typing import Any

import pytest

from tasks.config.case_files import CaseFile
from tasks.gates import About, Check, Outcome
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.validate.expectations import ExpectationResult
from tasks.stages.validate.judging import judge_quality
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.profile import Drift, Profile
from tasks.stages.validate.quality import QualityReport

SUITE = CaseFile(path="configs/bank/suite.yaml", sha256="0" * 64)
PARAMS = ValidateParams(suite=SUITE, near_duplicate_columns=("income",))
LIMITS = ValidateLimits(
    drift_psi=0.25,
    exact_duplicate_ratio=0.001,
    near_duplicate_ratio=0.01,
    minority_label_ratio=0.05,
    missing_ratio=0.2,
    smallest_group_rows=50,
)
MET = ExpectationResult(expectation="expect_x", column="x", is_met=True, unexpected_ratio=0.0)
GOOD = QualityReport(
    rows=400,
    expectations=(MET,),
    drift={"income": Drift(psi=0.1, chance=0.02)},
    exact_duplicate_ratio=0.0,
    near_duplicate_ratio=0.0,
    label_shares={"0": 0.3, "1": 0.7},
    rows_without_label=0,
    missing_ratio={"income": 0.0, "debt": 0.1},
    constant_columns=(),
    group_rows={"sex": {"female": 190, "male": 210}},
    profile=Profile(rows=400, columns={}),
)


def judged(params: ValidateParams = PARAMS, **change: Any) -> tuple[Check, ...]:
    return judge_quality(GOOD.model_copy(update=change), params, LIMITS)


def by_id(params: ValidateParams = PARAMS, **change: Any) -> dict[str, Check]:
    return {check.id: check for check in judged(params, **change)}


def test_a_sound_delivery_passes_every_check_of_the_catalogue() -> None:
    checks = by_id()
    assert set(checks) == set(ValidateCheck)
    assert {check.outcome for check in checks.values()} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        ({"exact_duplicate_ratio": 0.01}, ValidateCheck.EXACT_DUPLICATE_RATIO),
        ({"near_duplicate_ratio": 0.02}, ValidateCheck.NEAR_DUPLICATE_RATIO),
        ({"label_shares": {"1": 1.0}}, ValidateCheck.RAREST_LABEL_SHARE),
        ({"label_shares": {"0": 0.01, "1": 0.99}}, ValidateCheck.RAREST_LABEL_SHARE),
        ({"rows_without_label": 1}, ValidateCheck.ROWS_WITHOUT_LABEL),
        ({"constant_columns": ("debt",)}, ValidateCheck.CONSTANT_FEATURES),
        ({"missing_ratio": {"debt": 0.3}}, ValidateCheck.MISSING_RATIO),
        ({"drift": {"income": Drift(psi=0.3, chance=0.02)}}, ValidateCheck.DRIFT),
        ({"group_rows": {"sex": {"f": 49, "m": 400}}}, ValidateCheck.SMALLEST_GROUP_ROWS),
        ({"group_rows": {"sex": {"f": None, "m": 400}}}, ValidateCheck.SMALLEST_GROUP_ROWS),
    ],
)
def test_each_fault_fails_its_own_check(change: dict[str, Any], check_id: ValidateCheck) -> None:
    failed = [check.id for check in judged(**change) if check.outcome is Outcome.FAIL]
    assert failed == [check_id]


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        ({"expectations": ()}, ValidateCheck.SUITE),
        ({"label_shares": {}}, ValidateCheck.RAREST_LABEL_SHARE),
        ({"missing_ratio": {}}, ValidateCheck.MISSING_RATIO),
        ({"drift": None}, ValidateCheck.DRIFT),
        ({"drift": {}}, ValidateCheck.DRIFT),
        ({"drift": {"income": None}}, ValidateCheck.DRIFT),
        ({"drift": {"income": Drift(psi=0.3, chance=0.3)}}, ValidateCheck.DRIFT),
        ({"group_rows": {"sex": {"f": 400}}}, ValidateCheck.SMALLEST_GROUP_ROWS),
        ({"group_rows": {"sex": {}}}, ValidateCheck.SMALLEST_GROUP_ROWS),
    ],
)
def test_what_could_not_be_measured_is_undecided(
    change: dict[str, Any], check_id: ValidateCheck
) -> None:
    undecided = [check.id for check in judged(**change) if check.outcome is Outcome.UNDECIDED]
    assert undecided == [check_id]


def test_a_declared_first_version_has_no_drift_to_measure() -> None:
    first = PARAMS.model_copy(update={"first_version": "the portfolio starts here"})
    check = by_id(first, drift=None)[ValidateCheck.DRIFT]
    assert (check.outcome, check.value) == (Outcome.NOT_MEASURED, None)
    assert check.reason == "the portfolio starts here"


def test_a_declared_first_version_excuses_no_drift_that_was_measured() -> None:
    first = PARAMS.model_copy(update={"first_version": "the portfolio starts here"})
    moved = {"income": Drift(psi=0.3, chance=0.02)}
    assert by_id(first, drift=moved)[ValidateCheck.DRIFT].outcome is Outcome.FAIL


def test_a_column_on_one_side_only_is_named() -> None:
    drift = {"income": Drift(psi=0.1, chance=0.02), "debt": None}
    assert "only on one side: debt" in by_id(drift=drift)[ValidateCheck.DRIFT].reason


def test_the_column_that_moved_most_is_named() -> None:
    drift = {"income": Drift(psi=0.1, chance=0.02), "debt": Drift(psi=0.2, chance=0.02)}
    check = by_id(drift=drift)[ValidateCheck.DRIFT]
    assert (check.reason, check.value) == ("debt", 0.2)


def test_an_expectation_is_told_by_its_type_its_column_and_how_often_it_was_stated() -> None:
    other = MET.model_copy(update={"column": "y"})
    checks = judged(expectations=(MET, other, MET))
    assert [check.about for check in checks if check.id == ValidateCheck.EXPECTATION] == [
        About(expectation="expect_x", column="x"),
        About(expectation="expect_x", column="y"),
        About(expectation="expect_x", column="x", occurrence=2),
    ]


@pytest.mark.parametrize(
    ("change", "outcome", "reason"),
    [
        ({"is_met": False, "unexpected_ratio": 0.5}, Outcome.FAIL, "50.00% of rows do not"),
        ({"is_met": False, "unexpected_ratio": None}, Outcome.FAIL, ""),
        ({"is_met": False, "fault": "it is absent"}, Outcome.UNDECIDED, "it is absent"),
        ({"is_met": True, "fault": "it is absent"}, Outcome.UNDECIDED, "it is absent"),
        ({"is_met": True, "unexpected_ratio": 0.01}, Outcome.PASS, ""),
    ],
)
def test_an_expectation_that_could_not_be_evaluated_is_neither_met_nor_missed(
    change: dict[str, Any], outcome: Outcome, reason: str
) -> None:
    check = by_id(expectations=(MET.model_copy(update=change),))[ValidateCheck.EXPECTATION]
    assert (check.outcome, check.reason) == (outcome, reason)


def test_of_a_group_of_fewer_than_ten_no_number_is_told() -> None:
    check = by_id(group_rows={"sex": {"f": None, "m": 400}})[ValidateCheck.SMALLEST_GROUP_ROWS]
    assert check.reason == "fewer than 10: f"
    assert check.about == About(attribute="sex")
