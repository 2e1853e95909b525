"""The part of the gate `validate` that compares with the accepted version.

Where chance explains what was measured, that it moved shows nothing: what is judged is the shift
beyond chance, held against the shift that matters. Where the rows are too few to see what must not
go unseen, the check is undecided: nobody passes by being few.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tasks.gates import Check, Outcome, at_least, at_most, holds, not_measured
from tasks.stages.validate.checks import FIRST_VERSION, RULES, ValidateCheck
from tasks.stages.validate.params import ValidateLimits, ValidateParams
from tasks.stages.validate.reference.agreement import Agreement, AssociationReport
from tasks.stages.validate.reference.delivery import ReferenceReport
from tasks.stages.validate.reference.label_rates import LabelReport, RateShift
from tasks.stages.validate.reference.profile import Drift
from tasks.stages.validate.reference.support import Beyond

# Always among the checks: what was not measured says so under its own id, or the policy refuses.
MEASURES = {
    ValidateCheck.DRIFT: "largest drift of a column, PSI",
    ValidateCheck.COLUMN_AGREEMENT: "least association kept by a column",
    ValidateCheck.LABEL_AGREEMENT: "association kept by the label",
    ValidateCheck.JOIN_AGREEMENT: "least association kept between sources",
    ValidateCheck.JOINT_DRIFT: "largest shift of a correlation",
    ValidateCheck.LABEL_RATE: "shift of the label's rate",
    ValidateCheck.GROUP_LABEL_RATE: "largest shift of the label's rate in a group",
    ValidateCheck.BEYOND_SUPPORT: "most rows beyond a column's accepted tails, ratio",
}
MADE_BEFORE = "the accepted profile does not have it: ./portcullis accept --data-only"
TOO_FEW = "the accepted association is too weak, or the rows too few, to see a loss"
LARGER = "a larger delivery, or a larger accepted version"
FEW_OR_NONE = "too few rows, or none, to see a shift"
MORE_OF_THEM = "more rows of them, or a version accepted without them"


def judge_against_reference(
    report: ReferenceReport | None, params: ValidateParams, limits: ValidateLimits
) -> tuple[Check, ...]:
    """Judge a delivery beside the accepted version; without one, that has to be declared."""
    if report is None:
        return tuple(_judge_first_version(check_id, params) for check_id in MEASURES)

    associations = report.associations
    return (
        _judge_drift(report.drift, limits.drift_psi),
        *_judge_associations(associations, params, limits),
        *_judge_label_rates(report.labels, limits),
        _judge_support(report.beyond_support, limits.beyond_support_ratio),
    )


def _judge_first_version(check_id: ValidateCheck, params: ValidateParams) -> Check:
    """Judge what no version was accepted for yet: that this is the first is to be declared."""
    measure = MEASURES[check_id]
    expected = FIRST_VERSION.text
    if params.first_version:
        return not_measured(check_id, measure, expected=expected, reason=params.first_version)

    return holds(
        check_id,
        measure,
        None,
        expected=expected,
        reason="no accepted version to compare with: ./portcullis accept --data-only",
    )


def _judge_drift(drifts: Mapping[str, Drift | None], limit: float) -> Check:
    """Judge the column that moved most.

    Where chance alone exceeds the limit, that it moved shows nothing.
    """
    measure = MEASURES[ValidateCheck.DRIFT]
    # Before the figures: a renamed column would be new on one side and gone on the other, and drift
    # of neither.
    unknown = [name for name, drift in drifts.items() if drift is None]
    measured = {name: drift for name, drift in drifts.items() if drift is not None}
    if unknown or not measured:
        one_sided = f"only on one side: {', '.join(unknown)}; ./portcullis accept --data-only"
        return holds(
            ValidateCheck.DRIFT,
            measure,
            None,
            expected="every column in both versions",
            reason=one_sided if unknown else "no columns",
        )

    worst = max(measured, key=lambda name: measured[name].psi)
    check = at_most(ValidateCheck.DRIFT, measure, measured[worst].psi, limit, reason=worst)
    chance = measured[worst].chance
    # Undecided instead of a fail, never instead of a pass; both block.
    if check.outcome is Outcome.FAIL and chance > limit:
        few = f"{worst}; chance alone comes to {chance:.2f}"
        return replace(
            check, outcome=Outcome.UNDECIDED, reason=few, would_decide="a larger delivery"
        )
    return check


def _judge_associations(
    report: AssociationReport | None, params: ValidateParams, limits: ValidateLimits
) -> tuple[Check, ...]:
    """Judge what is left of the accepted associations."""
    label = {} if report is None else {"the label": report.label}
    columns = {} if report is None else report.columns
    sources = {} if report is None else report.sources

    return (
        _judge_agreement(ValidateCheck.COLUMN_AGREEMENT, columns, limits.column_agreement, report),
        _judge_agreement(ValidateCheck.LABEL_AGREEMENT, label, limits.label_agreement, report),
        _judge_join(sources, params, limits.join_agreement, report),
        _judge_shift(report, limits.correlation_shift),
    )


def _judge_agreement(
    check_id: ValidateCheck,
    agreements: Mapping[str, Agreement | None],
    limit: float,
    report: AssociationReport | None,
) -> Check:
    """Judge the least agreement that chance does not explain; what cannot be seen is named."""
    measured = {name: item for name, item in agreements.items() if item is not None}
    # Names of sources and columns that the use case declares.
    unseen = ", ".join(name for name, item in agreements.items() if item is None)
    few = f"{TOO_FEW}: {unseen}" if unseen else TOO_FEW
    if not measured:
        check = _undecided(check_id, limit, few if report else MADE_BEFORE)
        return replace(check, would_decide=LARGER if report else "")

    worst = min(measured, key=lambda name: (measured[name].beyond_chance, measured[name].kept))
    item = measured[worst]
    reason = f"{worst}: {item.kept:.2f} kept, where chance explains a loss of {item.chance:.2f}"
    named = f"{reason}; {few}" if unseen else reason
    return at_least(check_id, MEASURES[check_id], item.beyond_chance, limit, reason=named)


def _judge_join(
    sources: Mapping[str, Agreement | None],
    params: ValidateParams,
    limit: float,
    report: AssociationReport | None,
) -> Check:
    """Judge the least agreement between sources; that there is none to see is to be declared.

    What can be measured is judged, whatever the use case declares.
    """
    # The declaration is asked last: it excuses what cannot be measured, and hides nothing that can.
    is_measured = any(item is not None for item in sources.values())
    if report is not None and not is_measured and params.unlinked_sources:
        expected = RULES[ValidateCheck.JOIN_AGREEMENT].unmeasured[1].text
        return not_measured(
            ValidateCheck.JOIN_AGREEMENT,
            MEASURES[ValidateCheck.JOIN_AGREEMENT],
            expected=expected,
            reason=params.unlinked_sources,
        )

    if report is not None and not sources:
        nothing = "columns of one source only: say so in `validate.unlinked_sources`"
        return _undecided(ValidateCheck.JOIN_AGREEMENT, limit, nothing)

    return _judge_agreement(ValidateCheck.JOIN_AGREEMENT, sources, limit, report)


def _judge_shift(report: AssociationReport | None, limit: float) -> Check:
    """Judge the correlation that moved most beyond chance."""
    shift = None if report is None else report.largest_shift
    if shift is None:
        reason = TOO_FEW if report else MADE_BEFORE
        return _undecided(ValidateCheck.JOINT_DRIFT, limit, reason)

    reason = (
        f"{shift.first} and {shift.second}: {shift.accepted:.2f} to {shift.delivered:.2f}, "
        f"where chance explains {shift.chance:.2f}"
    )
    measure = MEASURES[ValidateCheck.JOINT_DRIFT]
    return at_most(ValidateCheck.JOINT_DRIFT, measure, shift.beyond_chance, limit, reason=reason)


def _judge_label_rates(report: LabelReport | None, limits: ValidateLimits) -> tuple[Check, Check]:
    """Judge the label's rate over all rows, and in the group where it moved most."""
    overall = {} if report is None else {f"label {report.label}": report.overall}
    groups = {} if report is None else _by_group(report)
    by_group = _judge_rate(
        ValidateCheck.GROUP_LABEL_RATE, groups, limits.group_label_rate_shift, report
    )
    # Named, and no obstacle: of so few rows with the label no rate is accepted, nor one compared.
    if report is not None and (few := _groups_without_rate(report)):
        by_group = replace(by_group, reason=f"{by_group.reason}; without an accepted rate: {few}")

    return (
        _judge_rate(ValidateCheck.LABEL_RATE, overall, limits.label_rate_shift, report),
        by_group,
    )


def _by_group(report: LabelReport) -> dict[str, RateShift | None]:
    """Return the groups with an accepted rate; an attribute that has none is unseen as a whole."""
    return {
        f"{group} ({attribute})": shift
        for attribute, shifts in report.shown_groups.items()
        for group, shift in shifts.items()
    }


def _groups_without_rate(report: LabelReport) -> str:
    return ", ".join(
        f"{groups:,} of {attribute}"
        for attribute, groups in report.without_rate.items()
        # Of an attribute without any rate all groups are unseen, and said to be.
        if groups and report.groups[attribute]
    )


def _judge_rate(
    check_id: ValidateCheck,
    shifts: Mapping[str, RateShift | None],
    limit: float,
    report: LabelReport | None,
) -> Check:
    """Judge the rate that moved most beyond chance; a pass says so of every accepted rate."""
    measured = {name: shift for name, shift in shifts.items() if shift is not None}
    # Each has a rate in the accepted profile, which holds none of fewer than twenty rows: these are
    # names that a person accepted and no rare ones, however few rows the delivery has of them.
    unseen = ", ".join(name for name, shift in shifts.items() if shift is None)
    few = f"{FEW_OR_NONE}: {unseen}" if unseen else FEW_OR_NONE
    if not measured:
        return _undecided(check_id, limit, few if report else MADE_BEFORE)

    worst = max(measured, key=lambda name: (measured[name].beyond_chance, _moved(measured[name])))
    shift = measured[worst]
    reason = (
        f"{worst}: {shift.accepted:.3f} to {shift.delivered:.3f}, "
        f"where chance explains {shift.chance:.3f}"
    )
    check = at_most(check_id, MEASURES[check_id], shift.beyond_chance, limit, reason=reason)
    if not unseen:
        return check

    # Not a pass by the groups that are left: a group that was renamed, or taken out of the delivery
    # but for a few rows, would be looked at by nobody (docs/adr/0063-beyond-chance.md). A shift
    # that was seen stays a failure: what is undecided may be accepted by a validator.
    named = replace(check, reason=f"{reason}; {few}")
    if check.outcome is Outcome.FAIL:
        return named
    return replace(named, outcome=Outcome.UNDECIDED, would_decide=MORE_OF_THEM)


def _moved(shift: RateShift) -> float:
    return abs(shift.delivered - shift.accepted)


def _judge_support(beyond: Mapping[str, Beyond], limit: float) -> Check:
    """Judge the column with most rows beyond what was accepted."""
    if not beyond:
        return _undecided(ValidateCheck.BEYOND_SUPPORT, limit, "no columns")

    worst = max(beyond, key=lambda name: (beyond[name].excess, beyond[name].delivered))
    item = beyond[worst]
    reason = f"{worst}: {item.delivered:.1%} of rows, accepted {item.accepted:.1%}"
    measure = MEASURES[ValidateCheck.BEYOND_SUPPORT]
    return at_most(ValidateCheck.BEYOND_SUPPORT, measure, item.excess, limit, reason=reason)


def _undecided(check_id: ValidateCheck, limit: float, reason: str) -> Check:
    """Return a check of what could not be measured, under the limit in force."""
    compare: Callable[..., Check] = at_least if RULES[check_id].sign == "≥" else at_most
    check = compare(check_id, MEASURES[check_id], None, limit, reason=reason)
    return replace(check, would_decide=LARGER if reason == TOO_FEW else "")
