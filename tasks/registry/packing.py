"""Pack a model folder as an MLflow model with a signature. Its own text format stays as it is: no pickle."""

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.model import Scorer

LIBRARIES = {"lightgbm": "lightgbm", "xgboost": "xgboost-cpu", "logistic": "numpy"}


def pack(model_folder: Path, destination: Path) -> Path:
    """Write an MLflow pyfunc model to `destination`; `data/<folder>` in it holds exactly `model_folder`'s bytes."""
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    scorer = Scorer.load(model_folder)
    inputs = Schema(
        [
            ColSpec(DataType.string if name in scorer.categories else DataType.double, name)
            for name in scorer.features
        ]
    )
    outputs = Schema([ColSpec(DataType.double, "probability_favourable")])
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it asks for an input example: that would be a person's row
        mlflow.pyfunc.save_model(
            path=str(destination),
            loader_module="tasks.registry.packing",
            data_path=str(model_folder),
            signature=ModelSignature(inputs=inputs, outputs=outputs),
            pip_requirements=[
                f"{name}=={version(name)}" for name in (LIBRARIES[scorer.family], "numpy", "pandas")
            ],
        )
    return destination


class _Predictor:
    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002 - MLflow's signature
        return self._scorer.score(frame)


def _load_pyfunc(data_path: str) -> _Predictor:
    """MLflow's entry point for `mlflow.pyfunc.load_model`."""
    return _Predictor(Scorer.load(Path(data_path)))
