"""`./portcullis power <use case>`: which groups the gate of fairness can certify on these rows.

From what `validate` reported of them. A combination of attributes is taken to have as many rows as
if they were independent: `train`, which reads the rows, counts them and says it again.
"""

import math
from collections.abc import Mapping
from typing import Any

import typer

from flows.cli.base.answering import print_json
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase
from tasks.config.cases import load_case, section
from tasks.disparity.counts import joint_name
from tasks.errors import EvidenceError
from tasks.formats.strict_json import read_json
from tasks.learning.params import TrainParams
from tasks.stages.fairness.foretelling import base_rate_of, describe_power
from tasks.stages.fairness.params import FairnessLimits, FairnessParams
from tasks.stages.fairness.power import PowerTable, power_table
from tasks.system.installation import Installation
from tasks.verifier.text_report import printable

GroupRows = dict[str, dict[str, int]]


EXAMPLES = """\
After `validate` has read the rows, and before training:
  ./portcullis power loan
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(context: typer.Context, use_case: UseCase, *, is_json: Json = False) -> int:
    """Print the table; 0 also where nothing can be certified, for it judges nothing.

    Raises:
        ConfigError: There is no such use case.
        EvidenceError: `validate` has left no report here, or another one.
    """
    installation = installation_of(context)
    case = use_case
    workspace = installation.workspace
    load_case(case, workspace)
    params = section(case, "fairness", FairnessParams, workspace)
    limits = section(case, "limits.fairness", FairnessLimits, workspace)
    train = section(case, "train", TrainParams, workspace)

    group_rows, good_share = _reported(case, installation, train)
    group_rows = _with_combinations(group_rows, params)
    # The gate then judges the rows that training leaves out, and no more of any group.
    if params.evaluate_on == "test":
        group_rows = {
            attribute: {group: round(count * train.test_ratio) for group, count in sizes.items()}
            for attribute, sizes in group_rows.items()
        }
    base_rate = base_rate_of(train, good_share)
    if is_json:
        print_json(_values(case, power_table(group_rows, base_rate, params, limits)))
        return 0
    for line in describe_power(group_rows, base_rate, params, limits):
        print(printable(line))
    return 0


def _values(case: str, table: PowerTable) -> dict[str, Any]:
    return {
        "useCase": case,
        "approvalRate": table.base_rate,
        "falseBlock": table.gate_false_block,
        "replicates": table.replicates,
        "groups": [
            {
                "attribute": group.attribute,
                "group": group.group,
                "rows": group.rows,
                "falseBlock": group.false_block,
                "missedAtLimit": group.missed_at_limit,
                "missedBias": group.missed_bias,
            }
            for group in table.groups
        ],
    }


def _reported(case: str, installation: Installation, train: TrainParams) -> tuple[GroupRows, float]:
    """Return the rows of each group that is large enough to be shown, and the favourable share."""
    path = installation.workspace / "data" / case / "validate" / "report.json"
    remedy = f"`./portcullis release {case}` makes it, and goes on as far as the gates let it."
    if path.is_file():
        match read_json(path, remedy=remedy):
            case {"group_rows": dict(groups), "label_shares": dict(shares)}:
                shown = {
                    str(attribute): {
                        str(group): int(count)
                        for group, count in sizes.items()
                        # Of a group that is too small to be shown the report holds no number.
                        if isinstance(count, int)
                    }
                    for attribute, sizes in groups.items()
                }
                # Never 0 or 1: of such a rate there is nothing to simulate.
                share = float(shares.get(f"{train.favourable:g}", 0.5))
                return shown, min(max(share, 0.001), 0.999)

    raise EvidenceError(
        path.as_posix(),
        expected="what `validate` reports of the rows: groups and labels",
        found="something else" if path.is_file() else "nothing",
        remedy=remedy,
    )


def _with_combinations(
    group_rows: Mapping[str, Mapping[str, int]], params: FairnessParams
) -> GroupRows:
    """Return the groups, and those of every declared combination that are large enough to show."""
    judged = {name: dict(group_rows.get(name, {})) for name in params.privileged}
    combined: GroupRows = {}
    for attributes in params.intersections:
        # Shares multiply, as of attributes that say nothing of each other: the report has no counts
        # of combinations.
        joint: dict[tuple[str, ...], float] = {(): 1.0}
        for name in attributes:
            total = sum(judged[name].values()) or 1
            joint = {
                (*left, group): share * count / total
                for left, share in joint.items()
                for group, count in judged[name].items()
            }
        # What is too small to be shown is in no count, so that the sums differ: no attribute's rows
        # are more than were counted of it.
        rows = min((sum(judged[name].values()) for name in attributes), default=0)
        # Down: a group that is said to be certifiable has these rows at least.
        sizes = {joint_name(groups): math.floor(share * rows) for groups, share in joint.items()}
        combined[" and ".join(attributes)] = {
            group: count for group, count in sizes.items() if count >= params.smallest_group_rows
        }

    return {**judged, **combined}
