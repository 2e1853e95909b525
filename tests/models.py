"""Small decision models for tests: of each family, over a number and a category."""

import numpy as np
import pandas as pd

from tasks.adverse_action.composing import make_composites
from tasks.adverse_action.params import BackgroundParams
from tasks.learning.fitting import fit
from tasks.learning.params import TrainParams
from tasks.model import Contract, DecisionModel, Input, ReasonGroup, ReasonMap, Scorer
from tasks.model.families import Logistic
from tasks.model.loading import code_sha256

FAMILIES = ("lightgbm", "xgboost", "logistic")
INPUTS = (Input("income", fill=40.0), Input("debt"), Input("town", "A"), Input("town", "B"))
REASONS = ReasonMap(
    version="1",
    language="en",
    least_share=0.05,
    reasons=(
        ReasonGroup(
            code="A",
            features={"income": "below"},
            text="The income is low",
            translations={"de": "Das Einkommen ist niedrig"},
        ),
        ReasonGroup(
            code="B",
            features={"debt": "above"},
            text="The debts are high",
            translations={"de": "Die Schulden sind hoch"},
        ),
        ReasonGroup(
            code="C",
            features={"town": ("A", "B")},
            text="The town of the property",
            translations={"de": "Der Ort des Hauses"},
        ),
    ),
)
BACKGROUND = BackgroundParams(people="near_cutoff", rows=40, smallest_group=5, seed=1)


def applicants(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    """Make applicants; an income may be missing, and a town, of which training has seen two."""
    rng = np.random.default_rng(seed)
    towns = np.array(["A", "B", "rare", None], dtype=object)
    return pd.DataFrame(
        {
            "income": np.where(rng.random(rows) < 0.05, np.nan, rng.normal(50, 12, rows)),
            "debt": rng.normal(20, 6, rows).round(2),
            "town": pd.array(rng.choice(towns, rows), dtype="str"),
        }
    )


def decision_model(family: str = "lightgbm", cutoff: float = 0.6) -> DecisionModel:
    """Return a model that was fitted to `applicants()`."""
    rows = applicants()
    matrix = Scorer(family, INPUTS, logistic_of(np.zeros(4)), cutoff).matrix(rows)
    labels = (matrix[:, 0] - matrix[:, 1] + 5 * matrix[:, 2] > 30).astype(float)
    booster = fit(matrix, labels, np.ones(len(rows)), [c.name for c in INPUTS], params(family))
    return completed(Scorer(family, INPUTS, booster, cutoff), rows)


def income_model() -> DecisionModel:
    """Return a model of one column, which fits into one's head: it approves incomes above 0."""
    rows = pd.DataFrame({"income": np.linspace(-1, 1, 40)})
    reasons = ReasonMap(version="1", language="en", least_share=0.05, reasons=(REASONS.reasons[0],))
    scorer = Scorer("logistic", (Input("income"),), logistic_of(np.ones(1)), 0.5)
    return completed(scorer, rows, reasons)


def completed(scorer: Scorer, rows: pd.DataFrame, reasons: ReasonMap = REASONS) -> DecisionModel:
    """Return the scorer with contract, reasons and composites made of the first forty rows."""
    people = scorer.matrix(rows)[:40]
    return DecisionModel(
        scorer=scorer,
        contract=Contract.of(scorer, rows, code_sha256()),
        reasons=reasons,
        composites=make_composites(people, scorer.inputs, BACKGROUND),
    )


def logistic_of(weights: np.ndarray) -> Logistic:
    """Return a linear model of these weights, with nothing to centre or scale."""
    return Logistic(weights, 0.0, np.zeros(len(weights)), np.ones(len(weights)))


def params(family: str) -> TrainParams:
    """Return settings that fit within a moment."""
    return TrainParams(
        champion="none yet",
        family=family,
        seed=1,
        favourable=1,
        validation_ratio=0.2,
        test_ratio=0.2,
        folds=3,
        refits=1,
        cutoff={"rule": "approval_rate", "rate": 0.7},
        mitigation="none",
        rounds=500 if family == "logistic" else 20,
    )
