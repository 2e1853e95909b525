"""How often each group has the label, accepted and delivered."""

import math
from statistics import NormalDist

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from tasks.config.strict import StrictModel
from tasks.stages.validate.reference.cells import SHARE_DECIMALS, SMALLEST_CELL, category_names

STEP = 10.0**-SHARE_DECIMALS  # to which a rate is known
LARGEST_UNSEEN = 0.25  # a shift of so much must not be taken for chance


class GroupRate(StrictModel):
    """The share of a group's rows that have the label, up to half a `step`, and the rows."""

    rate: float = Field(ge=0, le=1)
    rows: int = Field(ge=1)
    step: float = Field(gt=0, le=1)


class LabelRates(StrictModel):
    """The rate of one label over all rows, and by protected attribute and group.

    A group in which fewer than ten rows have the label, or have it not, is left out. So that these
    cannot be told by subtraction, the largest group's rate is then known to twenty rows only.
    """

    label: str
    overall: GroupRate
    groups: dict[str, dict[str, GroupRate]]


class RateShift(BaseModel):
    """A rate, accepted and delivered, and the shift that chance explains."""

    model_config = ConfigDict(frozen=True)

    accepted: float
    delivered: float
    chance: float

    @property
    def beyond_chance(self) -> float:
        """By how much it moved, or 0 where chance explains that."""
        shift = abs(self.delivered - self.accepted)
        return shift if shift > self.chance else 0.0


class LabelReport(BaseModel):
    """What became of the rates; None where the rows are too few to see them move.

    `groups` has every protected attribute, and of its groups those with an accepted rate;
    `without_rate` says how many others the delivery has.
    """

    model_config = ConfigDict(frozen=True)

    label: str
    overall: RateShift | None
    groups: dict[str, dict[str, RateShift | None]]
    without_rate: dict[str, int]

    @property
    def shown_groups(self) -> dict[str, dict[str, RateShift | None]]:
        """`groups`, where an attribute without any accepted rate is unseen as a whole."""
        return {name: groups or {"any group": None} for name, groups in self.groups.items()}


def keep_label_rates(labels: "pd.Series[float]", protected: pd.DataFrame) -> LabelRates | None:
    """Return the rates of the last of the labels in order (of 0 and 1, the rate of 1).

    None where there are no two labels of ten rows or more.
    """
    protected = protected.reset_index(drop=True)
    labels = labels.reset_index(drop=True)
    names = category_names(labels.dropna())
    common = sorted(
        str(name) for name, rows in names.value_counts().items() if rows >= SMALLEST_CELL
    )
    if len(common) < 2:
        return None

    label = str(common[-1])
    has_label = (names == label).reindex(labels.index)
    rows = len(names)
    groups = {
        str(attribute): {
            group: rate
            for group, (rate, is_exact) in _rates(has_label, protected[attribute]).items()
            if is_exact
        }
        for attribute in protected.columns
    }
    overall = GroupRate(
        rate=round(int(has_label.sum()) / rows, SHARE_DECIMALS), rows=rows, step=STEP
    )
    return LabelRates(label=label, overall=overall, groups=groups)


def compare_label_rates(
    accepted: LabelRates,
    labels: "pd.Series[float]",
    protected: pd.DataFrame,
    *,
    significance: float,
    rows_per_effective: float,
) -> LabelReport:
    """Compare the rates of a delivery with the accepted ones.

    Args:
        accepted: The accepted rates.
        labels: The delivery's labels.
        protected: Its protected attributes, with the same index.
        significance: The share of good deliveries in which chance may exceed what it is said to
            explain: once for the overall rate, once for any group.
        rows_per_effective: By how much several rows of a person inflate a variance, 1 at least.
    """
    protected = protected.reset_index(drop=True)
    labels = labels.reset_index(drop=True)
    # Of the accepted label, not of the delivery's last one: a label that is gone then has the rate
    # 0.
    has_label = (category_names(labels.dropna()) == accepted.label).reindex(labels.index)
    compared = sum(len(groups) for groups in accepted.groups.values())
    by_group = significance / max(compared, 1)

    # A column may have become protected since: it has no accepted rate, and is to be named.
    groups: dict[str, dict[str, RateShift | None]] = {str(name): {} for name in protected.columns}
    for attribute, rates in accepted.groups.items():
        delivered = _rates(has_label, protected[attribute]) if attribute in protected else {}
        groups[attribute] = {
            group: _shift(rate, delivered[group][0], by_group, rows_per_effective)
            if group in delivered
            else None
            for group, rate in rates.items()
        }

    labelled = has_label.dropna()
    overall = None
    if len(labelled):
        rate = GroupRate(rate=float(labelled.mean()), rows=len(labelled), step=STEP)
        overall = _shift(accepted.overall, rate, significance, rows_per_effective)
    return LabelReport(
        label=accepted.label,
        overall=overall,
        groups=groups,
        without_rate={
            str(name): len(set(category_names(protected[name].dropna())) - set(groups[str(name)]))
            for name in protected.columns
        },
    )


def _rates(
    has_label: "pd.Series[bool]", groups: "pd.Series[float]"
) -> dict[str, tuple[GroupRate, bool]]:
    """Return the rate of each group of twenty labelled rows or more, and whether it is exact.

    Where fewer than ten have the label, or have it not, ten are counted.
    """
    labelled = has_label.dropna().astype(bool)
    names = category_names(groups.reindex(labelled.index).dropna())
    counts = labelled[names.index].groupby(names).agg(["sum", "size"])

    rates: dict[str, tuple[GroupRate, bool]] = {}
    # What is left when every group with an exact rate is taken away.
    hidden_with = int(labelled.sum())
    hidden_rows = len(labelled)
    for name, (with_label, rows) in zip(counts.index, counts.to_numpy(), strict=True):
        if rows < 2 * SMALLEST_CELL:
            continue
        # Moved to ten rows from either end: compared with an accepted rate, and never kept by
        # itself.
        count = min(max(int(with_label), SMALLEST_CELL), int(rows) - SMALLEST_CELL)
        is_exact = count == with_label
        hidden_with -= int(with_label) if is_exact else 0
        hidden_rows -= int(rows) if is_exact else 0
        rate = round(count / rows, SHARE_DECIMALS)
        rates[str(name)] = (GroupRate(rate=rate, rows=int(rows), step=STEP), is_exact)

    # Nobody is hidden, or enough of both labels: the difference to the whole gives nobody away.
    is_safe = not hidden_rows or min(hidden_with, hidden_rows - hidden_with) >= SMALLEST_CELL
    exact_rates = [name for name, (_, is_exact) in rates.items() if is_exact]
    if not is_safe and exact_rates:
        largest = max(exact_rates, key=lambda name: rates[name][0].rows)
        rates[largest] = (_coarse(rates[largest][0]), True)
    return rates


def _coarse(rate: GroupRate) -> GroupRate:
    """Return a rate of which only the next multiple of twenty rows is known.

    Of 20,000 rows and more that is so already: a rate is rounded to more than twenty of them.
    """
    step = 2 * SMALLEST_CELL / rate.rows
    if step <= STEP:
        return rate
    rounded = round(min(round(rate.rate / step) * step, 1.0), 4)
    return GroupRate(rate=rounded, rows=rate.rows, step=round(step, 4))


def _shift(
    accepted: GroupRate, delivered: GroupRate, significance: float, rows_per_effective: float
) -> RateShift | None:
    """Compare one rate: a two-sided z test with the pooled rate, and what rounding may add.

    Where a quarter of the rows could change their label unseen, nothing is measured.
    """
    rows = accepted.rows + delivered.rows
    pooled = (accepted.rate * accepted.rows + delivered.rate * delivered.rows) / rows
    by_row = pooled * (1 - pooled) * rows_per_effective
    error = math.sqrt(by_row * (1 / accepted.rows + 1 / delivered.rows))
    rounding = (accepted.step - STEP + delivered.step - STEP) / 2
    chance = NormalDist().inv_cdf(1 - significance / 2) * error + rounding
    if chance > LARGEST_UNSEEN:
        return None

    return RateShift(
        accepted=accepted.rate,
        delivered=round(delivered.rate, SHARE_DECIMALS),
        chance=round(chance, 4),
    )
