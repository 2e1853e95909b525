"""Before anything is trained: what the gate will be able to tell on these rows, and what it won't.

A use case that cannot be certified on its rows is told so here, before it trains, and not by a
verdict. Simulated, as in `power`, from what is known then: how many rows each group has, and the
approval rate that the plan names, or else the share of favourable labels.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from tasks.config.cases import Role
from tasks.disparity.counts import group_names, intersect, joint_name
from tasks.formats.shown import SMALLEST_SHOWN_ROWS
from tasks.learning.params import ApprovalRate, TrainParams
from tasks.stages.fairness.params import FairnessLimits, FairnessParams
from tasks.stages.fairness.power import (
    RATIO_AT_LIMIT,
    RATIO_OF_BIAS,
    GroupPower,
    PowerTable,
    power_table,
    rows_that_certify,
)
from tasks.stages.workspace import StageRun

ACCEPTED_BLOCK = 0.05  # how often a fair model may be blocked, from the rows on that are promised


def foretell(stage_run: StageRun, rows: pd.DataFrame) -> Iterator[str]:
    """Yield, as lines for people, what the gate can tell of the groups of these rows.

    Args:
        stage_run: Of the stage that is about to train; its plan holds the section `fairness`.
        rows: With the protected columns and the target.
    """
    params = stage_run.params(FairnessParams, "fairness")
    limits = stage_run.params(FairnessLimits, "limits.fairness")
    train = stage_run.params(TrainParams, "train")
    (target,) = stage_run.columns.named(Role.TARGET)

    # `test` judges a share of the people alone: as many rows fewer for each group, and a group that
    # all rows could certify may not be certified there.
    group_rows = count_group_rows(rows, params)
    if params.evaluate_on == "test":
        group_rows = {
            attribute: {group: round(count * train.test_ratio) for group, count in sizes.items()}
            for attribute, sizes in group_rows.items()
        }
    labels = rows[target].dropna()
    # Half a row of either label: a share of 0 or 1 has no normal quantile, and no portfolio could
    # be drawn at it.
    good_share = (float((labels == train.favourable).sum()) + 0.5) / (len(labels) + 1)
    yield from describe_power(group_rows, base_rate_of(train, good_share), params, limits)


def base_rate_of(train: TrainParams, good_share: float) -> float:
    """Return the approval rate that is to be expected: the plan's, or the labels' share."""
    return train.cutoff.rate if isinstance(train.cutoff, ApprovalRate) else good_share


def count_group_rows(rows: pd.DataFrame, params: FairnessParams) -> dict[str, dict[str, int]]:
    """Return attribute -> group -> rows, combinations included, without groups too small to show.

    What fewer than ten rows share may be a name that slipped into the column.
    """
    names = {name: group_names(rows[name]) for name in params.privileged if name in rows}
    columns = dict(names)
    for attributes in params.intersections:
        privileged = joint_name(params.privileged[name] for name in attributes)
        columns[" and ".join(attributes)] = intersect(
            names, attributes, params.smallest_group_rows, privileged
        )

    counts = {name: groups.value_counts().sort_index() for name, groups in columns.items()}

    return {
        name: {
            str(group): int(count)
            for group, count in sizes.items()
            if int(count) >= SMALLEST_SHOWN_ROWS
        }
        for name, sizes in counts.items()
    }


def describe_power(
    group_rows: Mapping[str, Mapping[str, int]],
    base_rate: float,
    params: FairnessParams,
    limits: FairnessLimits,
) -> Iterator[str]:
    """Yield what the gate can tell, for each group; those that cannot be certified come first."""
    table = power_table(group_rows, base_rate, params, limits)
    uncertain = [group for group in table.groups if group.false_block > ACCEPTED_BLOCK]
    # The search simulates portfolios of every size that is tried: only where some group is blocked
    # too often.
    needed = (
        rows_that_certify(group_rows, base_rate, params, limits, ACCEPTED_BLOCK)
        if uncertain
        else {}
    )

    yield _headline(table)
    for group in sorted(table.groups, key=lambda group: -group.false_block):
        wanted = needed.get((group.attribute, group.group))
        yield f"  {_describe_group(group, params, wanted)}"


def _headline(table: PowerTable) -> str:
    return (
        f"fairness, before training: at an approval rate of {table.base_rate:.0%} the gate would "
        f"block {table.gate_false_block:.0%} of models that treat all groups alike "
        f"({table.replicates} simulated)"
    )


def _describe_group(group: GroupPower, params: FairnessParams, needed_rows: int | None) -> str:
    name = f"{group.group} ({group.attribute}), {group.rows:,} rows"
    if group.false_block > ACCEPTED_BLOCK:
        remedy = "no number of rows that was tried would do"
        if needed_rows is not None:
            remedy = f"about {max(needed_rows, params.smallest_group_rows):,} would do"
        can_be = "cannot be certified" if group.false_block > 0.5 else "may not be certified"
        name = f"{name}: {can_be}, since {group.false_block:.0%} of fair models would be blocked"
        return f"{name}; {remedy}"

    return (
        f"{name}: {group.false_block:.0%} of fair models would be blocked, a ratio of "
        f"{RATIO_AT_LIMIT:g} missed in {group.missed_at_limit:.1%}, "
        f"of {RATIO_OF_BIAS:g} in {group.missed_bias:.1%}"
    )
