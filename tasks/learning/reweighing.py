"""Reweighing by AIF360, against label rates that differ between groups.

No other module of this room imports AIF360. The method is that of Kamiran and Calders (2012), "Data
preprocessing techniques for classification without discrimination", Knowledge and Information
Systems 33. Weights make each group's label rate that of the whole, in training only: no protected
attribute is read when a decision is made.
"""

import logging

import numpy as np
import pandas as pd

from tasks.model.families import Matrix

UNKNOWN_GROUP = -1


def weights_for(groups: pd.DataFrame, labels: Matrix) -> Matrix:
    """Return a weight per row, shape (rows,): w(g, y) = P(g) P(y) / P(g, y).

    g runs over the joint groups of all columns of `groups`; P is over the rows whose group is
    known. Rows whose group is not known keep weight 1.

    Args:
        groups: Protected attributes, missing where not known; shape (rows, attributes).
        labels: 0 or 1, shape (rows,).
    """
    logging.disable(logging.WARNING)  # AIF360 warns of every optional package that is absent
    try:
        from aif360.algorithms.preprocessing import Reweighing
        from aif360.datasets import BinaryLabelDataset
    finally:
        logging.disable(logging.NOTSET)

    group_numbers = groups.groupby(list(groups.columns), sort=True, dropna=True).ngroup()
    joint = group_numbers.fillna(UNKNOWN_GROUP).to_numpy(int)
    is_known = joint != UNKNOWN_GROUP

    # AIF360 copies its data several times over: it gets one row per group and label instead of one
    # per person, weighted by how many rows that is. The formula needs no more than these counts.
    pairs = pd.DataFrame({"joint": joint[is_known], "label": labels[is_known]})
    cells = pairs.value_counts(sort=False).reset_index()

    # AIF360 knows one group and the others: each group takes its turn. The weights of (g, y) do not
    # depend on how the others are put together.
    weights = np.ones(len(groups))
    for group in cells["joint"].unique():
        is_in_group = (cells["joint"] == group).to_numpy()
        dataset = BinaryLabelDataset(
            df=cells.assign(group=is_in_group.astype(float)).drop(columns="joint"),
            label_names=["label"],
            protected_attribute_names=["group"],
            instance_weights_name="count",
        )
        method = Reweighing(
            unprivileged_groups=[{"group": 1.0}], privileged_groups=[{"group": 0.0}]
        )
        # Cells that no row is in divide 0 by 0; no row takes a weight from them.
        with np.errstate(invalid="ignore", divide="ignore"):
            factors = method.fit_transform(dataset).instance_weights / dataset.instance_weights
        group_labels = cells["label"][is_in_group]
        for label, factor in zip(group_labels, factors[is_in_group], strict=True):
            weights[(joint == group) & (labels == label)] = factor

    return weights
