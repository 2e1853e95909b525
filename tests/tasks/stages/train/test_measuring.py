"""What `train` says of groups: by the names and numbers that the other stages give them."""

import numpy as np
import pandas as pd

from tasks.stages.train.measuring import UNKNOWN_GROUP, _group_calibrations, _held_out
from tests.tasks.stages.train.portfolio import train_params


def test_people_whose_group_is_not_known_take_no_number_of_a_rare_group() -> None:
    """However few they are: else a rare group has another number here than in `fairness`."""
    names = ["a"] * 40 + ["zyx"] * 3 + [None] * 2
    protected = pd.DataFrame({"race": pd.array(names, dtype="str")})
    scores = np.linspace(0.1, 0.9, len(names))
    groups = _group_calibrations(
        protected, scores, (scores > 0.5).astype(float), np.arange(len(names)), train_params()
    )
    assert {group.group: group.people for group in groups} == {
        "a": 40,
        "small group 1": 3,
        UNKNOWN_GROUP: 2,
    }


def test_a_group_that_is_called_not_known_is_a_group_like_any_other() -> None:
    """ADR 58. Measured together with those of whom nothing is known, each would hide the other."""
    names = ["a"] * 40 + ["not known"] * 50 + [None] * 60
    protected = pd.DataFrame({"race": pd.array(names, dtype="str")})
    scores = np.linspace(0.1, 0.9, len(names))
    groups = _group_calibrations(
        protected, scores, (scores > 0.5).astype(float), np.arange(len(names)), train_params()
    )
    assert {group.group: (group.people, group.is_known) for group in groups} == {
        "a": (40, True),
        "not known": (50, True),
        "not known 2": (60, False),
    }


def test_a_label_of_one_person_alone_gives_no_interval_and_no_number_that_is_none() -> None:
    """All rows with the rarer label are about one person: of one there is no variance."""
    rows = 60
    scores = np.linspace(0.1, 0.9, rows)
    predictions = pd.DataFrame(
        {
            "part": "test",
            "actual": np.arange(rows) >= 5,
            "score": scores,
            "oof_score": scores,
            "approved": scores > 0.5,
        }
    )
    people = np.maximum(np.arange(rows), 4)
    held_out = _held_out(predictions, people, 0.5, train_params())
    assert (held_out.auc, held_out.auc_lost, held_out.auc_lost_interval) == (None, None, None)

    measured = _held_out(predictions, np.arange(rows), 0.5, train_params())
    assert measured.auc == 1
