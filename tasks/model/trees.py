"""Tree ensembles as boxes: each leaf as the interval of every input that leads to it.

In this form an ensemble is a sum over leaves, each giving its value where every input lies in its
interval, whichever library grew it; and interventional SHAP values have a closed form
(`shapley.py`).
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import BrokenModelError
from .families import Booster, LightGbm, Matrix, XgBoost

# Input -> (low, high): the rows with `low < x <= high` go on towards the leaf.
Box = dict[int, tuple[float, float]]
EVERYTHING = (-np.inf, np.inf)


@dataclass(frozen=True)
class Leaf:
    """One leaf: its value in log-odds, and the interval (low, high] of each input on its path."""

    value: float
    inputs: np.ndarray  # shape (depth,): distinct positions of inputs
    low: Matrix  # shape (depth,)
    high: Matrix  # shape (depth,)

    def holds(self, matrix: Matrix) -> np.ndarray:
        """Return which of the leaf's conditions each row meets, booleans of shape (rows, depth)."""
        values = matrix[:, self.inputs]
        return np.asarray((self.low < values) & (values <= self.high))


def leaves_of(booster: Booster) -> tuple[float, tuple[Leaf, ...]]:
    """Return an ensemble's constant, in log-odds, and all leaves of all trees.

    Raises:
        BrokenModelError: It is no ensemble of trees with numerical splits that add up.
    """
    try:
        if isinstance(booster, LightGbm):
            return 0.0, _leaves_of_lightgbm(booster.native.dump_model())
        if isinstance(booster, XgBoost):
            return _leaves_of_xgboost(json.loads(bytes(booster.native.save_raw("json"))))
    except BrokenModelError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(type(error).__name__) from error

    raise _unreadable(type(booster).__name__)


def _leaves_of_lightgbm(model: dict[str, Any]) -> tuple[Leaf, ...]:
    if model.get("average_output"):
        raise _unreadable("a forest that averages its trees")

    leaves: list[Leaf] = []

    def walk(node: dict[str, Any], box: Box) -> None:
        if "leaf_value" in node:
            leaves.append(_leaf(float(node["leaf_value"]), box))
            return

        # A categorical split is no interval: refused here, and not explained by a wrong one.
        if node["decision_type"] != "<=":
            raise _unreadable("a split that is not numerical")
        position = int(node["split_feature"])
        threshold = float(node["threshold"])
        below, above = _split(box, position, threshold)
        walk(node["left_child"], below)
        walk(node["right_child"], above)

    for tree in model["tree_info"]:
        walk(tree["tree_structure"], {})
    return tuple(leaves)


def _leaves_of_xgboost(model: dict[str, Any]) -> tuple[float, tuple[Leaf, ...]]:
    learner = model["learner"]
    if learner["gradient_booster"]["name"] != "gbtree":
        raise _unreadable("a booster other than `gbtree`")

    leaves: list[Leaf] = []
    for tree in learner["gradient_booster"]["model"]["trees"]:
        if any(tree["split_type"]):
            raise _unreadable("a split that is not numerical")

        def walk(number: int, box: Box, tree: dict[str, Any] = tree) -> None:
            condition = np.float32(tree["split_conditions"][number])
            if tree["left_children"][number] == -1:
                leaves.append(_leaf(float(condition), box))
                return

            # XGBoost goes left where x < t. Its inputs are of single precision, so that is
            # x <= the number of single precision just below t.
            below_threshold = float(np.nextafter(condition, np.float32(-np.inf)))
            below, above = _split(box, int(tree["split_indices"][number]), below_threshold)
            walk(tree["left_children"][number], below)
            walk(tree["right_children"][number], above)

        walk(0, {})

    # A probability in the file ("5E-1", from 3.1 on "[5E-1]"), log-odds in the sum.
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))
    return float(np.log(base / (1 - base))), tuple(leaves)


def _split(box: Box, position: int, threshold: float) -> tuple[Box, Box]:
    low, high = box.get(position, EVERYTHING)
    # Intervals only narrow: an input that is asked twice on a path is one condition of the leaf.
    below = {**box, position: (low, min(high, threshold))}
    above = {**box, position: (max(low, threshold), high)}
    return below, above


def _leaf(value: float, box: Box) -> Leaf:
    positions = sorted(box)
    return Leaf(
        value=value,
        inputs=np.array(positions, dtype=np.int64),
        low=np.array([box[position][0] for position in positions], dtype=np.float64),
        high=np.array([box[position][1] for position in positions], dtype=np.float64),
    )


def _unreadable(found: str) -> BrokenModelError:
    return BrokenModelError(
        "explanations",
        expected="a sum of trees with numerical splits, by LightGBM or XGBoost",
        found=found,
        remedy="Train without it: what cannot be explained cannot be registered.",
    )
