"""The gate `train`: good enough, not too good to be true, and registered as it was tried."""

import math
from typing import Any

import pytest

from tasks.gates import Check, Outcome
from tasks.learning.calibration import Calibration
from tasks.learning.leaks import FeatureLeak
from tasks.learning.performance import Performance
from tasks.stages.train.checks import TrainCheck
from tasks.stages.train.judging import judge_model
from tasks.stages.train.measuring import (
    Challenger,
    GroupCalibration,
    HeldOut,
    ModelReport,
    OverfitGap,
)
from tasks.stages.train.params import TrainLimits

LIMITS = TrainLimits(
    auc=0.7,
    highest_auc=0.9,
    highest_feature_auc=0.8,
    slice_purity=0.75,
    overfit_gap=0.1,
    calibration_error=0.02,
    group_calibration_error=0.05,
    gain_over_majority=0.1,
    loss_to_champion=0.01,
    loss_to_challenger=0.02,
    registered_auc_loss=0.02,
    approval_rate_shift=0.02,
)
PERFORMANCE = Performance(
    rows=100,
    auc=0.8,
    auc_interval=(0.75, 0.85),
    accuracy=0.8,
    balanced_accuracy=0.7,
    majority_accuracy=0.6,
    brier=0.1,
    calibration_error=0.02,
    approval_rate=0.5,
    confusion={},
    reliability=(),
)
CALIBRATION = Calibration(
    rows=100,
    predicted=0.5,
    observed=0.51,
    error=0.05,
    chance_error=0.06,
    beyond_chance=0.0,
    significance=0.05,
    reliability=(),
)
UNKNOWN = GroupCalibration(
    attribute="sex", group="not known", people=60, calibration=CALIBRATION, is_known=False
)
LEAK = FeatureLeak(feature="income", auc=0.7, purity=0.4, slice_rows=80, slice_kind="lowest values")
HELD_OUT = HeldOut(
    rows=20,
    auc=0.79,
    auc_interval=(0.7, 0.88),
    auc_lost=0.01,
    auc_lost_interval=(-0.02, 0.04),
    calibration=CALIBRATION,
    approval_rate=0.5,
    expected_approval_rate=0.5,
    approval_rate_shift=0.0,
    certain_shift=0.0,
)
GOOD = ModelReport(
    performance=PERFORMANCE,
    calibration=CALIBRATION,
    groups=(
        GroupCalibration(attribute="race", group="black", people=40, calibration=CALIBRATION),
        GroupCalibration(attribute="race", group="white", people=60, calibration=CALIBRATION),
    ),
    leaks=(LEAK,),
    overfit=OverfitGap(training_auc=0.88, gap=0.08, certain=0.03),
    challenger=Challenger(auc=0.78, difference=-0.02, interval=(-0.04, 0.0)),
    held_out=HELD_OUT,
)


def checks_of(report: ModelReport, champion_auc: float | None = 0.8) -> dict[str, Check]:
    return {check.key: check for check in judge_model(report, champion_auc, LIMITS)}


def blocking(checks: dict[str, Check]) -> list[str]:
    return [check.id for check in checks.values() if check.outcome is not Outcome.PASS]


def with_performance(**change: Any) -> ModelReport:
    return GOOD.model_copy(update={"performance": PERFORMANCE.model_copy(update=change)})


def with_leak(**change: Any) -> ModelReport:
    leak = LEAK.model_copy(update={"feature": "fee", **change})
    return GOOD.model_copy(update={"leaks": (LEAK, leak)})


def with_challenger(difference: float, interval: tuple[float, float]) -> ModelReport:
    challenger = Challenger(auc=0.83, difference=difference, interval=interval)
    return GOOD.model_copy(update={"challenger": challenger})


def with_held_out(**change: Any) -> ModelReport:
    return GOOD.model_copy(update={"held_out": HELD_OUT.model_copy(update=change)})


def with_black_group(calibration: Calibration | None, people: int = 40) -> ModelReport:
    black = GroupCalibration(
        attribute="race", group="black", people=people, calibration=calibration
    )
    return GOOD.model_copy(update={"groups": (black, GOOD.groups[1])})


MISCALIBRATED = CALIBRATION.model_copy(update={"error": 0.12, "beyond_chance": 0.06})


def test_a_good_model_passes_every_check_of_the_catalogue() -> None:
    checks = checks_of(GOOD)
    assert {check.id for check in checks.values()} == set(TrainCheck)
    assert blocking(checks) == []


@pytest.mark.parametrize(
    ("report", "check_id"),
    [
        (with_performance(auc_interval=(0.69, 0.91)), TrainCheck.AUC_LOWER_END),
        (with_performance(auc=0.7899), TrainCheck.AUC_LOST_TO_CHAMPION),
        (with_performance(auc=0.901), TrainCheck.AUC_CEILING),
        (with_performance(balanced_accuracy=0.59), TrainCheck.GAIN_OVER_MAJORITY),
        (with_leak(auc=0.81), TrainCheck.FEATURE_AUC),
        (with_leak(purity=0.76), TrainCheck.SLICE_PURITY),
        (
            GOOD.model_copy(
                update={"overfit": OverfitGap(training_auc=0.99, gap=0.19, certain=0.14)}
            ),
            TrainCheck.OVERFIT_GAP,
        ),
        (
            GOOD.model_copy(update={"calibration": MISCALIBRATED}),
            TrainCheck.CALIBRATION_BEYOND_CHANCE,
        ),
        (with_black_group(MISCALIBRATED), TrainCheck.GROUP_CALIBRATION),
        (with_challenger(0.05, (0.03, 0.07)), TrainCheck.AUC_LOST_TO_CHALLENGER),
        (with_held_out(auc_lost_interval=(0.03, 0.09)), TrainCheck.REGISTERED_AUC_LOST),
        (with_held_out(calibration=MISCALIBRATED), TrainCheck.REGISTERED_CALIBRATION),
        (with_held_out(certain_shift=0.03), TrainCheck.REGISTERED_APPROVAL_RATE),
    ],
    ids=lambda value: str(value) if isinstance(value, TrainCheck) else "",
)
def test_each_shortcoming_fails_its_own_check(report: ModelReport, check_id: TrainCheck) -> None:
    checks = checks_of(report)
    assert blocking(checks) == [check_id]
    assert Outcome.FAIL in {check.outcome for check in checks.values()}


def test_a_group_is_named_by_its_check() -> None:
    checks = checks_of(with_black_group(MISCALIBRATED))
    check = checks[f"{TrainCheck.GROUP_CALIBRATION}[attribute=race, group=black]"]
    assert check.outcome is Outcome.FAIL
    assert "mean score 0.500, observed 0.510" in check.reason


def test_of_too_few_people_nothing_is_measured_and_nothing_passes() -> None:
    checks = checks_of(with_black_group(None, people=12))
    check = checks[f"{TrainCheck.GROUP_CALIBRATION}[attribute=race, group=black]"]
    assert check.outcome is Outcome.NOT_MEASURED
    assert check.reason == "12 people, fewer than 30"


@pytest.mark.parametrize(
    "others",
    [
        (),
        (GroupCalibration(attribute="sex", group="f", people=29, calibration=None),),
        (UNKNOWN,),
    ],
)
def test_an_attribute_of_which_no_group_was_measured_is_undecided(
    others: tuple[GroupCalibration, ...],
) -> None:
    few = GroupCalibration(attribute="sex", group="m", people=12, calibration=None)
    checks = checks_of(GOOD.model_copy(update={"groups": (*GOOD.groups, few, *others)}))
    check = checks[f"{TrainCheck.GROUP_CALIBRATION}[attribute=sex]"]
    assert check.outcome is Outcome.UNDECIDED
    assert check.reason == "no group that is known has 30 people"
    assert Outcome.worst(item.outcome for item in checks.values()) is Outcome.UNDECIDED


def test_a_small_group_beside_a_measured_one_leaves_its_attribute_decided() -> None:
    checks = checks_of(with_black_group(None, people=12))
    assert Outcome.worst(check.outcome for check in checks.values()) is Outcome.PASS


def test_a_leak_is_named_by_its_feature_and_its_slice_by_no_value() -> None:
    checks = checks_of(with_leak(purity=0.9))
    check = checks[f"{TrainCheck.SLICE_PURITY}[feature=fee]"]
    assert check.reason == "lowest values, 80 rows"


def test_an_interval_that_could_not_be_computed_is_undecided() -> None:
    checks = checks_of(with_performance(auc_interval=(math.nan, math.nan)))
    assert checks[TrainCheck.AUC_LOWER_END].outcome is Outcome.UNDECIDED


def test_without_a_champion_the_loss_to_it_is_not_measured_under_the_same_id() -> None:
    check = checks_of(GOOD, champion_auc=None)[TrainCheck.AUC_LOST_TO_CHAMPION]
    assert (check.outcome, check.value) == (Outcome.NOT_MEASURED, None)
    assert "no model has been accepted yet" in check.reason


def test_a_champion_whose_figure_is_no_number_leaves_it_undecided() -> None:
    checks = checks_of(GOOD, champion_auc=math.nan)
    assert checks[TrainCheck.AUC_LOST_TO_CHAMPION].outcome is Outcome.UNDECIDED


def test_a_loss_to_the_challenger_that_may_be_chance_is_undecided() -> None:
    check = checks_of(with_challenger(0.03, (-0.01, 0.07)))[TrainCheck.AUC_LOST_TO_CHALLENGER]
    assert check.outcome is Outcome.UNDECIDED
    assert check.value == 0.03


def test_a_logistic_regression_has_no_challenger() -> None:
    report = GOOD.model_copy(update={"challenger": None})
    check = checks_of(report)[TrainCheck.AUC_LOST_TO_CHALLENGER]
    assert check.outcome is Outcome.NOT_MEASURED


def test_a_test_part_without_both_labels_leaves_the_registered_model_undecided() -> None:
    report = with_held_out(auc=None, auc_interval=None, auc_lost=None, auc_lost_interval=None)
    check = checks_of(report)[TrainCheck.REGISTERED_AUC_LOST]
    assert check.outcome is Outcome.UNDECIDED


def test_without_protected_attributes_no_group_is_measured() -> None:
    report = GOOD.model_copy(update={"groups": ()})
    assert checks_of(report)[TrainCheck.GROUP_CALIBRATION].outcome is Outcome.NOT_MEASURED
