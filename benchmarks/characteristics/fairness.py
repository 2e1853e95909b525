"""False blocks and missed biases of the gate `fairness`, of each check and of the whole.

    python -m benchmarks.characteristics.fairness 400 1        # replicates, seed

Portfolios are drawn by `tasks.stages.fairness.power`, with a bias of a known size, and judged by
the gate. A check is measured where the truth lies exactly on its limit: there it must not pass more
often than in 1 of 20.
"""

import math
import sys
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd

from benchmarks.characteristics.row import Row, print_rows
from tasks.disparity.counts import DecidedRows, count_groups
from tasks.disparity.intervals import (
    Interval,
    Proportion,
    newcombe,
    odds,
    odds_ratio_interval,
    ratio_interval,
)
from tasks.gates import Check, Outcome
from tasks.stages.fairness.judging import judge_fairness
from tasks.stages.fairness.measuring import measure_fairness, plain_metrics, report_groups
from tasks.stages.fairness.params import FairnessLimits, FairnessParams
from tasks.stages.fairness.power import Portfolio, draw_rows

GATE = "fairness"
REPLICATES = 100  # of a full run by `python -m benchmarks.characteristics`
WHOLE_GATE = "fairness"
CHECKS_OF_GROUPS = "fairness, all checks of groups"
THEIL_MISSED_AT = 0.5
GOAL = 0.05  # what may be missed, and from a stated number of rows on what may be blocked
REFERENCE_ROWS = 1_600
TRUTH_ROWS = 100_000  # of each side, to find the bias that lies on a limit
LIMITS = FairnessLimits(
    disparate_impact=0.8,
    decline_ratio=2.0,
    odds_ratio=2.0,
    standardised_mean_difference=0.3,
    equal_opportunity_difference=0.1,
    average_abs_odds_difference=0.15,
    underrated_by=0.05,
    theil_index=0.2,
    registered_shift=0.05,
)
# Checks of a group, and the limit on which the truth is put.
ON_LIMIT = {
    "disparate_impact_ratio": LIMITS.disparate_impact,
    "decline_ratio": LIMITS.decline_ratio,
    "odds_ratio": LIMITS.odds_ratio,
    "standardised_mean_difference": LIMITS.standardised_mean_difference,
    "equal_opportunity_difference": LIMITS.equal_opportunity_difference,
    "average_abs_odds_difference": LIMITS.average_abs_odds_difference,
    "underrated_by": LIMITS.underrated_by,
}
LOAN_CERTIFIED_FACTOR = 10  # so many times the rows of `loan` certify parity of all its groups
LOAN_GROUPS = {
    "race": {"white": 1681, "black": 197, "hispanic": 108},
    "sex": {"male": 1605, "female": 369},
    "married": {"1": 1308, "0": 678},
    "old": {"0": 1059, "1": 930},
    "race and sex": {
        "white / male": 1370,
        "white / female": 296,
        "black / male": 140,
        "hispanic / male": 90,
        "pooled small groups": 73,
    },
}


def plan(seed: int, privileged: dict[str, str] | None = None) -> FairnessParams:
    """Return the plan of the shipped cases, about one attribute unless told otherwise."""
    groups = privileged or {"race": "a"}
    return FairnessParams(
        privileged=groups,
        intersections=(("race", "sex"),) if "sex" in groups else (),
        cutoffs=(0.8, 0.88, 0.95),
        evaluate_on="out_of_fold",
        smallest_group_rows=30,
        significance=0.05,
        draws=2000,
        seed=seed,
    )


def noise(replicates: int, rate: float = GOAL) -> float:
    """Return how far a measured rate may lie from the true one by chance: 2.5 deviations."""
    return 2.5 * math.sqrt(rate * (1 - rate) / replicates)


@cache
def ratio_on_limit(measure: str, base_rate: float) -> float:
    """Return the ratio of approvals at which a measure of very many rows lies on its limit.

    nan where no ratio from 0.3 to 1 puts it there.
    """
    limit = ON_LIMIT[measure]

    def excess(ratio: float) -> float:
        return abs(true_values(base_rate, ratio)[measure]) - limit

    low, high = 0.3, 1.0
    if excess(low) * excess(high) > 0:
        return math.nan
    for _ in range(8):
        middle = (low + high) / 2
        if excess(middle) * excess(high) <= 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@cache
def true_values(base_rate: float, ratio: float) -> dict[str, float]:
    """Return each measure of so many rows that chance does not count."""
    names = pd.Series(np.repeat(["a", "b"], TRUTH_ROWS), dtype="str")
    is_lowered = (names == "b").to_numpy()
    rows = draw_rows(is_lowered, base_rate, ratio, np.random.default_rng(0))
    counts = count_groups(names, rows, plan(0).cutoffs)
    _, (group,) = report_groups("race", counts, "a", plan(0), metrics=plain_metrics)
    return {item.measure.value: item.value for item in group.estimates if item.value is not None}


def blocked_ratio(
    portfolio: Portfolio, ratio: float, replicates: int, is_asked: Callable[[Check], bool]
) -> float:
    """Return the share of portfolios in which one of the checks asked about does not pass."""
    blocked = 0
    for number in range(replicates):
        asked = [check for check in portfolio.checks(ratio, number) if is_asked(check)]
        assert asked
        blocked += any(check.outcome is not Outcome.PASS for check in asked)
    return blocked / replicates


def measure_checks(
    replicates: int, seed: int, sizes: tuple[int, ...], base_rates: tuple[float, ...]
) -> Iterator[Row]:
    """Yield how often each check blocks where the truth lies on its limit."""
    for base_rate in base_rates:
        for name in ON_LIMIT:
            ratio = ratio_on_limit(name, base_rate)
            if math.isnan(ratio):
                continue
            for rows in sizes:
                groups = {"race": {"a": REFERENCE_ROWS, "b": rows}}
                portfolio = Portfolio(groups, base_rate, plan(seed), LIMITS)
                check_id = f"fairness.{name}"

                def is_asked(check: Check, check_id: str = check_id) -> bool:
                    return check.id == check_id and check.about.group == "b"

                yield Row(
                    gate=GATE,
                    check=check_id,
                    situation=f"truth on the limit, approval rate {base_rate:g}",
                    rows=rows,
                    rate=blocked_ratio(portfolio, ratio, replicates, is_asked),
                    replicates=replicates,
                    expected_low=1 - GOAL - noise(replicates),
                    expected_high=1.0,
                )


def measure_single_ratio(replicates: int, seed: int, sizes: tuple[int, ...]) -> Iterator[Row]:
    """Yield the figures of the former rule: one ratio, privileged rate 0.5, true ratio 0.7."""
    for rows in sizes:
        portfolio = Portfolio({"race": {"a": REFERENCE_ROWS, "b": rows}}, 0.5, plan(seed), LIMITS)

        def is_asked(check: Check) -> bool:
            return check.id == "fairness.disparate_impact_ratio" and check.about.group == "b"

        yield Row(
            gate=GATE,
            check="fairness.disparate_impact_ratio",
            situation="true ratio 0.7, approval rate 0.5",
            rows=rows,
            rate=blocked_ratio(portfolio, 0.7, replicates, is_asked),
            replicates=replicates,
            expected_low=1 - GOAL - noise(replicates),
            expected_high=1.0,
        )


def measure_gate(
    replicates: int, seed: int, bands: dict[tuple[float, float, int], tuple[float, float]]
) -> Iterator[Row]:
    """Yield how often the whole gate blocks two groups of equal size.

    Args:
        replicates: Portfolios of each.
        seed: Of the draws.
        bands: (approval rate, true ratio, rows a group) -> the band of the share blocked.
    """
    for (base_rate, ratio, rows), (low, high) in bands.items():
        portfolio = Portfolio({"race": {"a": rows, "b": rows}}, base_rate, plan(seed), LIMITS)
        verdicts = [portfolio.checks(ratio, number) for number in range(replicates)]
        for check, is_asked in ((WHOLE_GATE, _is_any), (CHECKS_OF_GROUPS, _is_about_group)):
            blocked = sum(
                any(one.outcome is not Outcome.PASS for one in verdict if is_asked(one))
                for verdict in verdicts
            )
            # The Theil index is about errors of all rows, not about groups: a score of this AUC
            # exceeds its limit where half of the rows are good.
            is_theil_missed = check == WHOLE_GATE and base_rate == THEIL_MISSED_AT
            yield Row(
                gate=GATE,
                check=check,
                situation=f"true ratio {ratio:g}, approval rate {base_rate:g}",
                rows=rows,
                rate=blocked / replicates,
                replicates=replicates,
                expected_low=max(low - noise(replicates), 0.0),
                expected_high=1.0 if is_theil_missed else min(high + noise(replicates), 1.0),
            )


def _is_any(check: Check) -> bool:
    return bool(check.id)


def _is_about_group(check: Check) -> bool:
    return check.about.group is not None


def measure_loan(replicates: int, seed: int, factors: tuple[int, ...]) -> Iterator[Row]:
    """Yield how often the whole gate blocks a portfolio like `loan`, or so many times as large."""
    privileged = {"race": "white", "sex": "male", "married": "1", "old": "0"}
    for factor in factors:
        groups = {
            attribute: {group: rows * factor for group, rows in sizes.items()}
            for attribute, sizes in LOAN_GROUPS.items()
        }
        portfolio = Portfolio(groups, 0.88, plan(seed, privileged), LIMITS)
        yield Row(
            gate=GATE,
            check=WHOLE_GATE,
            situation="groups of `loan` at parity, approval rate 0.88",
            rows=1989 * factor,
            rate=blocked_ratio(portfolio, 1.0, replicates, _is_any),
            replicates=replicates,
            expected_low=0.0 if factor >= LOAN_CERTIFIED_FACTOR else 0.2,
            expected_high=GOAL + noise(replicates) if factor >= LOAN_CERTIFIED_FACTOR else 1.0,
        )


def measure_people(replicates: int, seed: int, repeats: tuple[int, ...]) -> Iterator[Row]:
    """Yield how often the ratio blocks on its limit if each person has several equal rows."""
    for repeated in repeats:
        blocked = 0
        people = 120
        for number in range(replicates):
            rng = np.random.default_rng([seed, repeated, number])
            is_lowered = np.arange(people + 800) < people
            once = draw_rows(is_lowered, 0.5, LIMITS.disparate_impact, rng)
            rows = DecidedRows.of(
                np.repeat(once.is_good, repeated).astype(int),
                np.repeat(once.is_approved, repeated),
                np.repeat(once.scores, repeated),
                np.repeat(once.people, repeated),
            )
            names = pd.DataFrame({"race": np.where(np.repeat(is_lowered, repeated), "b", "a")})
            blocked += not _is_impact_passed(names, rows, seed)
        yield Row(
            gate=GATE,
            check="fairness.disparate_impact_ratio",
            situation=f"truth on the limit, {repeated} equal rows a person",
            rows=people * repeated,
            rate=blocked / replicates,
            replicates=replicates,
            expected_low=1 - GOAL - noise(replicates),
            expected_high=1.0,
        )


def measure_unknown(replicates: int, seed: int, hidden: int = 40) -> Iterator[Row]:
    """Yield how often the ratio blocks if declined people of the group lose their group.

    Their group is approved 0.7 times as often; without those rows it looks better off.
    """
    blocked = 0
    for number in range(replicates):
        rng = np.random.default_rng([seed, number])
        is_lowered = np.arange(1989) < 197
        rows = draw_rows(is_lowered, 0.88, 0.7, rng)
        names = pd.Series(np.where(is_lowered, "b", "a"), dtype="str")
        declined = np.flatnonzero(is_lowered & ~rows.is_approved)[:hidden]
        names.iloc[declined] = None
        blocked += not _is_impact_passed(pd.DataFrame({"race": names}), rows, seed)
    yield Row(
        gate=GATE,
        check="fairness.disparate_impact_ratio",
        situation=f"true ratio 0.7, {hidden} declined people without their group",
        rows=197,
        rate=blocked / replicates,
        replicates=replicates,
        expected_low=1 - GOAL - noise(replicates),
        expected_high=1.0,
    )


def _is_impact_passed(names: pd.DataFrame, rows: DecidedRows, seed: int) -> bool:
    """Say whether group b's impact ratio passes, by the gate as it runs."""
    params = plan(seed)
    checks = judge_fairness(measure_fairness(names, rows, params), params, LIMITS)
    (outcome,) = (
        check.outcome
        for check in checks
        if check.id == "fairness.disparate_impact_ratio" and check.about.group == "b"
    )
    return outcome is Outcome.PASS


def measure_coverage(sizes: tuple[int, ...]) -> Iterator[Row]:
    """Yield, exactly, how often each interval holds the truth, summed over all that can be drawn.

    `rate` is the share that holds it; 95 % is what an interval promises.
    """
    cases: tuple[tuple[str, Callable[[Proportion, Proportion], Interval], float, float], ...] = (
        ("ratio of approvals 0.8", ratio_interval, 0.97 * 0.8, 0.97),
        ("ratio of approvals 0.8", ratio_interval, 0.5 * 0.8, 0.5),
        ("ratio of declines 2", ratio_interval, 0.06, 0.03),
        ("ratio of declines 2", ratio_interval, 0.24, 0.12),
        ("odds ratio 2", odds_ratio_interval, 2 * 0.03 / (0.97 + 2 * 0.03), 0.03),
        ("odds ratio 2", odds_ratio_interval, 2 * 0.12 / (0.88 + 2 * 0.12), 0.12),
        ("difference 0.1", newcombe, 0.87, 0.97),
        ("difference 0.1", newcombe, 0.4, 0.5),
    )
    for rate in (0.03, 0.5, 0.97):
        for rows in sizes:
            yield Row(
                gate=GATE,
                check="interval, share",
                situation=f"holds the truth, rate {rate:g}",
                rows=rows,
                rate=_coverage_of_share(rows, rate),
                replicates=0,
                # Wilson's holds 95 % on average over rates; at one rate near an edge it dips.
                expected_low=0.92,
                expected_high=1.0,
            )
    for name, function, group_rate, reference_rate in cases:
        truth = group_rate - reference_rate
        if function is ratio_interval:
            truth = group_rate / reference_rate
        elif function is odds_ratio_interval:
            truth = odds(group_rate) / odds(reference_rate)
        for rows in sizes:
            yield Row(
                gate=GATE,
                check=f"interval, {name}",
                situation=f"holds the truth, reference rate {reference_rate:g}",
                rows=rows,
                rate=_coverage(function, rows, group_rate, reference_rate, truth),
                replicates=0,
                expected_low=0.925,
                expected_high=1.0,
            )


def _coverage_of_share(rows: int, rate: float) -> float:
    from scipy.stats import binom

    weights = binom.pmf(np.arange(rows + 1), rows, rate)
    intervals = [Proportion(count, rows).limits for count in range(rows + 1)]
    is_held = [low <= rate <= high for low, high in intervals]
    return float(weights[is_held].sum())


def _coverage(
    function: Callable[[Proportion, Proportion], Interval],
    rows: int,
    group_rate: float,
    reference_rate: float,
    truth: float,
) -> float:
    from scipy.stats import binom

    counts = np.arange(rows + 1)
    weights = binom.pmf(counts, rows, group_rate)
    reference_counts = np.arange(REFERENCE_ROWS + 1)
    reference_weights = binom.pmf(reference_counts, REFERENCE_ROWS, reference_rate)
    likely = reference_weights > 1e-5

    held = total = 0.0
    for count, weight in zip(counts, weights, strict=True):
        if weight < 1e-6:
            continue
        for reference_count in reference_counts[likely]:
            low, high = function(
                Proportion(int(count), rows), Proportion(int(reference_count), REFERENCE_ROWS)
            )
            part = weight * reference_weights[reference_count]
            total += part
            # Where there is no interval the check is undecided: it claims nothing.
            held += part * (math.isnan(low) or low <= truth <= high)
    return float(held / total)


# (approval rate, true ratio, rows a group) -> how often the whole gate blocks. From the larger of
# the numbers on it certifies parity; a bias it never misses.
GATE_BANDS: dict[tuple[float, float, int], tuple[float, float]] = {
    (0.5, 1.0, 250): (0.8, 1.0),
    (0.5, 1.0, 1000): (0.1, 0.6),
    (0.5, 1.0, 4000): (0.0, GOAL),
    (0.8, 1.0, 250): (0.5, 1.0),
    (0.8, 1.0, 1000): (0.0, 0.3),
    (0.8, 1.0, 2000): (0.0, GOAL),
    (0.88, 1.0, 250): (0.3, 1.0),
    (0.88, 1.0, 1000): (0.0, 0.2),
    (0.88, 1.0, 2000): (0.0, GOAL),
    (0.97, 1.0, 1000): (0.1, 1.0),
    (0.97, 1.0, 4000): (0.0, 0.2),
    (0.97, 1.0, 8000): (0.0, GOAL),
    **{
        (base_rate, 0.7, rows): (1 - GOAL, 1.0)
        for base_rate in (0.5, 0.88, 0.97)
        for rows in (30, 100, 300, 1000)
    },
}


def measure(replicates: int, seed: int) -> list[Row]:
    """Return every figure; about three CPU minutes for 400 replicates."""
    return list(rows_measured(replicates, seed))


def rows_measured(replicates: int, seed: int) -> Iterator[Row]:
    """Yield every figure as it is measured."""
    yield from measure_coverage((10, 30, 75))
    yield from measure_single_ratio(replicates, seed, (30, 100, 250, 299, 300))
    yield from measure_checks(replicates, seed, (30, 100, 300), (0.5, 0.88, 0.97))
    yield from measure_gate(replicates, seed, GATE_BANDS)
    yield from measure_people(replicates, seed, (1, 2, 5))
    yield from measure_unknown(replicates, seed)
    loan_factors = (1, 5, LOAN_CERTIFIED_FACTOR)
    yield from measure_loan(max(replicates // 4, 10), seed, loan_factors)


def measure_small(seed: int) -> list[Row]:
    """Return a few rows of each kind that take no second: exact coverage, and hidden groups."""
    return [*measure_coverage((10,)), *measure_unknown(10, seed)]


def main() -> None:
    """Print the rows as a table, those outside their band marked, as they are measured."""
    replicates, seed = (int(argument) for argument in sys.argv[1:3])
    print_rows(rows_measured(replicates, seed))


if __name__ == "__main__":
    main()
