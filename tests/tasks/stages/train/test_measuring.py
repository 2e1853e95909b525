"""What `train` says of groups: by the names and numbers that the other stages give them."""

import numpy as np
import pandas as pd

from tasks.stages.train.measuring import UNKNOWN_GROUP, _group_calibrations
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
