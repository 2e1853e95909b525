"""Intervals and tests, each compared with statsmodels, scipy or a published example."""

import gc
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from tasks.disparity.intervals import (
    Interval,
    Proportion,
    Z,
    holm,
    mean_of_sizes,
    mover_difference,
    newcombe,
    odds,
    odds_ratio_interval,
    p_value_of,
    percentile,
    ratio_interval,
    size_interval,
    span,
    student_z,
    wilson,
)

# A count and rows, with the count neither 0 nor all.
INNER_PROPORTIONS = st.tuples(st.integers(1, 60), st.integers(61, 200))
PROPORTIONS = st.integers(1, 200).flatmap(
    lambda rows: st.tuples(st.integers(0, rows), st.just(rows))
)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def share(proportion: tuple[int, int]) -> Proportion:
    return Proportion(*proportion)


def test_z_is_the_two_sided_95_percent_point() -> None:
    assert pytest.approx(norm.ppf(0.975), abs=1e-15) == Z


@given(PROPORTIONS)
def test_wilson_is_that_of_statsmodels(proportion: tuple[int, int]) -> None:
    expected = proportion_confint(*proportion, method="wilson")
    assert wilson(*proportion) == pytest.approx(expected, abs=1e-9)


@given(PROPORTIONS)
def test_wilson_holds_the_rate_and_lies_in_0_to_1(proportion: tuple[int, int]) -> None:
    low, high = wilson(*proportion)
    count, rows = proportion
    assert 0 <= low <= count / rows + 1e-12
    assert count / rows - 1e-12 <= high <= 1


@given(PROPORTIONS)
def test_wilson_of_the_complement_is_mirrored(proportion: tuple[int, int]) -> None:
    count, rows = proportion
    low, high = wilson(count, rows)
    assert wilson(rows - count, rows) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(INNER_PROPORTIONS, INNER_PROPORTIONS)
def test_newcombe_is_that_of_statsmodels(
    group: tuple[int, int], reference: tuple[int, int]
) -> None:
    expected = confint_proportions_2indep(*group, *reference, method="newcomb", compare="diff")
    assert newcombe(share(group), share(reference)) == pytest.approx(expected, abs=1e-9)


def test_newcombe_is_its_author_s_example() -> None:
    """Newcombe (1998), table II, example (a): 56/70 against 48/80, method 10."""
    interval = newcombe(Proportion(56, 70), Proportion(48, 80))
    assert interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(PROPORTIONS, PROPORTIONS)
def test_newcombe_changes_its_sign_with_the_sides(
    group: tuple[int, int], reference: tuple[int, int]
) -> None:
    low, high = newcombe(share(group), share(reference))
    assert newcombe(share(reference), share(group)) == pytest.approx((-high, -low), abs=1e-12)


@given(st.integers(1, 200), st.booleans())
def test_an_empty_cell_has_the_exact_interval_of_clopper_and_pearson(
    rows: int, is_full: bool
) -> None:
    count = rows if is_full else 0
    expected = proportion_confint(count, rows, method="beta")
    assert Proportion(count, rows).limits == pytest.approx(expected, abs=1e-12)


@given(PROPORTIONS)
def test_where_no_cell_is_empty_a_proportion_has_wilson_s_interval(
    proportion: tuple[int, int],
) -> None:
    count, rows = proportion
    if 0 < count < rows:
        assert share(proportion).limits == wilson(count, rows)


def test_rows_that_repeat_each_other_count_as_so_many_people() -> None:
    """Two rows of each person, always decided alike: half as many rows."""
    assert Proportion(40, 100, design_effect=2.0).limits == pytest.approx(wilson(20, 50))
    assert Proportion(100, 100, 2.0).limits == pytest.approx(Proportion(50, 50).limits)


def test_the_ratio_is_the_worked_example_of_mover_r() -> None:
    """From the paper's closed form, by hand, with Wilson's limits of 14 of 20 and of 12 of 25."""
    low, high = wilson(14, 20)
    reference_low, reference_high = wilson(12, 25)
    value, reference = 0.7, 0.48
    product = value * reference

    lower = (
        product
        - math.sqrt(
            product**2 - low * reference_high * (2 * value - low) * (2 * reference - reference_high)
        )
    ) / (reference_high * (2 * reference - reference_high))
    upper = (
        product
        + math.sqrt(
            product**2 - high * reference_low * (2 * value - high) * (2 * reference - reference_low)
        )
    ) / (reference_low * (2 * reference - reference_low))
    interval = ratio_interval(Proportion(14, 20), Proportion(12, 25))
    assert interval == pytest.approx((lower, upper))


def test_a_group_of_one_never_meets_a_limit_of_four_fifths() -> None:
    low, high = ratio_interval(Proportion(1, 1), Proportion(1440, 1600))
    assert low < 0.25
    assert 1.1 < high < 1.2


@pytest.mark.parametrize("interval", [ratio_interval, odds_ratio_interval])
@given(INNER_PROPORTIONS, INNER_PROPORTIONS)
def test_an_interval_of_a_ratio_holds_it_and_is_inverted_with_the_sides(
    interval: Callable[[Proportion, Proportion], Interval],
    group: tuple[int, int],
    reference: tuple[int, int],
) -> None:
    low, high = interval(share(group), share(reference))
    rates = share(group).rate, share(reference).rate
    values = rates if interval is ratio_interval else (odds(rates[0]), odds(rates[1]))
    assert low <= values[0] / values[1] * (1 + 1e-9)
    assert high >= values[0] / values[1] * (1 - 1e-9)
    assert interval(share(reference), share(group)) == pytest.approx((1 / high, 1 / low), rel=1e-6)


@pytest.mark.parametrize("reference", [Proportion(1, 20), Proportion(2, 20), Proportion(1, 1600)])
def test_a_rare_reference_has_a_finite_interval_above_zero(reference: Proportion) -> None:
    low, high = ratio_interval(Proportion(5, 50), reference)
    assert 0 < low < 0.1 / reference.rate < high < math.inf


def test_where_the_reference_never_counts_no_ratio_is_too_high() -> None:
    assert ratio_interval(Proportion(5, 50), Proportion(0, 50))[1] == math.inf
    assert ratio_interval(Proportion(0, 50), Proportion(5, 50))[0] == 0


@pytest.mark.parametrize("full", [(10, 10, 5, 10), (5, 10, 10, 10)])
def test_infinite_odds_have_no_ratio(full: tuple[int, int, int, int]) -> None:
    a, n, b, m = full
    assert all(math.isnan(end) for end in odds_ratio_interval(Proportion(a, n), Proportion(b, m)))


@pytest.mark.parametrize("interval", [newcombe, ratio_interval, odds_ratio_interval])
@pytest.mark.parametrize("counts", [(0, 0, 1, 2), (1, 2, 0, 0)])
def test_without_rows_an_interval_is_nan_which_passes_no_limit(
    interval: Callable[[Proportion, Proportion], Interval], counts: tuple[int, int, int, int]
) -> None:
    a, n, b, m = counts
    assert all(math.isnan(end) for end in interval(Proportion(a, n), Proportion(b, m)))
    assert all(math.isnan(end) for end in wilson(0, 0))


def test_the_mean_of_two_sizes_is_as_wide_as_its_widest_part() -> None:
    sure = (-0.01, 0.01)
    assert mean_of_sizes(0.0, sure, 0.0, (-0.6, 0.6)) == pytest.approx((0, 0.3), abs=1e-3)
    assert mean_of_sizes(0.2, (0.1, 0.3), -0.4, (-0.5, -0.3)) == pytest.approx(
        (0.3 - math.hypot(0.1, 0.1) / 2, 0.3 + math.hypot(0.1, 0.1) / 2)
    )


@pytest.mark.parametrize(
    ("interval", "size"),
    [((0.1, 0.2), (0.1, 0.2)), ((-0.2, -0.1), (0.1, 0.2)), ((-0.1, 0.3), (0, 0.3))],
)
def test_a_size_has_no_sign(interval: Interval, size: Interval) -> None:
    assert size_interval(interval) == size


def test_a_span_holds_all_intervals_and_is_nan_where_one_is() -> None:
    assert span((0.1, 0.2), (0.15, 0.4), (0.0, 0.1)) == (0.0, 0.4)
    assert all(math.isnan(end) for end in span((0.1, 0.2), (math.nan, 1.0)))


@given(st.floats(0.2, 0.7), st.floats(0.01, 0.3), st.booleans())
def test_the_p_value_is_below_5_percent_exactly_where_the_interval_misses(
    value: float, half_width: float, is_ratio: bool
) -> None:
    interval = (value - half_width, value + half_width)
    p_value = p_value_of(interval, value, 0.8, is_ratio=is_ratio)
    assert (p_value < 0.05) == (interval[1] < 0.8) or interval[1] == pytest.approx(0.8)


def test_the_p_value_is_that_of_the_normal_distribution() -> None:
    assert p_value_of((0.4, 0.6), 0.5, 0.7, is_ratio=False) == pytest.approx(
        2 * norm.sf(2 * Z), rel=1e-9
    )
    assert p_value_of((0.5, 0.5), 0.5, 0.7, is_ratio=False) == 1.0


def test_holm_is_that_of_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    """For 300 lists of p-values, ties, zeros and ones among them."""
    # `multipletests` ends with a full garbage collection, which takes most of a second in a suite.
    monkeypatch.setattr(gc, "collect", lambda: 0)
    rng = np.random.default_rng(3)
    for number in range(300):
        p_values = rng.random(1 + number % 12) ** 4
        if number % 3 == 0:
            p_values = rng.choice([0.0, 0.004, 0.004, 0.03, 1.0], len(p_values))
        expected = multipletests(p_values, method="holm")[1]
        assert holm(p_values.tolist()) == pytest.approx(list(expected))


@given(P_VALUES)
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(new >= old for new, old in zip(adjusted, p_values, strict=True))
    assert max(adjusted) <= 1
    in_order = [adjusted[index] for index in np.argsort(p_values)]
    assert in_order == sorted(in_order)


def test_holm_of_no_tests_is_none() -> None:
    assert holm([]) == []


@pytest.mark.parametrize("freedom", [1, 29, 1000])
def test_the_quantile_of_few_rows_is_student_s(freedom: int) -> None:
    assert student_z(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=1e-9)
    assert student_z(freedom) > Z


def test_one_row_has_no_quantile() -> None:
    assert math.isnan(student_z(0))


def test_a_difference_of_what_does_not_vary_is_as_wide_as_the_other_side() -> None:
    assert mover_difference(0.5, (0.4, 0.7), 0.2, (0.2, 0.2)) == pytest.approx((0.2, 0.5))
    low, high = mover_difference(0.5, (0.4, 0.7), 0.2, (0.1, 0.3))
    assert (low, high) == pytest.approx((0.3 - math.hypot(0.1, 0.1), 0.3 + math.hypot(0.2, 0.1)))


def test_percentile_is_the_middle_95_percent() -> None:
    assert percentile(np.arange(1001.0)) == pytest.approx((25, 975))


def test_percentile_leaves_a_few_draws_out_that_are_not_finite() -> None:
    draws = np.concatenate([np.arange(1001.0), [math.nan, math.inf]])
    assert percentile(draws) == pytest.approx((25, 975))


def test_percentile_of_draws_of_which_many_are_not_finite_is_nan() -> None:
    draws = np.concatenate([np.arange(89.0), [math.nan] * 11])
    assert all(math.isnan(end) for end in percentile(draws))
