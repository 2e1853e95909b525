"""Reweighing (Kamiran and Calders 2012), by AIF360: the only place in this room that imports it.

Weights make each group's label rate that of the whole, in training only; nothing protected is read at decision time.
"""

import logging

import numpy as np
import pandas as pd

from tasks.model.families import Matrix


def weights_for(groups: pd.DataFrame, labels: Matrix) -> Matrix:
    """Return a weight per row, shape (rows,): w(g, y) = P(g) P(y) / P(g, y) over the joint groups of `groups`.

    Rows whose group is not known keep weight 1.
    """
    logging.disable(logging.WARNING)  # AIF360 warns of every optional package that is not installed
    try:
        from aif360.algorithms.preprocessing import Reweighing
        from aif360.datasets import BinaryLabelDataset
    finally:
        logging.disable(logging.NOTSET)

    numbers = groups.groupby(list(groups.columns), sort=True, dropna=True).ngroup()
    joint = numbers.fillna(-1).to_numpy(int)  # -1: not known
    known = joint >= 0
    # AIF360 copies what it is given, so it is given one row per group and label, weighted by how many rows that is
    cells = (
        pd.DataFrame({"joint": joint[known], "label": labels[known]})
        .value_counts(sort=False)
        .reset_index()
    )
    weights = np.ones(len(groups))
    for group in cells["joint"].unique():
        inside = (cells["joint"] == group).to_numpy()
        dataset = BinaryLabelDataset(
            df=cells.assign(group=inside.astype(float)).drop(columns="joint"),
            label_names=["label"],
            protected_attribute_names=["group"],
            instance_weights_name="count",
        )
        method = Reweighing(
            unprivileged_groups=[{"group": 1.0}], privileged_groups=[{"group": 0.0}]
        )
        with np.errstate(
            invalid="ignore", divide="ignore"
        ):  # of cells without rows, which no row is in
            factors = method.fit_transform(dataset).instance_weights / dataset.instance_weights
        for label, factor in zip(cells["label"][inside], factors[inside], strict=True):
            weights[(joint == group) & (labels == label)] = factor
    return weights
