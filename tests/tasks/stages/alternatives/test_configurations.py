"""The grid: every combination once, the shipped one first; what `train` leaves out stays out."""

import pytest
from pydantic import ValidationError

from tasks.errors import ConfigError
from tasks.stages.alternatives.configurations import SHIPPED, configurations
from tests.tasks.stages.alternatives.portfolio import COLUMNS, TRAIN, params

TWO_LEARNERS = {
    "linear": {"family": "logistic", "rounds": 100},
    "trees": {"family": "lightgbm", "rounds": 10},
}


def test_every_combination_is_there_once_and_the_shipped_configuration_first() -> None:
    together = configurations(COLUMNS, params(learners=TWO_LEARNERS), TRAIN)
    assert [item.name for item in together] == [
        SHIPPED,  # linear / unmitigated / all comes to the same
        "linear / unmitigated / without proxy",
        "trees / unmitigated / all",
        "trees / unmitigated / without proxy",
    ]


def test_what_train_leaves_out_no_alternative_uses() -> None:
    train = TRAIN.model_copy(update={"left_out": {"proxy": "tells the group"}})
    together = configurations(COLUMNS, params(learners=TWO_LEARNERS), train)
    assert {item.features for item in together} == {("quality",)}
    assert len(together) == 2


def test_a_set_that_leaves_out_a_column_of_another_role_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"train\.left_out"):
        configurations(COLUMNS, params(features={"odd": ("race",)}), TRAIN)


def test_a_mitigation_of_a_column_that_is_not_protected_is_refused() -> None:
    mitigations = {"odd": {"mitigation": "reweighing", "mitigate": ("quality",)}}
    with pytest.raises(ConfigError, match=r"train\.mitigate"):
        configurations(COLUMNS, params(mitigations=mitigations), TRAIN)


@pytest.mark.parametrize(
    "mitigation",
    [
        {"mitigation": "reduction", "mitigate": ("race",)},
        {"mitigation": "reweighing", "mitigate": ("race",), "multiplier": 2},
    ],
)
def test_a_multiplier_belongs_to_the_reduction_alone(mitigation: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"train\.multiplier"):
        configurations(COLUMNS, params(mitigations={"odd": mitigation}), TRAIN)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("lightgbm", {"num_leafs": 7}),
        ("lightgbm", {"seed": 3}),
        ("xgboost", {"num_leaves": 7}),
        ("logistic", {"penalty": "l1"}),
    ],
)
def test_a_learner_takes_the_parameters_that_training_takes(
    family: str, parameters: dict[str, object]
) -> None:
    """Else a misspelt one is ignored, and a seed makes all seeds one."""
    learner = {"family": family, "rounds": 1, "parameters": parameters}
    with pytest.raises(ValidationError, match=f"`parameters` of {family}"):
        params(learners={"boosted": learner})


BOUND = TRAIN.model_copy(
    update={"family": "lightgbm", "rounds": 10, "monotone": {"quality": 1}, "parameters": {}}
)


def test_a_learner_that_would_not_keep_the_directions_is_refused() -> None:
    """Else the gate holds the model against one that `train` refuses."""
    with pytest.raises(ConfigError, match=r"alternatives\.learners.*logistic regressions: linear"):
        configurations(COLUMNS, params(learners=TWO_LEARNERS), BOUND)


def test_boosted_trees_keep_the_directions_of_the_shipped_configuration() -> None:
    trees = {"trees": {"family": "xgboost", "rounds": 10}}
    together = configurations(COLUMNS, params(learners=trees), BOUND)
    assert [item.train.monotone for item in together] == [{"quality": 1}] * 3
