"""Look for a leak: a feature that knows the outcome, in all rows or in a part of them.

Each feature is cut into narrow ranges of its values, and all that is asked of it follows from how
many rows of each label lie in each range. A range is never shown: its ends are people's figures.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.model.families import Matrix

RANGES = 64
PRIOR_ROWS = 10  # of the overall rate, added to each range before ranges are ranked by their rate
# How often any slice of any feature may look pure by chance.
FAMILY_SIGNIFICANCE = 0.05


class FeatureLeak(BaseModel):
    """How much one feature alone tells of the outcome.

    `auc` is at least 0.5, whichever way the feature points. `purity` says of the purest slice of
    its values how much of the outcome that is rare there has gone, compared with all rows, at
    least: 1 where none is left, 0 or less where nothing is proved.
    """

    model_config = ConfigDict(frozen=True)

    feature: str
    auc: float
    purity: float
    slice_rows: int
    slice_kind: str


@dataclass(frozen=True)
class _Ranges:
    """Rows by range of a feature's values and label; the missing ones are the last range."""

    good: Matrix  # shape (2, ranges): of each half of the people
    bad: Matrix
    is_ordered: bool
    has_missing: bool


def measure_leaks(
    features: pd.DataFrame, labels: Matrix, persons: "pd.Series[int]"
) -> tuple[FeatureLeak, ...]:
    """Return what each feature alone tells, in order of columns.

    Args:
        features: Numbers or categories, missing where not known; shape (rows, features).
        labels: 0 or 1, shape (rows,); both occur.
        persons: Number of each row's person.
    """
    # People alternate: what a range's rate says is tried on people it was not learnt from.
    half, people = pd.factorize(persons)
    independence = len(people) / len(labels)

    leaks = []
    for name in features.columns:
        ranges = _cut(features[name], labels, half % 2)
        purity, rows, kind = _purest_slice(ranges, independence, len(features.columns))
        leaks.append(
            FeatureLeak(
                feature=str(name),
                auc=_feature_auc(ranges),
                purity=purity,
                slice_rows=rows,
                slice_kind=kind,
            )
        )
    return tuple(leaks)


def _cut(values: "pd.Series[float]", labels: Matrix, half: np.ndarray) -> _Ranges:
    """Return rows by range; a value that one row in 64 has, or more, is a range of its own."""
    codes, uniques = pd.factorize(values, sort=True)
    is_missing = codes < 0
    is_ordered = bool(pd.api.types.is_numeric_dtype(values))
    range_of_value = np.arange(len(uniques))
    if is_ordered and len(uniques):
        counts = np.bincount(codes[~is_missing], minlength=len(uniques))
        range_of_value = _join_rare(counts)

    last = int(range_of_value[-1]) + 1 if len(uniques) else 0
    ranges = np.full(len(values), last)
    ranges[~is_missing] = range_of_value[codes[~is_missing]]
    size = last + int(is_missing.any())
    cells = np.bincount((ranges * 2 + half) * 2 + (labels == 1), minlength=size * 4)
    bad, good = cells.reshape(size, 2, 2).astype(float).transpose(2, 1, 0)
    return _Ranges(good, bad, is_ordered, bool(is_missing.any()))


def _join_rare(counts: np.ndarray) -> np.ndarray:
    """Return the range of each value from their rows, in order: about 64 of equally many rows."""
    width = counts.sum() / RANGES
    is_frequent = counts >= width
    quantile = np.floor((np.cumsum(counts) - counts) / width)
    # A frequent value begins a range and ends it: a code that a leak has left must not be diluted
    # by its neighbours.
    begins = (np.diff(quantile) > 0) | is_frequent[1:] | is_frequent[:-1]
    return np.concatenate([[0], np.cumsum(begins)])


def _feature_auc(ranges: _Ranges) -> float:
    """Return the AUC of a feature alone, as it is ordered or by its ranges' rates, from 0.5.

    Rates are those of the other half of the people, so that chance makes none of them predictive.
    """
    known = slice(None, -1) if ranges.has_missing else slice(None)
    good, bad = ranges.good.sum(axis=0), ranges.bad.sum(axis=0)
    ordered = _binned_auc(good[known], bad[known]) if ranges.is_ordered else 0.5

    rate = good.sum() / (good.sum() + bad.sum())
    halves = []
    for learnt, tried in ((0, 1), (1, 0)):
        rows = ranges.good[learnt] + ranges.bad[learnt]
        # A range of few rows is drawn to the overall rate: its own would rank it first or last by
        # chance.
        smoothed = (ranges.good[learnt] + PRIOR_ROWS * rate) / (rows + PRIOR_ROWS)
        order = np.argsort(smoothed, kind="stable")
        halves.append(_binned_auc(ranges.good[tried][order], ranges.bad[tried][order]))
    return max(ordered, 1 - ordered, float(np.mean(halves)))


def _binned_auc(good: Matrix, bad: Matrix) -> float:
    """Return the AUC of ranges in order; ties within one count half. 0.5 without both labels."""
    pairs = good.sum() * bad.sum()
    if pairs == 0:
        return 0.5
    bad_below = np.cumsum(bad) - bad
    return float((good * (bad_below + bad / 2)).sum() / pairs)


def _purest_slice(ranges: _Ranges, independence: float, features: int) -> tuple[float, int, str]:
    """Return purity, rows and kind of the slice in which one outcome is surest to be gone.

    The bound on what is left is exact (Clopper and Pearson 1934), at a level that all slices of all
    features share (Bonferroni). `independence` is the number of people by that of rows.
    """
    from scipy.special import betaincinv

    good, bad = ranges.good.sum(axis=0), ranges.bad.sum(axis=0)
    kinds, slices = _slices(len(good), ranges)
    slice_good, slice_bad = slices @ good, slices @ bad
    # Two, for either outcome may be the one that is gone.
    level = FAMILY_SIGNIFICANCE / (2 * len(slices) * features)

    purities = []
    for left, rest, overall in (
        (slice_bad, slice_good, bad.sum()),
        (slice_good, slice_bad, good.sum()),
    ):
        # The upper bound on the share that is left, compared with the share in all rows.
        others = np.maximum(rest * independence, 1e-9)
        most_left = betaincinv(left * independence + 1, others, 1 - level)
        purities.append(1 - most_left / (overall / (good.sum() + bad.sum())))
    table = np.array(purities)
    _, best = np.unravel_index(int(np.argmax(table)), table.shape)
    return float(table.max()), int(slice_good[best] + slice_bad[best]), kinds[best]


def _slices(count: int, ranges: _Ranges) -> tuple[list[str], Matrix]:
    """Return kind and members of each slice, shape (slices, ranges).

    Of ordered values: the lowest and the highest so many, and runs of 1, 2, 4 … ranges. Of
    categories, and of what is missing: each by itself.
    """
    known = count - int(ranges.has_missing)
    members = [("one value or range", slice(place, place + 1)) for place in range(known)]
    if ranges.has_missing:
        members.append(("missing", slice(known, count)))
    if ranges.is_ordered:
        members += [("lowest values", slice(0, end)) for end in range(2, known)]
        members += [("highest values", slice(start, known)) for start in range(1, known - 1)]
        length = 2
        while length < known:
            members += [
                ("one value or range", slice(start, start + length))
                for start in range(0, known, length)
            ]
            length *= 2

    table = np.zeros((len(members), count))
    for row, (_, places) in enumerate(members):
        table[row, places] = 1
    # A run at the end must not reach into those that are missing.
    for row, (kind, _) in enumerate(members):
        if ranges.has_missing and kind != "missing":
            table[row, known:] = 0
    return [kind for kind, _ in members], table
