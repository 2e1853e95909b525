"""The declared grid, put together: the shipped configuration first, then every alternative."""

from dataclasses import dataclass
from itertools import product

from tasks.config.cases import Columns
from tasks.learning.params import TrainParams
from tasks.learning.training import features_of
from tasks.stages.alternatives.params import (
    AlternativesParams,
    require_learners_keep_directions,
)

SHIPPED = "shipped"


@dataclass(frozen=True)
class Configuration:
    """One way to train; `name` is put together from names of the use case."""

    name: str
    train: TrainParams
    features: tuple[str, ...]


def configurations(
    columns: Columns, params: AlternativesParams, train: TrainParams
) -> tuple[Configuration, ...]:
    """Return the shipped configuration and all others, in the order in which they are declared.

    One that comes to the same as an earlier one is left out: a set that leaves out what `train`
    leaves out anyway, or the shipped configuration itself.

    Raises:
        ConfigError: A mitigation or a set of features names columns of another role, or leaves
            none; or a learner cannot be held to `train.monotone`.
    """
    require_learners_keep_directions(params, train)
    shipped = Configuration(SHIPPED, train, features_of(columns, train))
    together = [shipped]
    # A list: a dictionary of parameters has no hash, but compares by value.
    known = [(_comparable(train), shipped.features)]

    # Complete, in the order declared: what was searched is the plan, and no result steers the
    # search, so that a single test on the other half is enough.
    grid = product(params.learners.items(), params.mitigations.items(), params.features.items())
    for (learner_name, learner), (mitigation_name, mitigation), (set_name, left_out) in grid:
        # All other settings are those of `train`: cut-off, seeds and what may not be used. The
        # reason for leaving a feature out is only shown, so `_comparable` drops it.
        declared = train.model_copy(
            update={
                **learner.model_dump(),
                **mitigation.model_dump(),
                "left_out": {**train.left_out, **dict.fromkeys(left_out, f"not in {set_name}")},
            }
        )
        features = features_of(columns, declared)

        key = (_comparable(declared), features)
        if key not in known:
            known.append(key)
            name = f"{learner_name} / {mitigation_name} / {set_name}"
            together.append(Configuration(name, declared, features))
    return tuple(together)


def _comparable(train: TrainParams) -> TrainParams:
    """Return the settings without the reasons why features are left out."""
    return train.model_copy(update={"left_out": {}})
