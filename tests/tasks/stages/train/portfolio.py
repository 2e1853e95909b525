"""A small portfolio and parameters that fit to it, for the tests of this room."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.adverse_action.params import BackgroundParams
from tasks.config.cases import Columns
from tasks.learning.params import TrainParams
from tasks.learning.training import Trained
from tasks.model import DecisionModel
from tasks.model.contract import judged_columns
from tasks.stages.train.completing import complete_model
from tests.models import REASONS

COLUMNS = Columns.model_validate(
    {
        "income": {"role": "feature", "source": "a"},
        "debt": {"role": "feature", "source": "a"},
        "town": {"role": "feature", "source": "a", "kind": "category"},
        "race": {"role": "protected", "source": "a", "kind": "category"},
        "good": {"role": "target", "source": "a", "kind": "flag"},
    }
)


def train_params(**changes: Any) -> TrainParams:
    values: dict[str, Any] = {
        "champion": "none yet",
        "family": "lightgbm",
        "seed": 1,
        "favourable": 1,
        "validation_ratio": 0.2,
        "test_ratio": 0.2,
        "folds": 3,
        "refits": 2,
        "cutoff": {"rule": "approval_rate", "rate": 0.7},
        "mitigation": "none",
        "rounds": 10,
    }
    return TrainParams.model_validate(values | changes)


def portfolio(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Return applications of which everybody makes two; more income and less debt are good."""
    rng = np.random.default_rng(seed)
    income = rng.normal(size=rows)
    debt = rng.normal(size=rows)
    return pd.DataFrame(
        {
            "subject": [f"{row // 2:032x}" for row in range(rows)],
            "person": np.arange(rows) // 2,
            "income": np.where(rng.random(rows) < 0.05, np.nan, income),
            "debt": debt,
            "town": pd.Series(rng.choice(np.array(["A", "B", None]), rows), dtype="str"),
            "race": pd.array(rng.choice(["x", "y"], rows), dtype="str"),
            "good": (income - debt + rng.normal(size=rows) > -0.5).astype(int),
        }
    )


def complete(
    applicants: pd.DataFrame, trained: Trained, background: BackgroundParams
) -> DecisionModel:
    """Return what was trained on applicants, with all that its decisions rest on."""
    scorer = trained.scorer
    judged = judged_columns(scorer.inputs, applicants)
    return complete_model(scorer.matrix(applicants), judged, trained, REASONS, background)
