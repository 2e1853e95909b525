"""The gate `train`: judge whether a model is good enough, and not too good to be true."""

from collections.abc import Iterator

from tasks.gates import About, Check, Outcome, at_least, at_most, not_measured
from tasks.gates.check import NOTHING_MORE
from tasks.gates.limits import limit_text
from tasks.learning.calibration import Calibration
from tasks.learning.performance import Performance
from tasks.stages.train.checks import LARGE_GROUPS, OR_CHALLENGER, TrainCheck
from tasks.stages.train.measuring import (
    SMALLEST_GROUP_PEOPLE,
    Challenger,
    GroupCalibration,
    HeldOut,
    ModelReport,
)
from tasks.stages.train.params import TrainLimits

CHANCE = 0.5  # the balanced accuracy of always giving the majority's answer


def judge_model(
    report: ModelReport, champion_auc: float | None, limits: TrainLimits
) -> tuple[Check, ...]:
    """Judge a model: out of fold, for leaks, by group, and as it is registered.

    Without a champion there is nothing to lose to: the check says that it was not measured.
    """
    performance = report.performance
    return (
        at_least(
            TrainCheck.AUC_LOWER_END,
            "AUC, lower end of its interval",
            performance.auc_interval[0],
            limits.auc,
            interval=performance.auc_interval,
        ),
        *_judge_leaks(report, limits),
        _judge_calibration(
            TrainCheck.CALIBRATION_BEYOND_CHANCE,
            "calibration error beyond chance",
            report.calibration,
            limits.calibration_error,
        ),
        *_judge_groups(report.groups, limits),
        at_least(
            TrainCheck.GAIN_OVER_MAJORITY,
            "balanced accuracy over the majority's answer",
            performance.balanced_accuracy - CHANCE,
            limits.gain_over_majority,
        ),
        _judge_against_champion(performance, champion_auc, limits),
        _judge_against_challenger(report.challenger, limits),
        *_judge_registered(report.held_out, limits),
    )


def _judge_leaks(report: ModelReport, limits: TrainLimits) -> Iterator[Check]:
    """Yield what is too good to be true: the model, a feature, a slice of one, the learnt rows."""
    performance = report.performance
    yield at_most(
        TrainCheck.AUC_CEILING,
        "AUC, too high to be true",
        performance.auc,
        limits.highest_auc,
    )

    # One check for all features, about the strongest, and not one for each: it fails if any would.
    strongest = max(report.leaks, key=lambda leak: leak.auc)
    yield at_most(
        TrainCheck.FEATURE_AUC,
        f"AUC of the strongest feature, {strongest.feature}",
        strongest.auc,
        limits.highest_feature_auc,
        about=About(feature=strongest.feature),
    )

    purest = max(report.leaks, key=lambda leak: leak.purity)
    yield at_most(
        TrainCheck.SLICE_PURITY,
        f"purity of a slice of {purest.feature}",
        purest.purity,
        limits.slice_purity,
        about=About(feature=purest.feature),
        reason=f"{purest.slice_kind}, {purest.slice_rows:,} rows",
    )

    yield at_most(
        TrainCheck.OVERFIT_GAP,
        "AUC in training over out of fold, beyond chance",
        report.overfit.certain,
        limits.overfit_gap,
    )


def _judge_calibration(
    check_id: TrainCheck,
    measure: str,
    calibration: Calibration | None,
    limit: float,
    about: About = NOTHING_MORE,
) -> Check:
    if calibration is None:
        return at_most(check_id, measure, None, limit, about=about, reason="no rows")

    return at_most(
        check_id,
        measure,
        calibration.beyond_chance,
        limit,
        about=about,
        reason=(
            f"mean score {calibration.predicted:.3f}, observed {calibration.observed:.3f}; error "
            f"{calibration.error:.3f}, of {calibration.rows:,} rows chance alone explains "
            f"{calibration.chance_error:.3f}"
        ),
    )


def _judge_groups(groups: tuple[GroupCalibration, ...], limits: TrainLimits) -> Iterator[Check]:
    """Yield a check a group; of too few people neither calibration nor its lack can be shown.

    They are not measured, and `fairness` is undecided about them. Where that is so of all groups of
    an attribute, the attribute is undecided here, too; those whose group is not known are no group.
    """
    limit = limits.group_calibration_error
    unmeasured = LARGE_GROUPS.replace("{limit}", limit_text("≤", limit))
    if not groups:
        yield not_measured(
            TrainCheck.GROUP_CALIBRATION,
            "calibration by group",
            expected=unmeasured,
            reason="no protected attribute is declared",
        )

    measured = {
        group.attribute for group in groups if group.calibration is not None and group.is_known
    }
    for attribute in dict.fromkeys(group.attribute for group in groups):
        if attribute not in measured:
            yield at_most(
                TrainCheck.GROUP_CALIBRATION,
                f"calibration error beyond chance, any group of {attribute}",
                None,
                limit,
                about=About(attribute=attribute),
                reason=f"no group that is known has {SMALLEST_GROUP_PEOPLE:d} people",
            )

    for group in groups:
        about = About(attribute=group.attribute, group=group.group)
        measure = f"calibration error beyond chance, {group.group} ({group.attribute})"
        if group.calibration is None:
            yield not_measured(
                TrainCheck.GROUP_CALIBRATION,
                measure,
                expected=unmeasured,
                reason=f"{group.people:,} people, fewer than {SMALLEST_GROUP_PEOPLE:d}",
                about=about,
            )
            continue
        yield _judge_calibration(
            TrainCheck.GROUP_CALIBRATION, measure, group.calibration, limit, about
        )


def _judge_against_champion(
    performance: Performance, champion_auc: float | None, limits: TrainLimits
) -> Check:
    measure = "AUC lost to the champion"

    if champion_auc is None:
        return not_measured(
            TrainCheck.AUC_LOST_TO_CHAMPION,
            measure,
            expected=f"≤ {limits.loss_to_champion:g}, or no champion",
            reason="no model has been accepted yet",
        )

    return at_most(
        TrainCheck.AUC_LOST_TO_CHAMPION,
        measure,
        champion_auc - performance.auc,
        limits.loss_to_champion,
    )


def _judge_against_challenger(challenger: Challenger | None, limits: TrainLimits) -> Check:
    """Judge the loss to a logistic regression: undecided where chance alone may have made it."""
    measure = "AUC lost to the challenger, a logistic regression"
    limit = limits.loss_to_challenger
    shown_limit = limit_text("≤", limit)
    if challenger is None:
        return not_measured(
            TrainCheck.AUC_LOST_TO_CHALLENGER,
            measure,
            expected=OR_CHALLENGER.replace("{limit}", shown_limit),
            reason="the model is one itself",
        )

    # A NaN makes both comparisons false: `at_most` then says undecided. Only a loss that chance
    # alone may have made is undecided here, too; the figure decides where it meets the limit.
    if challenger.difference > limit >= challenger.interval[0]:
        return Check(
            TrainCheck.AUC_LOST_TO_CHALLENGER,
            measure,
            Outcome.UNDECIDED,
            challenger.difference,
            shown_limit,
            margin=limit - challenger.difference,
            interval=challenger.interval,
            reason="the interval holds the limit",
        )
    return at_most(
        TrainCheck.AUC_LOST_TO_CHALLENGER,
        measure,
        challenger.difference,
        limit,
        interval=challenger.interval,
        reason=f"its AUC is {challenger.auc:.3f}",
    )


def _judge_registered(held_out: HeldOut, limits: TrainLimits) -> Iterator[Check]:
    """Yield whether the registered model does on unseen people what the folds' models did."""
    lost = held_out.auc_lost_interval
    yield at_most(
        TrainCheck.REGISTERED_AUC_LOST,
        "registered model: AUC lost to the models of the folds, beyond chance",
        # NaN first: `max` of Python then keeps it, and `at_most` does not pass it.
        None if lost is None else max(lost[0], 0.0),
        limits.registered_auc_loss,
        reason=f"the same {held_out.rows:,} people's rows, which neither learnt from",
    )
    yield _judge_calibration(
        TrainCheck.REGISTERED_CALIBRATION,
        "registered model: calibration error beyond chance",
        held_out.calibration,
        limits.calibration_error,
    )
    yield at_most(
        TrainCheck.REGISTERED_APPROVAL_RATE,
        "registered model: approval rate off the declared one, beyond chance",
        held_out.certain_shift,
        limits.approval_rate_shift,
        reason=f"expected {held_out.expected_approval_rate:.3f}, {held_out.rows:,} rows",
    )
