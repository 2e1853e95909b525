"""Intervals and tests, each compared with statsmodels, scipy or a published example."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact, norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from tasks.stages.fairness.intervals import (
    Interval,
    Z,
    fisher,
    holm,
    katz,
    newcombe,
    percentile,
    wilson,
)

# A count and rows, with the count neither 0 nor all.
INNER_PROPORTIONS = st.tuples(st.integers(1, 60), st.integers(61, 200))
PROPORTIONS = st.integers(1, 200).flatmap(
    lambda rows: st.tuples(st.integers(0, rows), st.just(rows))
)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


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
    assert newcombe(*group, *reference) == pytest.approx(expected, abs=1e-9)


def test_newcombe_is_its_author_s_example() -> None:
    """Newcombe (1998), table II, example (a): 56/70 against 48/80, method 10."""
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(PROPORTIONS, PROPORTIONS)
def test_newcombe_changes_its_sign_with_the_sides(
    group: tuple[int, int], reference: tuple[int, int]
) -> None:
    low, high = newcombe(*group, *reference)
    assert newcombe(*reference, *group) == pytest.approx((-high, -low), abs=1e-12)


@given(INNER_PROPORTIONS, INNER_PROPORTIONS)
def test_katz_is_the_log_interval_of_statsmodels(
    group: tuple[int, int], reference: tuple[int, int]
) -> None:
    expected = confint_proportions_2indep(*group, *reference, method="log", compare="ratio")
    assert katz(*group, *reference) == pytest.approx(expected, rel=1e-9)


@given(INNER_PROPORTIONS, INNER_PROPORTIONS)
def test_katz_is_inverted_with_the_sides(
    group: tuple[int, int], reference: tuple[int, int]
) -> None:
    low, high = katz(*group, *reference)
    assert katz(*reference, *group) == pytest.approx((1 / high, 1 / low), rel=1e-9)


@pytest.mark.parametrize(
    "counts", [(0, 10, 5, 10), (10, 10, 5, 10), (5, 10, 0, 10), (5, 10, 10, 10), (0, 9, 0, 9)]
)
def test_katz_adds_half_a_row_where_a_rate_is_0_or_1(counts: tuple[int, int, int, int]) -> None:
    a, n, b, m = (number + 0.5 for number in counts)
    deviation = math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    ratio = (a / n) / (b / m)
    expected = (ratio / math.exp(Z * deviation), ratio * math.exp(Z * deviation))
    assert katz(*counts) == pytest.approx(expected)


@pytest.mark.parametrize(
    "interval",
    [
        lambda: wilson(0, 0),
        lambda: newcombe(0, 0, 1, 2),
        lambda: newcombe(1, 2, 0, 0),
        lambda: katz(0, 0, 1, 2),
        lambda: katz(1, 2, 0, 0),
    ],
)
def test_without_rows_an_interval_is_nan_which_passes_no_limit(
    interval: Callable[[], Interval],
) -> None:
    assert all(math.isnan(end) for end in interval())


@given(PROPORTIONS, PROPORTIONS)
def test_fisher_is_that_of_scipy(group: tuple[int, int], reference: tuple[int, int]) -> None:
    table = [[count, rows - count] for count, rows in (group, reference)]
    assert fisher(*group, *reference) == pytest.approx(fisher_exact(table)[1])


def test_fisher_is_the_lady_tasting_tea() -> None:
    """Fisher (1935): eight cups, three of four recognised; two-sided, 34/70."""
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)


@pytest.mark.parametrize("counts", [(0, 0, 3, 9), (3, 9, 0, 0)])
def test_fisher_sees_no_difference_where_a_side_has_no_rows(
    counts: tuple[int, int, int, int],
) -> None:
    assert fisher(*counts) == 1.0


@given(P_VALUES)
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(expected))


@given(P_VALUES)
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(new >= old for new, old in zip(adjusted, p_values, strict=True))
    assert max(adjusted) <= 1
    in_order = [adjusted[index] for index in np.argsort(p_values)]
    assert in_order == sorted(in_order)


def test_holm_of_no_tests_is_none() -> None:
    assert holm([]) == []


def test_percentile_is_the_middle_95_percent() -> None:
    assert percentile(np.arange(1001.0)) == pytest.approx((25, 975))


def test_percentile_leaves_a_few_draws_out_that_are_not_finite() -> None:
    draws = np.concatenate([np.arange(1001.0), [math.nan, math.inf]])
    assert percentile(draws) == pytest.approx((25, 975))


def test_percentile_of_draws_of_which_many_are_not_finite_is_nan() -> None:
    draws = np.concatenate([np.arange(89.0), [math.nan] * 11])
    assert all(math.isnan(end) for end in percentile(draws))
