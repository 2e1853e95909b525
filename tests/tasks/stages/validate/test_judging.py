"""The gate `validate`: every branch of the judge, on reports that are made and not measured."""

from typing import Any

import pytest

from tasks.config.case_files import CaseFile
from tasks.gates import About, Check, Outcome
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.validate.expectations import ExpectationResult
from tasks.stages.validate.judging import judge_quality
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.quality import QualityReport
from tasks.stages.validate.reference.agreement import (
    Agreement,
    AssociationReport,
    AssociationShift,
)
from tasks.stages.validate.reference.delivery import ReferenceReport
from tasks.stages.validate.reference.label_rates import LabelReport, RateShift
from tasks.stages.validate.reference.profile import Drift, Profile
from tasks.stages.validate.reference.support import Beyond

SUITE = CaseFile(path="configs/bank/suite.yaml", sha256="0" * 64)
PARAMS = ValidateParams(suite=SUITE, near_duplicate_columns=("income",), significance=0.005)
LIMITS = ValidateLimits(
    drift_psi=0.25,
    column_agreement=0.8,
    label_agreement=0.9,
    join_agreement=0.9,
    correlation_shift=0.1,
    label_rate_shift=0.03,
    group_label_rate_shift=0.05,
    beyond_support_ratio=0.01,
    repeated_people_ratio=0.01,
    exact_duplicate_ratio=0.001,
    near_duplicate_ratio=0.01,
    minority_label_ratio=0.05,
    missing_ratio=0.2,
    smallest_group_rows=50,
)
MET = ExpectationResult(expectation="expect_x", column="x", is_met=True, unexpected_ratio=0.0)
KEPT = Agreement(kept=0.97, chance=0.1)
LOST = Agreement(kept=0.5, chance=0.1)
BY_CHANCE = Agreement(kept=0.5, chance=0.6)
STILL = RateShift(accepted=0.7, delivered=0.71, chance=0.02)
ASSOCIATIONS = AssociationReport(
    label=KEPT,
    columns={"income": KEPT, "debt": KEPT, "sex": None},
    sources={"bank": KEPT, "bureau": KEPT},
    largest_shift=AssociationShift(
        first="income", second="debt", accepted=0.6, delivered=0.55, chance=0.1
    ),
)
LABELS = LabelReport(
    label="1",
    overall=STILL,
    groups={"sex": {"female": STILL, "male": STILL}},
    without_rate={"sex": 0},
)
REFERENCE = ReferenceReport(
    drift={"income": Drift(psi=0.1, chance=0.02)},
    beyond_support={"income": Beyond(accepted=0.01, delivered=0.012, is_beyond_chance=False)},
    associations=ASSOCIATIONS,
    labels=LABELS,
)
GOOD = QualityReport(
    rows=400,
    expectations=(MET,),
    reference=REFERENCE,
    repeated_people_ratio=0.0,
    exact_duplicate_ratio=0.0,
    near_duplicate_ratio=0.0,
    label_shares={"0": 0.3, "1": 0.7},
    rows_without_label=0,
    missing_ratio={"income": 0.0, "debt": 0.1},
    constant_columns=(),
    group_rows={"sex": {"female": 190, "male": 210}},
    profile=Profile(rows=400, columns={}),
)


def beside(**change: Any) -> dict[str, Any]:
    """Return a change of the report in what was compared with the accepted version."""
    return {"reference": REFERENCE.model_copy(update=change)}


def associations(**change: Any) -> dict[str, Any]:
    return beside(associations=ASSOCIATIONS.model_copy(update=change))


def labels(**change: Any) -> dict[str, Any]:
    return beside(labels=LABELS.model_copy(update=change))


def shift(delivered: float, chance: float = 0.1) -> AssociationShift:
    return AssociationShift(
        first="income", second="debt", accepted=0.6, delivered=delivered, chance=chance
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
        (associations(label=LOST), ValidateCheck.LABEL_AGREEMENT),
        (associations(columns={"income": LOST, "debt": KEPT}), ValidateCheck.COLUMN_AGREEMENT),
        (associations(sources={"bank": KEPT, "bureau": LOST}), ValidateCheck.JOIN_AGREEMENT),
        (associations(largest_shift=shift(0.3)), ValidateCheck.JOINT_DRIFT),
        (associations(largest_shift=shift(0.9)), ValidateCheck.JOINT_DRIFT),
        (
            labels(overall=RateShift(accepted=0.7, delivered=0.6, chance=0.05)),
            ValidateCheck.LABEL_RATE,
        ),
        (
            labels(groups={"sex": {"f": RateShift(accepted=0.7, delivered=0.6, chance=0.05)}}),
            ValidateCheck.GROUP_LABEL_RATE,
        ),
        (
            beside(
                beyond_support={"debt": Beyond(accepted=0.01, delivered=0.2, is_beyond_chance=True)}
            ),
            ValidateCheck.BEYOND_SUPPORT,
        ),
        ({"repeated_people_ratio": 0.5}, ValidateCheck.REPEATED_PEOPLE),
        ({"exact_duplicate_ratio": 0.01}, ValidateCheck.EXACT_DUPLICATE_RATIO),
        ({"near_duplicate_ratio": 0.02}, ValidateCheck.NEAR_DUPLICATE_RATIO),
        ({"label_shares": {"1": 1.0}}, ValidateCheck.RAREST_LABEL_SHARE),
        ({"label_shares": {"0": 0.01, "1": 0.99}}, ValidateCheck.RAREST_LABEL_SHARE),
        ({"rows_without_label": 1}, ValidateCheck.ROWS_WITHOUT_LABEL),
        ({"constant_columns": ("debt",)}, ValidateCheck.CONSTANT_FEATURES),
        ({"missing_ratio": {"debt": 0.3}}, ValidateCheck.MISSING_RATIO),
        (beside(drift={"income": Drift(psi=0.3, chance=0.02)}), ValidateCheck.DRIFT),
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
        (beside(drift={}), ValidateCheck.DRIFT),
        (beside(drift={"income": None}), ValidateCheck.DRIFT),
        (beside(drift={"income": Drift(psi=0.3, chance=0.3)}), ValidateCheck.DRIFT),
        (associations(label=None), ValidateCheck.LABEL_AGREEMENT),
        (associations(columns={"income": None}), ValidateCheck.COLUMN_AGREEMENT),
        (associations(columns={}), ValidateCheck.COLUMN_AGREEMENT),
        (associations(sources={"bank": None, "bureau": None}), ValidateCheck.JOIN_AGREEMENT),
        (associations(sources={}), ValidateCheck.JOIN_AGREEMENT),
        (associations(largest_shift=None), ValidateCheck.JOINT_DRIFT),
        (labels(overall=None), ValidateCheck.LABEL_RATE),
        (labels(groups={"sex": {"female": None}}), ValidateCheck.GROUP_LABEL_RATE),
        (beside(beyond_support={}), ValidateCheck.BEYOND_SUPPORT),
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
    check = by_id(first, reference=None)[ValidateCheck.DRIFT]
    assert (check.outcome, check.value) == (Outcome.NOT_MEASURED, None)
    assert check.reason == "the portfolio starts here"


def test_a_declared_first_version_excuses_no_drift_that_was_measured() -> None:
    first = PARAMS.model_copy(update={"first_version": "the portfolio starts here"})
    moved = {"income": Drift(psi=0.3, chance=0.02)}
    assert by_id(first, **beside(drift=moved))[ValidateCheck.DRIFT].outcome is Outcome.FAIL


ALL_COMPARED = {
    ValidateCheck.DRIFT,
    ValidateCheck.COLUMN_AGREEMENT,
    ValidateCheck.LABEL_AGREEMENT,
    ValidateCheck.JOIN_AGREEMENT,
    ValidateCheck.JOINT_DRIFT,
    ValidateCheck.LABEL_RATE,
    ValidateCheck.GROUP_LABEL_RATE,
    ValidateCheck.BEYOND_SUPPORT,
}


def test_without_an_accepted_version_everything_that_is_compared_with_it_is_undecided() -> None:
    checks = judged(reference=None)
    undecided = {check.id for check in checks if check.outcome is Outcome.UNDECIDED}
    assert undecided == ALL_COMPARED


def test_a_profile_of_a_time_before_leaves_undecided_what_it_does_not_have() -> None:
    checks = judged(**beside(associations=None, labels=None))
    undecided = {check.id: check for check in checks if check.outcome is Outcome.UNDECIDED}
    assert set(undecided) == ALL_COMPARED - {ValidateCheck.DRIFT, ValidateCheck.BEYOND_SUPPORT}
    assert all("portcullis accept" in check.reason for check in undecided.values())


@pytest.mark.parametrize(
    "change",
    [
        associations(label=BY_CHANCE),
        associations(columns={"income": BY_CHANCE}),
        associations(largest_shift=shift(0.3, chance=0.4)),
        labels(overall=RateShift(accepted=0.7, delivered=0.6, chance=0.2)),
    ],
)
def test_what_chance_explains_blocks_nothing(change: dict[str, Any]) -> None:
    assert {check.outcome for check in judged(**change)} == {Outcome.PASS}


def test_an_accepted_group_whose_rate_cannot_be_seen_is_named_and_passes_nobody() -> None:
    """Too small, or gone since: else a renamed group is looked at by nobody."""
    groups = {"sex": {"female": STILL, "male": None}, "race": {"b": None}}
    check = by_id(**labels(groups=groups))[ValidateCheck.GROUP_LABEL_RATE]
    assert (check.outcome, check.value) == (Outcome.UNDECIDED, 0)
    assert check.reason.endswith("too few rows, or none, to see a shift: male (sex), b (race)")
    assert check.would_decide


def test_a_group_that_moved_fails_beside_one_that_cannot_be_seen() -> None:
    moved = RateShift(accepted=0.7, delivered=0.6, chance=0.05)
    groups = {"sex": {"female": moved, "male": None}}
    check = by_id(**labels(groups=groups))[ValidateCheck.GROUP_LABEL_RATE]
    assert check.outcome is Outcome.FAIL
    assert check.reason.startswith("female (sex): 0.700 to 0.600")
    assert check.reason.endswith("male (sex)")


def test_where_no_group_can_be_seen_all_are_named() -> None:
    groups = {"sex": {"female": None, "male": None}}
    check = by_id(**labels(groups=groups))[ValidateCheck.GROUP_LABEL_RATE]
    assert check.outcome is Outcome.UNDECIDED
    assert check.reason.endswith("female (sex), male (sex)")


def test_an_attribute_without_any_accepted_rate_is_named_and_passes_nobody() -> None:
    groups = {"sex": {"female": STILL}, "race": {}}
    check = by_id(**labels(groups=groups, without_rate={"race": 3}))[ValidateCheck.GROUP_LABEL_RATE]
    assert (check.outcome, check.value) == (Outcome.UNDECIDED, 0)
    assert check.reason.endswith("to see a shift: any group (race)")


def test_groups_without_an_accepted_rate_are_counted_beside_those_that_have_one() -> None:
    check = by_id(**labels(without_rate={"sex": 2}))[ValidateCheck.GROUP_LABEL_RATE]
    assert check.outcome is Outcome.PASS
    assert check.reason.endswith("; without an accepted rate: 2 of sex")


UNLINKED = PARAMS.model_copy(update={"unlinked_sources": "one brings names and nothing else"})


@pytest.mark.parametrize("sources", [{}, {"bank": None, "bureau": None}])
def test_unlinked_sources_are_not_measured_where_that_is_declared(
    sources: dict[str, Any],
) -> None:
    check = by_id(UNLINKED, **associations(sources=sources))[ValidateCheck.JOIN_AGREEMENT]
    assert (check.outcome, check.reason) == (
        Outcome.NOT_MEASURED,
        "one brings names and nothing else",
    )


def test_declared_unlinked_sources_excuse_no_loss_that_was_measured() -> None:
    lost = associations(sources={"bank": None, "bureau": LOST})
    assert by_id(UNLINKED, **lost)[ValidateCheck.JOIN_AGREEMENT].outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("change", "check_id", "unseen"),
    [
        (associations(sources={"a": KEPT, "b": None, "c": None}), "JOIN_AGREEMENT", "b, c"),
        (associations(sources={"a": LOST, "b": None}), "JOIN_AGREEMENT", "b"),
        (associations(sources={"a": None, "b": None}), "JOIN_AGREEMENT", "a, b"),
        (associations(columns={"income": KEPT, "debt": None}), "COLUMN_AGREEMENT", "debt"),
        (associations(columns={"income": None}), "COLUMN_AGREEMENT", "income"),
        (associations(label=None), "LABEL_AGREEMENT", "the label"),
    ],
)
def test_what_cannot_be_seen_is_named(change: dict[str, Any], check_id: str, unseen: str) -> None:
    reason = by_id(**change)[ValidateCheck[check_id]].reason
    assert reason.endswith(f"or the rows too few, to see a loss: {unseen}")


def test_what_cannot_be_seen_says_what_would_decide_it() -> None:
    check = by_id(**associations(sources={"a": None}))[ValidateCheck.JOIN_AGREEMENT]
    assert check.would_decide == "a larger delivery, or a larger accepted version"


def test_the_thing_that_lost_most_is_named_with_its_figures() -> None:
    lost = associations(columns={"income": KEPT, "debt": LOST})
    reason = by_id(**lost)[ValidateCheck.COLUMN_AGREEMENT].reason
    assert reason == "debt: 0.50 kept, where chance explains a loss of 0.10"


def test_a_column_on_one_side_only_is_named() -> None:
    drift = {"income": Drift(psi=0.1, chance=0.02), "debt": None}
    assert "only on one side: debt" in by_id(**beside(drift=drift))[ValidateCheck.DRIFT].reason


def test_the_column_that_moved_most_is_named() -> None:
    drift = {"income": Drift(psi=0.1, chance=0.02), "debt": Drift(psi=0.2, chance=0.02)}
    check = by_id(**beside(drift=drift))[ValidateCheck.DRIFT]
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
