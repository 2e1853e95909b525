"""Counts by group, label and decision: all that the measures of a group depend on."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import pandas as pd

from tasks.disparity.intervals import Proportion
from tasks.errors import DataError
from tasks.formats.shown import shown_group_names

POOLED = "pooled small groups"
BETWEEN_GROUPS = " / "  # in a joint name
SLASHES_BY_THEMSELVES = re.compile(r"(?<![^ ])/+(?![^ ])")  # with a blank or an end on either side


def evaluated_rows(predictions: pd.DataFrame, evaluate_on: str) -> np.ndarray:
    """Say which rows of `train`'s predictions a gate judges, shape (rows,): `test`, or all."""
    if evaluate_on == "test":
        return (predictions["part"] == "test").to_numpy()
    return np.ones(len(predictions), dtype=bool)


def require_rows(rows: "DecidedRows", gate: str) -> None:
    """Refuse to measure disparities of nobody.

    Raises:
        DataError: There are no rows.
    """
    if not len(rows):
        raise DataError(
            gate,
            expected="at least one row to judge",
            found="none",
            remedy="Look at what `ingest` reports, and at the share set aside for the test.",
        )


@dataclass(frozen=True)
class DecidedRows:
    """Labels, decisions and scores of the rows that are judged; each of shape (rows,)."""

    is_good: np.ndarray  # the label is favourable
    is_approved: np.ndarray
    scores: np.ndarray  # P(favourable)
    people: np.ndarray  # number of the row's person
    are_people_repeated: bool  # whether any has several of the rows that these were taken from

    @classmethod
    def of(
        cls,
        actual: np.ndarray,
        approved: np.ndarray,
        scores: np.ndarray,
        people: np.ndarray | None = None,
    ) -> "DecidedRows":
        """Return them from labels (1 for favourable) and decisions; by default a person a row."""
        numbers = np.arange(len(actual))
        are_repeated = False
        if people is not None:
            # Numbers from 0, in order of appearance: the same rows give the same numbers, and less
            # memory than the numbers of a whole delivery.
            numbers, names = pd.factorize(people)
            are_repeated = len(names) < len(numbers)

        return cls(actual == 1, approved.astype(bool), scores.astype(float), numbers, are_repeated)

    @classmethod
    def of_predictions(
        cls, predictions: pd.DataFrame, people: np.ndarray, evaluate_on: str
    ) -> "DecidedRows":
        """Return them from what `train` wrote: the registered model's on `test`, or out of fold."""
        # The registered model learnt from most of the other rows: its own decisions about them
        # would look better than they are. There the model of the fold decides, which saw none.
        prefix = "" if evaluate_on == "test" else "oof_"
        return cls.of(
            predictions["actual"].to_numpy(),
            predictions[f"{prefix}approved"].to_numpy(),
            predictions[f"{prefix}score"].to_numpy(),
            people,
        )

    def __len__(self) -> int:
        """The rows."""
        return len(self.scores)

    def approved_at(self, approval_rate: float) -> np.ndarray:
        """Return the decisions that would approve this share of all rows, shape (rows,).

        Rows whose score is that of the last one approved are approved, too.
        """
        # One row at least: -0 is position 0, where the lowest score lies, and would approve
        # everybody.
        approved_rows = max(round(approval_rate * len(self)), 1)
        # Ties are approved, as a cut-off on scores does: to choose among equal scores would need an
        # order that no score has. NaN sorts last, becomes the cut-off, and approves nobody.
        cutoff = np.partition(self.scores, -approved_rows)[-approved_rows]
        return np.asarray(self.scores >= cutoff)

    def __getitem__(self, rows: np.ndarray) -> "DecidedRows":
        """Return some of the rows, by mask or position."""
        return DecidedRows(
            self.is_good[rows],
            self.is_approved[rows],
            self.scores[rows],
            self.people[rows],
            self.are_people_repeated,
        )

    def count_people(self) -> int:
        """Return how many people the rows are about."""
        # `unique` sorts all rows for each group; where every person has one row it is their number.
        return len(np.unique(self.people)) if self.are_people_repeated else len(self)


@dataclass(frozen=True)
class ScoreMoments:
    """The mean of a group's scores, and their central moments; all 0 where there are no rows."""

    mean: float = 0.0
    variance: float = 0.0
    third: float = 0.0
    fourth: float = 0.0

    @classmethod
    def of(cls, scores: np.ndarray) -> "ScoreMoments":
        """Return those of the scores."""
        if not len(scores):
            return cls()

        mean = float(scores.mean())
        deviations = scores - mean
        squares = deviations * deviations

        return cls(
            mean,
            float(squares.mean()),
            float((squares * deviations).mean()),
            float((squares * squares).mean()),
        )


@dataclass(frozen=True)
class DesignEffects:
    """How many rows tell as much as one independent row, by what is measured of them."""

    approved: float = 1.0
    approved_good: float = 1.0
    approved_bad: float = 1.0
    good: float = 1.0
    score: float = 1.0


INDEPENDENT = DesignEffects()


@dataclass(frozen=True)
class GroupCounts:
    """How many rows of a group are good or bad, and how many of each are approved.

    Good rows have the favourable label. `approved_at` is how many would be approved at each of the
    approval rates that the use case names.
    """

    group: str
    good: int
    bad: int
    approved_good: int
    approved_bad: int
    scores: ScoreMoments
    people: int
    design: DesignEffects = INDEPENDENT
    approved_at: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        """All rows of the group."""
        return self.good + self.bad

    @property
    def approved(self) -> int:
        """Approved rows of the group."""
        return self.approved_good + self.approved_bad

    @property
    def approvals(self) -> Proportion:
        """Approved rows of all rows."""
        return Proportion(self.approved, self.rows, self.design.approved)

    @property
    def true_approvals(self) -> Proportion:
        """Approved rows of the good ones."""
        return Proportion(self.approved_good, self.good, self.design.approved_good)

    @property
    def false_approvals(self) -> Proportion:
        """Approved rows of the bad ones."""
        return Proportion(self.approved_bad, self.bad, self.design.approved_bad)

    @property
    def good_share(self) -> Proportion:
        """Good rows of all rows."""
        return Proportion(self.good, self.rows, self.design.good)

    def approvals_at(self, index: int) -> Proportion:
        """Return rows approved at one of the approval rates that the use case names."""
        # The design effect of the decisions at hand: those at other cut-offs repeat as much.
        return Proportion(self.approved_at[index], self.rows, self.design.approved)

    @property
    def cells(self) -> tuple[tuple[float, float, int], ...]:
        """Rows by label (1 good) and decision (1 approved)."""
        return (
            (1.0, 1.0, self.approved_good),
            (1.0, 0.0, self.good - self.approved_good),
            (0.0, 1.0, self.approved_bad),
            (0.0, 0.0, self.bad - self.approved_bad),
        )


def rows_by_group(names: "pd.Series[str]") -> dict[str, int]:
    """Return how many rows each group has, of names as `group_names` gives them."""
    return {str(name): int(rows) for name, rows in names.value_counts().items()}


def group_names(values: pd.Series) -> "pd.Series[str]":
    """Return the group of each row as text; missing stays missing.

    A flag is a whole number, and is called so whatever its type: a column with a missing value
    holds 1.0 where another holds 1.
    """
    # True would be called `True` in a column of booleans, and `1` in one of integers: the
    # privileged group of the use case would match in one file and not in the next.
    if pd.api.types.is_bool_dtype(values):
        values = values.astype("int64")
    if not pd.api.types.is_numeric_dtype(values):
        return values.astype("str")

    known = values.dropna().unique()
    names = {value: f"{value:.0f}" if value == round(value) else str(value) for value in known}
    return values.map(names).astype("str")


def count_groups(
    groups: "pd.Series[str]", rows: DecidedRows, approval_rates: tuple[float, ...] = ()
) -> dict[str, GroupCounts]:
    """Return the counts of each group, in order of name; rows whose group is missing are in none.

    Args:
        groups: Group of each row, shape (rows,).
        rows: Labels, decisions, scores and people.
        approval_rates: Shares of all rows, for `approved_at`.
    """
    return count_members(group_positions(groups), rows, approval_rates)


def group_positions(groups: "pd.Series[str]") -> dict[str, np.ndarray]:
    """Return the positions of each group's rows, in order of name."""
    codes, names = pd.factorize(groups, sort=True)
    # Sorted once, so that each group is a slice.
    # Stable, so that rows of a group keep their order: sums of floats depend on it. Missing groups
    # have code -1, lie before the first slice, and are in none.
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return {str(name): order[starts[code] : starts[code + 1]] for code, name in enumerate(names)}


def count_members(
    members: Mapping[str, np.ndarray], rows: DecidedRows, approval_rates: tuple[float, ...] = ()
) -> dict[str, GroupCounts]:
    """Return the counts of each group from its rows' positions; else as `count_groups`."""
    approvals = [rows.approved_at(rate) for rate in approval_rates]
    return {
        name: count_rows(
            name,
            rows[positions],
            tuple(int(approved[positions].sum()) for approved in approvals),
        )
        for name, positions in members.items()
    }


def count_rows(group: str, rows: DecidedRows, approved_at: tuple[int, ...] = ()) -> GroupCounts:
    """Return the counts of the rows of one group."""
    good = int(rows.is_good.sum())
    approved_good = int((rows.is_good & rows.is_approved).sum())

    return GroupCounts(
        group=group,
        good=good,
        bad=len(rows) - good,
        approved_good=approved_good,
        approved_bad=int(rows.is_approved.sum()) - approved_good,
        scores=ScoreMoments.of(rows.scores),
        people=rows.count_people(),
        # Each measure has its own: people who are approved alike in all their rows may differ in
        # labels.
        design=_design_effects(rows) if rows.are_people_repeated else INDEPENDENT,
        approved_at=approved_at,
    )


def _design_effects(rows: DecidedRows) -> DesignEffects:
    good = rows[rows.is_good]
    bad = rows[~rows.is_good]
    return DesignEffects(
        approved=design_effect(rows.is_approved, rows.people),
        approved_good=design_effect(good.is_approved, good.people),
        approved_bad=design_effect(bad.is_approved, bad.people),
        good=design_effect(rows.is_good, rows.people),
        score=design_effect(rows.scores, rows.people),
    )


def design_effect(values: np.ndarray, people: np.ndarray) -> float:
    """Return the variance of a mean over people, by that of as many independent rows; at least 1.

    Rao and Scott (1992), Biometrics 48, 577-585: the linearised variance between clusters. Where
    all values are equal nothing is known of how people repeat themselves, and each is taken to
    have said one thing: Kish's effective size, the square of the sum of the people's rows by the
    sum of their squares.
    """
    if not len(values):
        return 1.0
    _, numbers, person_rows = np.unique(people, return_inverse=True, return_counts=True)
    if len(person_rows) == len(values):
        return 1.0

    # All rows of a person deviate together: their sum, squared, is what that person adds to the
    # variance of the mean. m / (m - 1) makes up for the mean that was taken from the same m people.
    deviations = values - np.mean(values)
    within_rows = float((deviations * deviations).sum())
    if within_rows == 0 or len(person_rows) == 1:
        return float((person_rows**2).sum() / len(values))
    person_sums = np.bincount(numbers, weights=deviations)
    correction = len(person_rows) / (len(person_rows) - 1)
    # Never below 1: rows of one person that happen to differ do not count as more than rows.
    return max(1.0, correction * float((person_sums**2).sum()) / within_rows)


def without_rare_names(counts: dict[str, GroupCounts], privileged: str) -> dict[str, GroupCounts]:
    """Return the counts in the same order, with a number for the name of each rare group.

    Each is judged as it was. Its name is what few rows have in the column, and may be a person's
    that slipped into it; the privileged group's is declared.
    """
    shown_as = shown_group_names(
        {name: group.rows for name, group in counts.items()}, (privileged,)
    )
    return {shown_as[name]: replace(group, group=shown_as[name]) for name, group in counts.items()}


def joint_name(groups: Iterable[str]) -> str:
    """Return the name of a joint group (`black / male`); no two lists of groups have one name.

    Slashes by themselves in a group's own name are doubled: `a / b` and `c` give `a // b / c`.
    """
    # A single slash by itself is then always one that was put between two groups. A file could else
    # name its groups so that two joint groups come to be called alike, and are judged as one.
    return BETWEEN_GROUPS.join(map(_with_doubled_slashes, groups))


def _with_doubled_slashes(group: str) -> str:
    return SLASHES_BY_THEMSELVES.sub(lambda slashes: 2 * slashes[0], group)


def _joint_parts(names: "pd.Series[str]") -> "pd.Series[str]":
    """Return the groups as `joint_name` writes them."""
    written = {name: _with_doubled_slashes(name) for name in names.dropna().unique()}
    if all(name == own_name for own_name, name in written.items()):
        return names
    return names.map(written).astype("str")


def intersect(
    names: Mapping[str, "pd.Series[str]"],
    attributes: tuple[str, ...],
    smallest_rows: int,
    privileged: str,
) -> "pd.Series[str]":
    """Return the joint group of each row, by `joint_name`; missing where an attribute is.

    Groups of fewer than `smallest_rows` are pooled into one, and the pool takes in the next
    smallest group until it has as many itself, so that nobody is left out. The privileged joint
    group is never pooled: the others are compared with it.
    """
    parts = [_joint_parts(names[name]) for name in attributes]
    # Text added to a missing value is missing: a row is in a joint group only where both are known.
    joint = reduce(lambda left, right: left + BETWEEN_GROUPS + right, parts)

    pool: list[str] = []
    pooled_rows = 0
    # The smallest first, so that as few groups as possible lose their own judgement to the pool.
    for group, group_rows in joint[joint != privileged].value_counts(ascending=True).items():
        is_pool_large_enough = not pool or pooled_rows >= smallest_rows
        if group_rows >= smallest_rows and is_pool_large_enough:
            break
        pool.append(str(group))
        pooled_rows += int(group_rows)

    return joint.where(~joint.isin(pool), POOLED)
