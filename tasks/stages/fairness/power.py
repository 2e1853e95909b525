"""What the gate can tell on so many rows: chances of a false block and of a missed bias.

Simulated through the functions that judge, before anything is trained: a use case that cannot be
certified on its rows is told so by this table, and not by a verdict.

The model of people: a latent merit, standard normal, which the score sees in part. A row is good
where the merit exceeds a threshold, and approved where the seen part exceeds it, so that as many
are good as are approved. A bias lowers what the score sees of a group, until its approval rate is
the given ratio of the privileged group's, and leaves the labels as they are.
"""

import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy.special import ndtr

from tasks.disparity.counts import (
    DecidedRows,
    count_members,
    count_rows,
    group_positions,
    joint_name,
)
from tasks.disparity.estimates import (
    Estimate,
    FairnessModel,
    Measure,
    finite_or_none,
    theil,
    theil_interval,
)
from tasks.gates import Check, Outcome
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import (
    FairnessReport,
    GroupReport,
    plain_metrics,
    report_groups,
)
from tasks.stages.fairness.params import FairnessLimits, FairnessParams
from tasks.under_way import counted, under_way

# Enough to say that a bias is missed in less than 5 % of portfolios where it is missed in none
# (exact, one-sided); a chance of one half is then known to within 13 points.
REPLICATES = 60
# Of a larger group so many rows are simulated: what is certain with them is so with more.
MOST_GROUP_ROWS = 2_500
# How much of the merit the score sees: an AUC of about 0.8, as application scorecards have.
SEEN_MERIT = 0.6
# To find how many rows certify a group: portfolios so many times as large, each drawn so often.
SEARCHED_FACTORS = (2, 4, 8, 16, 32)
SEARCH_REPLICATES = 20
MOST_SEARCHED_ROWS = 5_000
RATIO_AT_LIMIT = 0.8
RATIO_OF_BIAS = 0.7


class GroupPower(FairnessModel):
    """What the checks about one group can tell."""

    attribute: str
    group: str
    rows: int
    false_block: float  # at parity: the chance that some check about the group does not pass
    missed_at_limit: float  # approved 0.8 times as often: the chance that all of them pass
    missed_bias: float  # approved 0.7 times as often


class PowerTable(FairnessModel):
    """What the gate can tell of groups of these sizes, by this plan."""

    base_rate: float
    replicates: int
    gate_false_block: float  # at parity of all groups: some check of the gate does not pass
    groups: tuple[GroupPower, ...]

    def lines(self) -> Iterator[str]:
        """Yield it as people read it on a terminal."""
        yield (
            f"fairness: at parity and an approval rate of {self.base_rate:.0%} the gate blocks "
            f"{self.gate_false_block:.0%} of fair models on so many rows"
        )
        for group in self.groups:
            yield (
                f"  {group.group} ({group.attribute}), {group.rows:,} rows: "
                f"blocked at parity {group.false_block:.0%}, "
                f"missed at a ratio of {RATIO_AT_LIMIT:g} {group.missed_at_limit:.1%}, "
                f"of {RATIO_OF_BIAS:g} {group.missed_bias:.1%}"
            )


def power_of_report(
    report: FairnessReport, params: FairnessParams, limits: FairnessLimits
) -> PowerTable:
    """Return what the gate could tell of the groups that were measured."""
    group_rows: dict[str, dict[str, int]] = {}
    for group in (*report.references, *report.groups):
        group_rows.setdefault(group.attribute, {})[group.group] = group.rows
    # Of the privileged groups, whom the simulated bias leaves as they are.
    approved_rows = sum(round(group.approval_rate * group.rows) for group in report.references)
    reference_rows = sum(group.rows for group in report.references)

    # Where all or none are approved there is no rate to simulate: the nearest of one row more.
    base_rate = (approved_rows + 0.5) / (reference_rows + 1)
    return power_table(group_rows, base_rate, params, limits)


def power_table(
    group_rows: Mapping[str, Mapping[str, int]],
    base_rate: float,
    params: FairnessParams,
    limits: FairnessLimits,
    replicates: int = REPLICATES,
) -> PowerTable:
    """Return what the gate can tell on so many rows.

    Args:
        group_rows: Attribute -> group -> rows; an attribute without its privileged group, or with
            no other, is left out. Combinations are named as the gate names them: `race and sex`.
        base_rate: Share of the privileged group that is approved, and good; within (0, 1).
        params: The plan: privileged groups, cut-offs, row minimum, seed.
        limits: What is judged by.
        replicates: Simulated portfolios at parity, and of either bias.
    """
    privileged = _privileged(params)
    judged_rows = _judged(group_rows, privileged)
    # The report names the real sizes, and the simulation bounds them: it costs the same on a
    # million rows as on some thousand.
    simulated_rows = _scaled(judged_rows, 1, MOST_GROUP_ROWS)
    portfolio = Portfolio(simulated_rows, base_rate, params, limits)
    ratios = (1.0, RATIO_AT_LIMIT, RATIO_OF_BIAS)
    with under_way("simulating portfolios", len(ratios) * replicates, "portfolios") as work:

        def passing_groups(ratio: float, number: int) -> set[tuple[str, str]]:
            work.advance()
            return portfolio.passing_groups(ratio, number)

        # The same numbers for each ratio: the same people are drawn, with and without the bias, so
        # that the columns of the table differ by the bias and not by the draw.
        passed = {
            ratio: [passing_groups(ratio, number) for number in range(replicates)]
            for ratio in ratios
        }

    def share_passing(ratio: float, key: tuple[str, str]) -> float:
        return sum(key in passing for passing in passed[ratio]) / replicates

    groups = tuple(
        GroupPower(
            attribute=attribute,
            group=group,
            rows=rows,
            false_block=1 - share_passing(1.0, (attribute, group)),
            missed_at_limit=share_passing(RATIO_AT_LIMIT, (attribute, group)),
            missed_bias=share_passing(RATIO_OF_BIAS, (attribute, group)),
        )
        for attribute, sizes in judged_rows.items()
        for group, rows in sizes.items()
        if group != privileged[attribute]
    )
    # The privileged groups, and all rows together, belong to it: their calibration and the Theil
    # index block, too.
    everybody = {
        ("", ""),
        *((attribute, group) for attribute, sizes in judged_rows.items() for group in sizes),
    }
    blocked = sum(not everybody <= passing for passing in passed[1.0])
    return PowerTable(
        base_rate=base_rate,
        replicates=replicates,
        gate_false_block=blocked / replicates,
        groups=groups,
    )


def rows_that_certify(
    group_rows: Mapping[str, Mapping[str, int]],
    base_rate: float,
    params: FairnessParams,
    limits: FairnessLimits,
    accepted_block: float,
) -> dict[tuple[str, str], int]:
    """Return about how many rows of each group would do, by attribute and group.

    All groups are taken to grow alike, by doubling. A group is in the result where the gate blocks
    a fair model because of it in no more than the accepted share of the portfolios drawn.
    """
    judged_rows = _judged(group_rows, _privileged(params))
    needed: dict[tuple[str, str], int] = {}
    wanted = {(attribute, group) for attribute, sizes in judged_rows.items() for group in sizes}
    for factor in counted("searching how many rows would do", SEARCHED_FACTORS, "sizes"):
        grown_rows = _scaled(judged_rows, factor, MOST_SEARCHED_ROWS)
        portfolio = Portfolio(grown_rows, base_rate, params, limits)
        passed = [portfolio.passing_groups(1.0, number) for number in range(SEARCH_REPLICATES)]
        # Only those that no smaller size did for; the first size that does is kept.
        for attribute, group in sorted(wanted - set(needed)):
            blocked = sum((attribute, group) not in passing for passing in passed)
            if blocked <= accepted_block * SEARCH_REPLICATES:
                needed[attribute, group] = judged_rows[attribute][group] * factor
        if wanted <= set(needed):
            break

    return needed


class Portfolio:
    """Portfolios of the same groups, decided anew at every call, and judged by the gate.

    Memberships of different attributes are drawn independently of each other.
    """

    def __init__(
        self,
        group_rows: Mapping[str, Mapping[str, int]],
        base_rate: float,
        params: FairnessParams,
        limits: FairnessLimits,
    ) -> None:
        self.params = params
        self.limits = limits
        self.base_rate = base_rate
        self.privileged = _privileged(params)
        names = {
            attribute: pd.Series(np.repeat(list(sizes), list(sizes.values())), dtype="str")
            for attribute, sizes in group_rows.items()
        }
        self.members = {attribute: group_positions(groups) for attribute, groups in names.items()}
        self.is_lowered = {
            attribute: (groups != self.privileged[attribute]).to_numpy()
            for attribute, groups in names.items()
        }

    def passing_groups(self, ratio: float, number: int) -> set[tuple[str, str]]:
        """Return the groups whose every check passes in one portfolio; ("", "") for all rows.

        Args:
            ratio: Approval rate of each group to the privileged one's.
            number: Of the replicate.
        """
        outcomes: dict[tuple[str, str], list[bool]] = {}
        for check in self.checks(ratio, number):
            key = (check.about.attribute or "", check.about.group or "")
            outcomes.setdefault(key, []).append(check.outcome is Outcome.PASS)
        return {key for key, passes in outcomes.items() if all(passes)}

    def checks(self, ratio: float, number: int) -> tuple[Check, ...]:
        """Return what the gate says of one portfolio; arguments as in `passing_groups`."""
        # By plan and number alone: the table of a plan is the same whenever and wherever it is
        # drawn.
        rng = np.random.default_rng([self.params.seed, number])
        groups: list[GroupReport] = []
        references: list[GroupReport] = []
        largest = draw_rows(np.zeros(1, dtype=bool), self.base_rate, 1.0, rng)
        for attribute, members in self.members.items():
            privileged = self.privileged[attribute]
            # Each attribute has rows of its own. How groups of two attributes overlap is not known
            # before there are rows, and no check looks at two attributes at once: a combination is
            # an attribute of its own here.
            rows = draw_rows(self.is_lowered[attribute], self.base_rate, ratio, rng)
            counts = count_members(members, rows, self.params.cutoffs)
            # AIF360 takes some 3 ms a group, `plain_metrics` six microseconds, and there are
            # thousands of groups to measure.
            reference, others = report_groups(
                attribute, counts, privileged, self.params, metrics=plain_metrics
            )
            groups += others
            references.append(reference)
            # The Theil index is of all rows. Where no attribute has anybody to compare, it is of
            # the one row drawn above, and undecided.
            largest = max(largest, rows, key=len)

        report = FairnessReport(
            evaluated_on=self.params.evaluate_on,
            rows=len(largest),
            people=len(largest),
            groups=tuple(groups),
            references=tuple(references),
            absent=(),
            judged_attributes=(),
            excused_attributes=(),
            forgotten_attributes=(),
            theil=_theil(largest, self.params, rng),
            rows_without_group={},
        )
        return judge_fairness(report, self.params, self.limits)


def draw_rows(
    is_lowered: np.ndarray, base_rate: float, ratio: float, rng: np.random.Generator
) -> DecidedRows:
    """Return labels, decisions and scores of rows, some of which the score sees lower.

    Args:
        is_lowered: Whether the row's group is approved less often; shape (rows,).
        base_rate: Share of all other rows that is approved, and share of all rows that is good.
        ratio: Approval rate of the lowered rows to that of the others.
        rng: The chance.
    """
    normal = NormalDist()
    threshold = -normal.inv_cdf(base_rate)
    # What the score sees is standard normal: moved by the distance between the two quantiles, as
    # many of the lowered rows exceed the threshold as the ratio asks for.
    lowered_by = -normal.inv_cdf(ratio * base_rate) - threshold

    part = rng.standard_normal(len(is_lowered))
    rest = rng.standard_normal(len(is_lowered))
    unseen = math.sqrt(1 - SEEN_MERIT**2)
    is_good = SEEN_MERIT * part + unseen * rest >= threshold
    seen = part - lowered_by * is_lowered
    return DecidedRows.of(
        is_good.astype(int),
        seen >= threshold,
        # P(good), given what the score sees: the unseen rest has to exceed what is left. So the
        # score is calibrated at parity, and underrates whom the bias lowers, as it does in earnest.
        ndtr((SEEN_MERIT * seen - threshold) / unseen),
    )


def _judged(
    group_rows: Mapping[str, Mapping[str, int]], privileged: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """Return the attributes that have somebody to compare, and somebody to compare them with."""
    return {
        attribute: dict(rows)
        for attribute, rows in group_rows.items()
        if len(rows) > 1 and rows.get(privileged.get(attribute, ""), 0) > 0
    }


def _scaled(
    group_rows: Mapping[str, Mapping[str, int]], factor: int, most_rows: int
) -> dict[str, dict[str, int]]:
    """Return so many times the rows of each group, but no more than are simulated."""
    return {
        attribute: {group: min(rows * factor, most_rows) for group, rows in sizes.items()}
        for attribute, sizes in group_rows.items()
    }


def _theil(rows: DecidedRows, params: FairnessParams, rng: np.random.Generator) -> Estimate:
    """Return the Theil index as the gate measures it, but for AIF360, which takes each row."""
    counts = count_rows("all", rows)
    cells = (counts.rows, counts.good - counts.approved_good, counts.approved_bad)
    right = cells[0] - cells[1] - cells[2]

    return Estimate(
        measure=Measure.THEIL_INDEX,
        value=float(theil(np.array([right, *cells[1:]], dtype=float))),
        interval=finite_or_none(theil_interval(counts, params.draws, rng)),
        group_rows=counts.rows,
        fewest_people=counts.people,
    )


def _privileged(params: FairnessParams) -> dict[str, str]:
    """Return the privileged group of each attribute, and of each declared combination."""
    joint = {
        " and ".join(attributes): joint_name(params.privileged[name] for name in attributes)
        for attributes in params.intersections
    }
    return {**params.privileged, **joint}
