"""Weights are Kamiran and Calders' formula, by counting: they make labels independent of groups."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.learning.reweighing import weights_for

PEOPLE = st.lists(
    st.tuples(st.sampled_from(["x", "y", "z"]), st.booleans()), min_size=6, max_size=60
)


def frame(groups: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"race": pd.array(groups, dtype="str")})


@settings(max_examples=20, deadline=None)
@given(PEOPLE)
def test_each_weight_is_the_formula_of_its_authors(people: list[tuple[str, bool]]) -> None:
    groups, labels = zip(*people, strict=True)
    weights = weights_for(frame(list(groups)), np.array(labels, float))
    rows = len(people)
    for (group, label), weight in zip(people, weights, strict=True):
        expected = groups.count(group) * labels.count(label) / (rows * people.count((group, label)))
        assert weight == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(PEOPLE)
def test_weights_keep_the_number_of_rows(people: list[tuple[str, bool]]) -> None:
    """Exactly where every group has both labels; a cell without rows takes its weight with it."""
    groups, labels = zip(*people, strict=True)
    weights = weights_for(frame(list(groups)), np.array(labels, float))
    has_all_cells = len(set(people)) == len(set(groups)) * len(set(labels))
    if has_all_cells:
        assert weights.sum() == pytest.approx(len(people))
    else:
        assert weights.sum() < len(people) + 1e-9


def test_every_group_s_weighted_label_rate_is_that_of_the_whole() -> None:
    groups = np.array(["x"] * 300 + ["y"] * 100)
    labels = np.concatenate([np.arange(300) % 4 > 0, np.arange(100) % 3 == 0]).astype(float)
    weights = weights_for(frame(groups.tolist()), labels)
    for group in ("x", "y"):
        is_member = groups == group
        rate = np.average(labels[is_member], weights=weights[is_member])
        assert rate == pytest.approx(labels.mean())


def test_two_attributes_are_weighed_by_their_combinations() -> None:
    groups = pd.DataFrame(
        {
            "race": pd.array(["x", "x", "y", "y"] * 10, dtype="str"),
            "sex": pd.array(["f", "m", "f", "m"] * 10, dtype="str"),
        }
    )
    labels = np.array([1.0, 0.0, 0.0, 1.0] * 5 + [1.0, 1.0, 0.0, 0.0] * 5)
    joint = groups["race"] + groups["sex"]
    expected = weights_for(joint.to_frame("joint"), labels)
    np.testing.assert_allclose(weights_for(groups, labels), expected)


def test_a_row_whose_group_is_not_known_keeps_weight_1_and_changes_no_other() -> None:
    groups: list[str | None] = ["x", "x", "x", "y", "y", "y"]
    labels = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    without = weights_for(frame(groups), labels)
    with_unknown = weights_for(frame([*groups, None]), np.append(labels, 1.0))
    assert with_unknown[-1] == 1.0
    np.testing.assert_allclose(with_unknown[:-1], without)


def test_independent_labels_need_no_weights() -> None:
    labels = np.array([1.0, 0.0] * 20)
    groups = ["x", "x", "y", "y"] * 10
    np.testing.assert_allclose(weights_for(frame(list(groups)), labels), 1.0)
