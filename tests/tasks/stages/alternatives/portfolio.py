"""A small portfolio of people, and a grid that is fitted within a moment."""

import numpy as np
import pandas as pd

from tasks.config.cases import Columns
from tasks.learning.params import TrainParams
from tasks.stages.alternatives.params import AlternativesLimits, AlternativesParams, JudgedGroups

LIMITS = AlternativesLimits(decline_ratio_reduction=0.1, detectable_reduction=0.2)
JUDGED = JudgedGroups(privileged={"race": "a"}, cutoffs=(0.8,))
COLUMNS = Columns.model_validate(
    {
        "quality": {"role": "feature", "source": "s"},
        "proxy": {"role": "feature", "source": "s"},
        "race": {"role": "protected", "source": "s", "kind": "category"},
        "good": {"role": "target", "source": "s", "kind": "flag"},
    }
)
TRAIN = TrainParams.model_validate(
    {
        "champion": "none yet",
        "family": "logistic",
        "seed": 1,
        "favourable": 1,
        "validation_ratio": 0.2,
        "test_ratio": 0.2,
        "folds": 3,
        "refits": 1,
        "cutoff": {"rule": "approval_rate", "rate": 0.8},
        "mitigation": "none",
        "rounds": 100,
    }
)
GRID = {
    "learners": {"linear": {"family": "logistic", "rounds": 100}},
    "mitigations": {"unmitigated": {"mitigation": "none"}},
    "features": {"all": (), "without proxy": ("proxy",)},
    "loss_of_auc": 0.01,
    "people": 10_000,
    "smallest_group_rows": 30,
    "folds": 2,
    "seeds": 2,
    "draws": 200,
    "seed": 1,
}


def params(**changes: object) -> AlternativesParams:
    """Return the grid with changes."""
    return AlternativesParams.model_validate({**GRID, **changes})


def people(rows: int, *, prejudice: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Make people of whom a third are in group `b`, which a proxy tells.

    `prejudice` is the share of good members of `b` who were labelled bad: a model with the proxy
    learns it, and one without cannot.
    """
    rng = np.random.default_rng(seed)
    is_member = rng.random(rows) < 1 / 3
    quality = rng.normal(size=rows)
    good = quality + 0.5 * rng.logistic(size=rows) > -1
    good &= ~(is_member & (rng.random(rows) < prejudice))
    return pd.DataFrame(
        {
            "subject": [f"{number:032x}" for number in range(rows)],
            "person": np.arange(rows),
            "quality": quality,
            "proxy": is_member + rng.normal(scale=0.3, size=rows),
            "race": pd.array(np.where(is_member, "b", "a"), dtype="str"),
            "good": good.astype(int),
        }
    )
