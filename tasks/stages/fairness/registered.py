"""Hold the registered model's decisions against those that this gate judged.

Out of fold every row is decided by a model of a fold; the model that is registered is another fit
with a cut-off of its own. Both decide about the people of the part `test`, whom neither learnt
from: where they approve a group at different rates there, what was judged is not what decides.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from tasks.disparity.counts import design_effect, group_names, group_positions, rows_by_group
from tasks.disparity.estimates import FairnessModel
from tasks.disparity.intervals import Interval, Z
from tasks.formats.shown import shown_group_names
from tasks.gates import About, Check, at_most, not_measured
from tasks.gates.limits import limit_text
from tasks.stages.fairness.checks import LARGE_GROUPS, ON_TEST_PART, FairnessCheck
from tasks.stages.fairness.params import FairnessLimits, FairnessParams

LARGER_TEST_PART = "a larger part `test`, or more rows of its groups, would"


class RegisteredGroup(FairnessModel):
    """A group in the part `test`: approval rates by both, and the difference with its interval."""

    attribute: str
    group: str
    people: int
    judged_rate: float  # by the models of the folds
    registered_rate: float
    agreement: float  # share of rows that both decide alike
    difference: float
    interval: Interval

    @property
    def certain_shift(self) -> float:
        """How much of the difference chance does not explain, whichever way it points."""
        low, high = self.interval
        return max(low, -high, 0.0)


class AbsentFromTest(FairnessModel):
    """A group of which nobody is in the part `test`: there is nothing to compare."""

    attribute: str
    group: str
    people: int = 0


def compare_registered(
    protected: pd.DataFrame,
    is_test: np.ndarray,
    judged: np.ndarray,
    registered: np.ndarray,
    people: np.ndarray,
    params: FairnessParams,
) -> tuple[RegisteredGroup | AbsentFromTest, ...]:
    """Return both models' decisions about each group of each judged attribute.

    The interval is of a paired difference: rows that both decide alike say nothing about it.

    Args:
        protected: Protected attributes of all rows, shape (all rows, attributes).
        is_test: Which of them are in the part `test`, shape (all rows,).
        judged: Whether the model of a fold approves, of the part `test`; shape (rows,).
        registered: Whether the registered model does, shape (rows,).
        people: Number of each row's person, shape (rows,).
        params: The judged attributes.
    """
    groups: list[RegisteredGroup | AbsentFromTest] = []
    for attribute in params.privileged:
        names = group_names(protected[attribute])
        positions = group_positions(names[is_test])
        shown_as = _shown_names(names, is_test, params.privileged[attribute], params.evaluate_on)
        for name, rows in positions.items():
            # -1, 0 or 1 a row: 0 where both decide alike. Their mean is the difference of both
            # rates, and their variance that of a paired comparison, far smaller than that of two
            # samples.
            changes = registered[rows].astype(float) - judged[rows]
            effect = design_effect(changes, people[rows])
            difference = float(changes.mean())
            half_width = Z * math.sqrt(effect * float(changes.var()) / len(rows))
            groups.append(
                RegisteredGroup(
                    attribute=attribute,
                    group=shown_as[name],
                    people=len(np.unique(people[rows])),
                    judged_rate=float(judged[rows].mean()),
                    registered_rate=float(registered[rows].mean()),
                    agreement=float((changes == 0).mean()),
                    difference=difference,
                    interval=(difference - half_width, difference + half_width),
                )
            )

        # Named, too: a group that no check names would look like one that was compared.
        groups += [
            AbsentFromTest(attribute=attribute, group=shown)
            for name, shown in shown_as.items()
            if name not in positions
        ]

    return tuple(groups)


def _shown_names(
    names: "pd.Series[str]", is_test: np.ndarray, privileged: str, evaluate_on: str
) -> dict[str, str]:
    """Return what each group is called in the gate's other checks, which rest on evaluated rows.

    What few rows have in the column may be a person's name in the wrong place. Groups that only
    this comparison knows are numbered after the others.
    """
    rows = rows_by_group(names)
    if evaluate_on != "test":
        return shown_group_names(rows, (privileged,))

    evaluated = shown_group_names(rows_by_group(names[is_test]), (privileged,))
    absent = {name: count for name, count in rows.items() if name not in evaluated}
    return evaluated | shown_group_names(absent, (privileged,), taken=evaluated.values())


def judge_registered(
    groups: tuple[RegisteredGroup | AbsentFromTest, ...],
    params: FairnessParams,
    limits: FairnessLimits,
) -> Iterator[Check]:
    """Yield a check a group: the registered model approves it as often as those that were judged.

    Of a group with fewer people in the part `test` than one needs to be judged, or with none, the
    check says that nothing was measured. Where all rows have no more of it, the gate has left it
    undecided; else its decisions out of fold are judged, and only this comparison is not made.
    Where that is so of every group of an attribute beside the privileged one, the attribute is
    undecided: a small part `test` would else leave the limit to nobody.
    """
    limit = limits.registered_shift
    shown_limit = limit_text("≤", limit)
    if params.evaluate_on == "test":
        yield not_measured(
            FairnessCheck.REGISTERED_DECISIONS,
            "approval rate of the registered model off the judged one",
            expected=ON_TEST_PART.replace("{limit}", shown_limit),
            reason="its own decisions are judged",
        )
        return

    compared = {
        group.attribute
        for group in groups
        if isinstance(group, RegisteredGroup)
        and group.people >= params.smallest_group_rows
        and group.group != params.privileged[group.attribute]
    }
    for attribute in params.privileged:
        if attribute not in compared:
            uncompared = at_most(
                FairnessCheck.REGISTERED_DECISIONS,
                f"approval rate of the registered model off the judged one, {attribute}",
                None,
                limit,
                about=About(attribute=attribute),
                reason=f"no group beside the privileged one has {params.smallest_group_rows:,} "
                "people in the part `test`",
            )
            yield replace(uncompared, would_decide=LARGER_TEST_PART)

    for group in groups:
        about = About(attribute=group.attribute, group=group.group)
        measure = (
            "approval rate of the registered model off the judged one, beyond chance, "
            f"{group.group} ({group.attribute})"
        )
        # A certain difference is looked for here, not certified: of so few people none could be
        # told from chance.
        if isinstance(group, AbsentFromTest) or group.people < params.smallest_group_rows:
            yield not_measured(
                FairnessCheck.REGISTERED_DECISIONS,
                measure,
                expected=LARGE_GROUPS.replace("{limit}", shown_limit),
                reason=f"{group.people:,} people in the part `test`",
                about=about,
            )
            continue
        yield at_most(
            FairnessCheck.REGISTERED_DECISIONS,
            measure,
            group.certain_shift,
            limit,
            about=about,
            reason=(
                f"registered {group.registered_rate:.3f}, judged {group.judged_rate:.3f}, of "
                f"{group.people:,} people whom neither learnt from"
            ),
        )
