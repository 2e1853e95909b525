"""A small model that was let in, as it is handed to the registry."""

from pathlib import Path

from tasks.formats.digests import sha256_of
from tasks.registry import Publication
from tasks.registry.client import TrainingData
from tests.models import income_model


def publication(folder: Path, log_origin: str = "log.example") -> Publication:
    """Save a model and a verdict below a folder; return them as a release would publish them."""
    model = folder / "model"
    model.mkdir()
    income_model().save(model)
    verdict = folder / "verdict.json"
    verdict.write_text("{}")

    return Publication(
        name="loan",
        experiment="loan",
        alias="candidate",
        use_case="loan",
        log_origin=log_origin,
        log_entry=41,
        model_folder=model,
        model_sha256=sha256_of(model),
        decision_sha256="d" * 64,
        params={"use_case": "loan"},
        metrics={"fairness/ratio, black (race)": 0.9},
        tags={"portcullis.gate.fairness": "pass"},
        documents={"evidence/fairness": verdict},
        description="What it decides",
        trained_on=TrainingData(name="loan/rows", sha256="a" * 64, rows=20, columns=("income",)),
    )
