"""The gate `fairness`: judge measured figures, with what their uncertainty allows one to say.

The rule, in this order:

1. A side of fewer people than `smallest_group_rows` is undecided, whatever it shows.
2. Pass: the whole interval lies on the right side of the limit. Every check has to pass for the
   gate to, so each is made at its own level, and none is made easier by the others' number
   (intersection-union test: Berger 1982, Technometrics 24, 295-300).
3. Fail: the whole interval lies on the wrong side, and by Holm's correction for all tests of the
   gate that is no chance.
4. Undecided, and how many rows would decide. A point estimate alone passes nobody.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist

from tasks.disparity.estimates import Estimate, Measure
from tasks.disparity.intervals import Interval, holm, p_value_of, size_interval
from tasks.gates import About, Check, Outcome, holds, not_measured
from tasks.gates.limits import limit_text
from tasks.stages.fairness.checks import ABSOLUTE, COVERED, FairnessCheck
from tasks.stages.fairness.measuring import AbsentGroup, FairnessReport, GroupReport
from tasks.stages.fairness.params import FairnessLimits, FairnessParams

# Below it a ratio that meets the limit is looked at by hand: monitors of lenders and the pay
# authorities screen at 0.9 (docs/adr/0059-what-no-approval-rate-blinds.md). It blocks nothing.
SCREEN_RATIO = 0.9

RATIOS_OF_APPROVALS = (
    Measure.DISPARATE_IMPACT_RATIO,
    Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST,
    Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS,
)
RATIOS = (
    *RATIOS_OF_APPROVALS,
    Measure.DECLINE_RATIO,
    Measure.DECLINE_RATIO_OVER_CUTOFFS,
    Measure.ODDS_RATIO,
)

TO_BETTER_OFF = ", towards groups better off than the privileged one"

# Which check judges which measure of a group; a measure that is not here is shown and not judged.
CHECK_OF = {
    Measure.DISPARATE_IMPACT_RATIO: FairnessCheck.DISPARATE_IMPACT_RATIO,
    Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST: FairnessCheck.DISPARATE_IMPACT_RATIO_TO_HIGHEST,
    Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS: FairnessCheck.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS,
    Measure.DECLINE_RATIO: FairnessCheck.DECLINE_RATIO,
    Measure.DECLINE_RATIO_OVER_CUTOFFS: FairnessCheck.DECLINE_RATIO_OVER_CUTOFFS,
    Measure.ODDS_RATIO: FairnessCheck.ODDS_RATIO,
    Measure.STANDARDISED_MEAN_DIFFERENCE: FairnessCheck.STANDARDISED_MEAN_DIFFERENCE,
    Measure.EQUAL_OPPORTUNITY_DIFFERENCE: FairnessCheck.EQUAL_OPPORTUNITY_DIFFERENCE,
    Measure.AVERAGE_ABS_ODDS_DIFFERENCE: FairnessCheck.AVERAGE_ABS_ODDS_DIFFERENCE,
    Measure.UNDERRATED_BY: FairnessCheck.UNDERRATED_BY,
}
# The same of figures towards groups that are better off than the privileged one: checks of their
# own, for whoever compares two verdicts by id. Nobody may be better off in the next.
FURTHER_CHECK_OF = {
    Measure.DECLINE_RATIO: FairnessCheck.DECLINE_RATIO_TO_BETTER_OFF,
    Measure.ODDS_RATIO: FairnessCheck.ODDS_RATIO_TO_BETTER_OFF,
    Measure.STANDARDISED_MEAN_DIFFERENCE: FairnessCheck.MEAN_DIFFERENCE_TO_BETTER_OFF,
    Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS: FairnessCheck.IMPACT_OVER_CUTOFFS_TO_BETTER_OFF,
    Measure.DECLINE_RATIO_OVER_CUTOFFS: FairnessCheck.DECLINES_OVER_CUTOFFS_TO_BETTER_OFF,
}


@dataclass(frozen=True)
class _Question:
    """A figure, or the same at several cut-offs, and its limit.

    `sign` is +1 for "at least the limit" and -1 for "at most". Differences count by their size.
    `tests` are as many as were looked at, to find the figures that it is asked of.
    """

    check_id: FairnessCheck
    about: About
    name: str
    estimates: tuple[Estimate, ...]
    limit: float
    sign: int
    is_difference: bool = False
    tests: int = 1

    @property
    def shown_limit(self) -> str:
        """The limit as a person reads it."""
        text = limit_text("≥" if self.sign > 0 else "≤", self.limit)
        return text + (ABSOLUTE if self.is_difference else "")


@dataclass(frozen=True)
class _Reading:
    """One figure of a question, read towards its limit."""

    estimate: Estimate
    value: float
    interval: Interval
    limit: float
    sign: int

    @classmethod
    def of(cls, question: _Question, estimate: Estimate) -> "_Reading | None":
        """Return it; None where there is no figure or no interval."""
        value, interval = estimate.value, estimate.interval
        if value is None or interval is None or not math.isfinite(value):
            return None
        if question.is_difference:
            value = abs(value)
            interval = size_interval(interval)
        return cls(estimate, value, interval, question.limit, question.sign)

    @property
    def margin(self) -> float:
        """How far the figure lies on the right side."""
        return self.sign * (self.value - self.limit)

    @property
    def worst_margin(self) -> float:
        """How far the worse end of the interval does."""
        return self.sign * (self.interval[0 if self.sign > 0 else 1] - self.limit)

    @property
    def best_margin(self) -> float:
        """How far the better end of the interval does."""
        return self.sign * (self.interval[1 if self.sign > 0 else 0] - self.limit)

    @property
    def p_value(self) -> float:
        """That the true figure meets the limit; 1 where this one does."""
        if self.margin >= 0:
            return 1.0
        is_ratio = self.estimate.measure in RATIOS
        return p_value_of(self.interval, self.value, self.limit, is_ratio=is_ratio)


def judge_fairness(
    report: FairnessReport, params: FairnessParams, limits: FairnessLimits
) -> tuple[Check, ...]:
    """Judge every group of every attribute, and whether any attribute was forgotten.

    Too little data is never a pass, and neither is a group that is absent.
    """
    # 1. One question for each group and measure. The privileged groups are asked, too: nobody is
    # compared with them, yet a model can underrate them.
    questions = [
        *(
            question
            for group in (*report.groups, *report.references)
            for question in _questions(group, limits)
        ),
        _question_about_everybody(report, limits),
    ]
    # 2. The figure that decides each question.
    readings = [_read(question) for question in questions]

    # 3. Holm over all tests of the gate at once: the more groups are asked about, the less a single
    # small p-value says. Of several cut-offs the worst is taken, so that it counts for all.
    p_values = [
        1.0 if reading is None else min(1.0, reading.p_value * question.tests)
        for question, reading in zip(questions, readings, strict=True)
    ]
    # 4. Judge each question at its own level, with its adjusted p-value for a failure alone.
    checks = [
        _judge(question, reading, p_value, params)
        for question, reading, p_value in zip(questions, readings, holm(p_values), strict=True)
    ]
    # 5. What has no figure: groups that are absent, and attributes that nobody looks at. They come
    # last, so that the checks before them lie in the order of the questions.
    return (
        *checks,
        *(_judge_absence(absent) for absent in report.absent),
        *_judge_coverage(report),
    )


def _question_about_everybody(report: FairnessReport, limits: FairnessLimits) -> _Question:
    return _Question(
        check_id=FairnessCheck.THEIL_INDEX,
        about=About(),
        name=f"{Measure.THEIL_INDEX.text}, all rows",
        estimates=(report.theil,),
        limit=limits.theil_index,
        sign=-1,
    )


def _questions(group: GroupReport, limits: FairnessLimits) -> Iterator[_Question]:
    """Yield what is asked of a group; the figures at several cut-offs are one question."""
    together: dict[tuple[Measure, bool], list[Estimate]] = {}
    for estimate in group.estimates:
        key = (estimate.measure, estimate.towards is not None)
        together.setdefault(key, []).append(estimate)

    impact = limits.disparate_impact
    decline = limits.decline_ratio
    asked = {
        Measure.DISPARATE_IMPACT_RATIO: (impact, 1),
        Measure.DISPARATE_IMPACT_RATIO_TO_HIGHEST: (impact, 1),
        Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS: (impact, 1),
        Measure.DECLINE_RATIO: (decline, -1),
        Measure.DECLINE_RATIO_OVER_CUTOFFS: (decline, -1),
        Measure.ODDS_RATIO: (limits.odds_ratio, -1),
        Measure.STANDARDISED_MEAN_DIFFERENCE: (limits.standardised_mean_difference, -1),
        Measure.EQUAL_OPPORTUNITY_DIFFERENCE: (limits.equal_opportunity_difference, -1),
        Measure.AVERAGE_ABS_ODDS_DIFFERENCE: (limits.average_abs_odds_difference, -1),
        Measure.UNDERRATED_BY: (limits.underrated_by, -1),
    }
    for (measure, is_further), estimates in together.items():
        if measure not in asked:
            continue

        limit, sign = asked[measure]
        question = _Question(
            check_id=FURTHER_CHECK_OF[measure] if is_further else CHECK_OF[measure],
            about=About(attribute=group.attribute, group=group.group),
            name=f"{measure.text}{TO_BETTER_OFF if is_further else ''}, "
            f"{group.group} ({group.attribute})",
            estimates=tuple(estimates),
            limit=limit,
            sign=sign,
            is_difference=measure is Measure.EQUAL_OPPORTUNITY_DIFFERENCE,
            tests=len(estimates),
        )
        judged = tuple(
            item for item in estimates if not item.is_alarm or _is_missed(question, item)
        )
        # None left: of a privileged group, beside which nobody is better off by that much.
        if judged:
            yield replace(question, estimates=judged)


def _is_missed(question: _Question, estimate: Estimate) -> bool:
    """Say whether the whole interval lies on the wrong side of the limit."""
    reading = _Reading.of(question, estimate)
    return reading is not None and reading.best_margin < 0


def _read(question: _Question) -> _Reading | None:
    """Return the figure that decides: of several cut-offs the worst; None where one is missing."""
    readings = [_Reading.of(question, estimate) for estimate in question.estimates]
    present = [reading for reading in readings if reading is not None]
    # A cut-off that cannot be computed leaves the question undecided. Left out, it would make "at
    # any cut-off" a statement about the others, and an attacker would name one that gives nothing.
    if len(present) < len(readings):
        return None

    # A cut-off at which the whole interval misses decides, even if another's reaches further.
    failing = [reading for reading in present if reading.best_margin < 0]
    if failing:
        return min(failing, key=lambda reading: reading.p_value)
    return min(present, key=lambda reading: reading.worst_margin)


def _judge(
    question: _Question, reading: _Reading | None, p_value: float, params: FairnessParams
) -> Check:
    if reading is None:
        rows = question.estimates[0].group_rows
        return Check(
            question.check_id,
            question.name,
            Outcome.UNDECIDED,
            None,
            question.shown_limit,
            question.about,
            reason=f"cannot be computed from {rows:,} rows: a decision or a label is absent",
        )

    outcome, reason = _decide(reading, p_value, params)
    estimate = reading.estimate
    if estimate.approval_rate is not None:
        reason = f"at an approval rate of {estimate.approval_rate:g} {reason}"
    if estimate.towards is not None:
        reason = f"towards {estimate.towards} {reason}"
    is_screened = estimate.measure in RATIOS_OF_APPROVALS and reading.value < SCREEN_RATIO
    if outcome is Outcome.PASS and is_screened:
        reason += f"; below the screen of {SCREEN_RATIO:g}, to be looked at"
    return Check(
        question.check_id,
        question.name,
        outcome,
        reading.value,
        question.shown_limit,
        question.about,
        margin=reading.margin,
        interval=reading.interval,
        reason=reason,
        would_decide=(
            _rows_that_decide(reading, p_value, params) if outcome is Outcome.UNDECIDED else ""
        ),
    )


def _decide(reading: _Reading, p_value: float, params: FairnessParams) -> tuple[Outcome, str]:
    """Return the outcome by the rule of this gate, and what it rests on."""
    rows = f"{reading.estimate.group_rows:,} rows"
    fewest = reading.estimate.fewest_people
    # Before the interval, not after it: an interval of few people may lie within the limit by luck.
    if fewest < params.smallest_group_rows:
        return Outcome.UNDECIDED, (
            f"cannot be certified on {rows}: {fewest:,} people on one side, "
            f"fewer than {params.smallest_group_rows:,}"
        )
    # `>=` twice, so that a NaN is on neither side: it falls through to the test, where its p-value
    # is not below the level either, and ends undecided.
    if reading.worst_margin >= 0:
        return Outcome.PASS, f"the whole interval meets the limit ({rows})"
    if reading.best_margin >= 0:
        return Outcome.UNDECIDED, f"cannot be certified on {rows}: the interval holds the limit"

    tested = f"Holm p = {p_value:.2g}, {rows}"
    if p_value < params.significance:
        return Outcome.FAIL, f"the whole interval misses the limit ({tested})"
    return Outcome.UNDECIDED, (
        f"the whole interval misses the limit, which may be chance among so many tests ({tested})"
    )


def _rows_that_decide(reading: _Reading, p_value: float, params: FairnessParams) -> str:
    """Return about how many rows would make the interval narrow enough, and for what.

    Its width shrinks with the square root of the rows. Around a figure that misses the limit it
    shrinks to a failure: nobody is to gather rows in the hope that they certify it.
    """
    rows = reading.estimate.group_rows
    fewest = reading.estimate.fewest_people
    if reading.margin == 0 or rows == 0:
        return "no number of rows decides a figure that lies on its limit"
    # An end of its own interval: no width there, from which a p-value or a growth could be read.
    if reading.best_margin < 0 and reading.p_value >= 1:
        return "how many rows would cannot be said of a figure that is an end of its interval"

    # The half of the interval on the side of the limit has to shrink to the distance between figure
    # and limit, and width falls with the root of the rows.
    towards_limit = reading.worst_margin if reading.margin > 0 else reading.best_margin
    needed = rows * ((towards_limit - reading.margin) / reading.margin) ** 2
    if reading.best_margin < 0:
        needed = rows * _growth_to_significance(reading.p_value, p_value, params.significance)
    # The other rule that may stand in the way. At least one row more is named in any case: "as many
    # as there are" would be no answer.
    if fewest < params.smallest_group_rows:
        needed = max(needed, rows * params.smallest_group_rows / max(fewest, 1))
    would = "would" if reading.margin > 0 else "would fail it"
    return f"about {max(math.ceil(needed), rows + 1):,} {would}, if the figure stays"


def _growth_to_significance(p_value: float, adjusted: float, significance: float) -> float:
    """Return by how much rows must grow for an adjusted p-value to fall to the level.

    The normal deviate grows with the square root of the rows; Holm's factor is taken to stay.
    """
    if p_value <= 0 or adjusted < significance:
        return 1.0
    normal = NormalDist()
    level = significance * p_value / adjusted
    return (normal.inv_cdf(level / 2) / normal.inv_cdf(p_value / 2)) ** 2


def _judge_absence(absent: AbsentGroup) -> Check:
    name = absent.group or "any other group"
    return Check(
        FairnessCheck.GROUP_PRESENT,
        f"groups of {absent.attribute}",
        Outcome.UNDECIDED,
        None,
        "every group present",
        About(attribute=absent.attribute, group=absent.group),
        reason=f"no rows of {name}: nothing can be said about it",
    )


def _judge_coverage(report: FairnessReport) -> Iterator[Check]:
    """Yield a check for each protected column: it is judged, or excused by a person."""
    for attribute in report.judged_attributes:
        yield _covered(attribute, True, "")

    for excused in report.excused_attributes:
        yield not_measured(
            FairnessCheck.ATTRIBUTE_COVERED,
            f"coverage of {excused.attribute}",
            expected=COVERED,
            reason=f"excused by {excused.by} on {excused.date}: {excused.reason}",
            about=About(attribute=excused.attribute),
        )

    for attribute in report.forgotten_attributes:
        yield _covered(
            attribute,
            None,
            "protected, and neither in `fairness.privileged` nor in `fairness.excused`",
        )


def _covered(attribute: str, is_covered: bool | None, reason: str) -> Check:
    return holds(
        FairnessCheck.ATTRIBUTE_COVERED,
        f"coverage of {attribute}",
        is_covered,
        expected=COVERED,
        about=About(attribute=attribute),
        reason=reason,
    )
