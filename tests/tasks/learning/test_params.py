"""Parameters of a family: a name that it does not have is refused, and so is a value beyond it."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.tasks.stages.train.portfolio import train_params


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("lightgbm", {"num_leafs": 7}),
        ("lightgbm", {"eta": 0.1}),
        ("lightgbm", {"num_threads": 8}),
        ("lightgbm", {"objective": "regression"}),
        ("lightgbm", {"learning_rate": 0.0}),
        ("lightgbm", {"num_leaves": "7"}),
        ("lightgbm", {"bagging_fraction": 0.5}),
        ("xgboost", {"num_leaves": 7}),
        ("xgboost", {"booster": "dart"}),
        ("xgboost", {"subsample": 1.5}),
        ("logistic", {"penalty": "l1"}),
        ("logistic", {"C": -1.0}),
    ],
)
def test_what_the_family_does_not_take_is_refused_by_name(
    family: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(
        ValidationError, match=f"`parameters` of {family}.*{next(iter(parameters))}"
    ):
        train_params(family=family, parameters=parameters)


def test_a_direction_that_the_family_does_not_keep_is_refused() -> None:
    with pytest.raises(ValidationError, match="`monotone` binds boosted trees alone"):
        train_params(family="logistic", monotone={"income": 1})


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("lightgbm", {}),
        ("lightgbm", {"num_leaves": 7, "bagging_fraction": 0.5, "bagging_freq": 1}),
        ("xgboost", {"eta": 0.05, "lambda": 5}),
        ("logistic", {"C": 0.5}),
    ],
)
def test_what_it_takes_stays_as_it_was_written(family: str, parameters: dict[str, Any]) -> None:
    assert train_params(family=family, parameters=parameters).parameters == parameters
