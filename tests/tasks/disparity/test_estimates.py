"""Each measure is that of its definition, and knows what unknown groups could make of it."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.disparity.counts import DecidedRows, GroupCounts, ScoreMoments, count_rows
from tasks.disparity.estimates import (
    Comparison,
    Estimate,
    Measure,
    UnknownRows,
    calibration,
    decline_ratio,
    disparate_impact_ratio,
    mean_difference,
    odds_difference,
    odds_ratio,
    opportunity_difference,
    ratios_over_cutoffs,
    theil,
    theil_interval,
)
from tasks.disparity.intervals import Interval, ratio_interval

SCORES = ScoreMoments(0.5, 0.04, 0.0, 0.005)
GROUP = GroupCounts("b", 60, 40, 50, 10, SCORES, people=100, approved_at=(30,))
PRIVILEGED = GroupCounts("a", 200, 50, 190, 10, SCORES, people=250, approved_at=(125,))
COMPARISON = Comparison(GROUP, PRIVILEGED)
CELLS = st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(lambda cells: sum(cells) > 0)


def decided(rows: int, seed: int, shift: float = 0.0) -> DecidedRows:
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-(rng.normal(1.0 - shift, 1.0, rows))))
    actual = (rng.random(rows) < scores).astype(int)
    return DecidedRows.of(actual, scores > 0.5, scores)


def joined(*parts: DecidedRows) -> DecidedRows:
    return DecidedRows.of(
        np.concatenate([part.is_good for part in parts]).astype(int),
        np.concatenate([part.is_approved for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def test_declines_are_compared_as_approvals_are() -> None:
    estimate = decline_ratio(COMPARISON)
    assert estimate.value == pytest.approx((40 / 100) / (50 / 250))
    assert estimate.interval == ratio_interval(
        GROUP.approvals.complement, PRIVILEGED.approvals.complement
    )


def test_the_odds_ratio_is_that_of_being_declined() -> None:
    assert odds_ratio(COMPARISON).value == pytest.approx((40 / 60) / (50 / 200))


def test_where_the_reference_is_never_declined_nothing_can_be_computed() -> None:
    spotless = replace(PRIVILEGED, approved_good=200, approved_bad=50)
    estimate = decline_ratio(Comparison(GROUP, spotless))
    assert (estimate.value, estimate.interval) == (None, None)
    assert odds_ratio(Comparison(GROUP, spotless)).value is None


def test_ratios_at_another_cut_off_say_at_which() -> None:
    impact, decline = ratios_over_cutoffs(COMPARISON, (0.5,))
    assert impact.measure is Measure.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS
    assert impact.value == pytest.approx((30 / 100) / (125 / 250))
    assert decline.value == pytest.approx((70 / 100) / (125 / 250))
    assert impact.approval_rate == decline.approval_rate == 0.5


def test_three_bad_rows_that_are_all_approved_are_no_equality_of_odds() -> None:
    group = replace(GROUP, good=97, bad=3, approved_good=90, approved_bad=3)
    reference = replace(PRIVILEGED, good=900, bad=100, approved_good=835, approved_bad=100)
    estimate = odds_difference(Comparison(group, reference), 0.0)
    assert estimate.interval is not None
    assert estimate.interval[1] > 0.3


def test_a_label_that_a_group_lacks_leaves_its_odds_unknown() -> None:
    estimate = odds_difference(Comparison(replace(GROUP, bad=0, approved_bad=0), PRIVILEGED), None)
    assert estimate.interval is None


def test_the_mean_difference_is_cohen_s_d_and_positive_where_the_group_scores_lower() -> None:
    mine, theirs = decided(400, 1, shift=0.5), decided(900, 2)
    comparison = Comparison(count_rows("b", mine), count_rows("a", theirs))
    root = math.sqrt((mine.scores.var() + theirs.scores.var()) / 2)
    expected = (theirs.scores.mean() - mine.scores.mean()) / root
    assert mean_difference(comparison).value == pytest.approx(expected)
    assert expected > 0.2


def test_the_mean_difference_scatters_as_its_interval_says() -> None:
    """Against a bootstrap of rows: skewed scores, unequal sizes and variances."""
    mine, theirs = decided(150, 3, shift=0.8), decided(600, 4)
    rng = np.random.default_rng(5)
    draws = [
        mean_difference(
            Comparison(
                count_rows("b", mine[rng.integers(0, 150, 150)]),
                count_rows("a", theirs[rng.integers(0, 600, 600)]),
            )
        ).value
        for _ in range(2000)
    ]
    estimate = mean_difference(Comparison(count_rows("b", mine), count_rows("a", theirs)))
    assert estimate.interval is not None
    low, high = np.quantile(np.array(draws, dtype=float), [0.025, 0.975])
    assert estimate.interval == pytest.approx((low, high), abs=0.025)


def test_few_faultless_rows_do_not_prove_that_a_group_is_not_underrated() -> None:
    """Thirty good rows that score 0.96: their share is 1 at most, and their scores are chance."""
    scores = ScoreMoments(0.96, 0.08**2, 0.0, 0.0)
    faultless = GroupCounts("b", 30, 0, 30, 0, scores, people=30)
    estimate = calibration(faultless)
    assert estimate.value == pytest.approx(0.04)
    assert estimate.interval is not None
    assert estimate.interval[1] > 0.05


def test_scores_without_spread_have_no_standardised_difference() -> None:
    flat = ScoreMoments(0.5, 0.0, 0.0, 0.0)
    comparison = Comparison(replace(GROUP, scores=flat), replace(PRIVILEGED, scores=flat))
    assert mean_difference(comparison).value is None


def holds(outer: Interval | None, inner: Interval | None) -> bool:
    assert outer is not None
    assert inner is not None
    return outer[0] <= inner[0] + 1e-9 and inner[1] <= outer[1] + 1e-9


def test_unknown_rows_widen_each_interval_to_all_that_they_could_make_of_it() -> None:
    """Every way to divide six unknown rows among both groups, by brute force."""
    mine, theirs, unknown = decided(60, 6, shift=0.5), decided(200, 7), decided(6, 8)
    comparison = Comparison(count_rows("b", mine), count_rows("a", theirs), UnknownRows.of(unknown))
    widened = {measure: estimate.interval for measure, estimate in figures_of(comparison).items()}
    for division in itertools.product([True, False], repeat=6):
        is_mine = np.array(division)
        divided = Comparison(
            count_rows("b", joined(mine, unknown[is_mine])),
            count_rows("a", joined(theirs, unknown[~is_mine])),
        )
        for measure, estimate in figures_of(divided).items():
            slack = 0.01 if measure in ("means", "calibration") else 0.0
            assert estimate.interval is not None
            low, high = estimate.interval
            assert holds(widened[measure], (low + slack, high - slack)), (measure, division)


def test_unknown_rows_in_the_middle_may_be_of_a_third_group_and_draw_no_mean_back() -> None:
    """The low scores for the group, the high ones for the reference, all others elsewhere."""
    rng = np.random.default_rng(1)
    mine, theirs = (
        DecidedRows.of(np.ones(rows), np.ones(rows), rng.normal(0.575, 0.15, rows))
        for rows in (100, 300)
    )
    scores = np.concatenate([np.full(60, 0.15), np.full(1500, 0.575), np.full(60, 0.95)])
    is_low, is_high = scores < 0.5, scores > 0.6
    unknown = DecidedRows.of(np.ones(1620), np.ones(1620), scores)
    group, reference = count_rows("b", mine), count_rows("a", theirs)

    def shift(may_be_others: bool) -> float:
        rows = UnknownRows.of(unknown, may_be_others=may_be_others)
        estimate = mean_difference(Comparison(group, reference, rows))
        alone = mean_difference(Comparison(group, reference))
        assert estimate.interval is not None
        assert alone.interval is not None
        return estimate.interval[1] - alone.interval[1]

    worst = mean_difference(
        Comparison(
            count_rows("b", joined(mine, unknown[is_low])),
            count_rows("a", joined(theirs, unknown[is_high])),
        )
    )
    known = mean_difference(Comparison(group, reference))
    assert worst.value is not None
    assert known.value is not None
    assert shift(may_be_others=False) < worst.value - known.value - 0.1
    assert shift(may_be_others=True) >= worst.value - known.value - 0.01


def test_an_unknown_row_without_a_score_leaves_the_difference_unknown() -> None:
    mine, theirs = decided(60, 6, shift=0.5), decided(200, 7)
    unknown = DecidedRows.of(np.ones(2), np.ones(2), np.array([0.5, np.nan]))
    comparison = Comparison(count_rows("b", mine), count_rows("a", theirs), UnknownRows.of(unknown))
    assert mean_difference(comparison).interval is None


def test_unknown_rows_move_each_end_of_a_calibration_by_what_they_can_and_no_more() -> None:
    """All of them underrated: the furthest is reached once, by all of them together."""
    known, unknown = decided(200, 7), DecidedRows.of(np.ones(50), np.ones(50), np.full(50, 0.5))
    counts = count_rows("b", known)
    alone = calibration(counts)
    widened = calibration(counts, UnknownRows.of(unknown))
    furthest = calibration(count_rows("b", joined(known, unknown)))
    assert alone.value is not None
    assert alone.interval is not None
    assert furthest.value is not None
    moved = furthest.value - alone.value
    assert moved > 0.05
    assert widened.interval == pytest.approx((alone.interval[0], alone.interval[1] + moved))


def figures_of(comparison: Comparison) -> dict[str, Estimate]:
    return {
        "impact": disparate_impact_ratio(comparison, 1.0),
        "declines": decline_ratio(comparison),
        "odds ratio": odds_ratio(comparison),
        "opportunity": opportunity_difference(comparison, 0.0),
        "odds": odds_difference(comparison, 0.0),
        "means": mean_difference(comparison),
        "calibration": calibration(comparison.group, comparison.unknown),
    }


def test_removing_the_group_of_those_who_were_declined_makes_nobody_pass() -> None:
    """Forty declined people of a group lose their group: the interval still holds the truth."""
    group = GroupCounts("b", 150, 50, 120, 20, SCORES, people=200)
    known = replace(group, good=130, bad=30)
    lost = GroupCounts("unknown", 20, 20, 0, 0, SCORES, people=40)
    rows = DecidedRows.of(np.repeat([1, 0], 20), np.zeros(40), np.full(40, 0.5))
    truth = disparate_impact_ratio(Comparison(group, PRIVILEGED), None).interval
    hidden = disparate_impact_ratio(Comparison(known, PRIVILEGED), None).interval
    assert truth is not None
    assert hidden is not None
    assert hidden[0] > truth[0]
    widened = Comparison(known, PRIVILEGED, UnknownRows(lost, rows))
    assert holds(disparate_impact_ratio(widened, None).interval, truth)


@given(CELLS)
def test_theil_is_its_definition_over_rows(cells: list[int]) -> None:
    """The mean of (b / m) ln(b / m) with b = decision - label + 1, and 0 ln 0 = 0."""
    benefits = np.repeat([1.0, 0.0, 2.0], cells)
    relative = benefits / benefits.mean() if benefits.any() else benefits
    positive = relative[relative > 0]
    expected = (positive * np.log(positive)).sum() / len(benefits)
    value = float(theil(np.array(cells, dtype=float)))
    if benefits.any():
        assert value == pytest.approx(expected, abs=1e-12)
    else:
        assert math.isnan(value)


def test_theil_s_interval_holds_it_and_says_that_few_faultless_rows_are_no_proof() -> None:
    faultless = GroupCounts("all", 10, 5, 10, 0, SCORES, people=15)
    low, high = theil_interval(faultless, 2000, np.random.default_rng(1))
    assert low == 0
    assert high > 0.05
    many = GroupCounts("all", 10_000, 5_000, 10_000, 0, SCORES, people=15_000)
    assert theil_interval(many, 2000, np.random.default_rng(1))[1] < 0.001


def test_theil_s_interval_is_that_of_a_bootstrap_where_no_cell_is_empty() -> None:
    cells = np.array([800, 120, 80])
    drawn = theil(np.random.default_rng(2).multinomial(1000, cells / 1000, 5000).astype(float))
    counts = GroupCounts("all", 700, 300, 580, 80, SCORES, people=1000)
    interval = theil_interval(counts, 5000, np.random.default_rng(3))
    assert interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.004)
