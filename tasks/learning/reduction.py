"""The reductions approach: learn towards parity of approvals by labels and weights.

Agarwal, Beygelzimer, Dudík, Langford and Wallach (2018), "A reductions approach to fair
classification", ICML, section 3.4: for each multiplier of the constraints, the best classifier is
an ordinary one that learns from other labels and weights. That is what fairlearn's `GridSearch`
does with `DemographicParity`. The labels and weights are for training only: no protected attribute
is read when a decision is made. Its randomised sibling, `ExponentiatedGradient`, draws a classifier
for every decision; two equal people could get different answers, and no reason could be told.
"""

import numpy as np
import pandas as pd

from tasks.model.families import Matrix


def towards_parity(
    groups: pd.DataFrame, labels: Matrix, multiplier: float
) -> tuple[Matrix, Matrix]:
    """Return the labels and weights that a classifier learns from, each of shape (rows,).

    With p the share of a group, r its rate of favourable labels and R that of all, the multiplier
    of its constraint is `multiplier * p * (r - R)`: one line through the grid of all multipliers,
    along which groups with fewer favourable labels gain. Approving a row is then worth
    2 y - 1 - multiplier * (r - R). The sign is the label, the size is the weight.

    Rows whose group is not known keep label and weight. A row with a weight of 0 teaches nothing.

    Args:
        groups: Protected attributes, missing where not known; shape (rows, attributes). Their
            joint groups count.
        labels: 0 or 1, shape (rows,).
        multiplier: How much parity weighs.
    """
    # `dropna`: a row of which one attribute is unknown is in no joint group.
    joint = groups.groupby(list(groups.columns), sort=True, dropna=True).ngroup()
    numbers = joint.fillna(-1).to_numpy(int)
    is_known = numbers >= 0

    shortfall = np.zeros(len(labels))
    if is_known.any():
        group_rows = np.bincount(numbers[is_known])
        good_rows = np.bincount(numbers[is_known], weights=labels[is_known])
        rates = good_rows / group_rows
        shortfall[is_known] = labels[is_known].mean() - rates[numbers[is_known]]

    worth = 2 * labels - 1 + multiplier * shortfall
    return (worth > 0).astype(np.float64), np.abs(worth)
