"""Load a registered model: its bytes are fetched once, judged, and only then made into a model."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tasks.errors import RefusedError
from tasks.registry.loading import fetch_model, load_fetched
from tasks.serving.judging import judge_serving
from tasks.system.installation import Installation

if TYPE_CHECKING:
    from tasks.model.loading import Predictor


@dataclass(frozen=True)
class LoadedModel:
    """A model that may serve, and which it is."""

    name: str
    version: str
    case: str
    model_sha256: str
    predictor: "Predictor"

    def predict(self, rows: Any, language: str | None = None) -> Any:
        """Return score, decision and reasons of each row."""
        return self.predictor.predict(rows, {"language": language})


def load_model(uri: str, installation: Installation) -> LoadedModel:
    """Load `models:/name@alias` or `models:/name/7`, if it may decide today.

    The bytes are downloaded once, into a folder that this account alone may open; they are digested
    there, the ledger is asked about that digest, and what is loaded is what was digested. What the
    registry says of itself (tags, who made a version) opens nothing.

    Raises:
        RefusedError: Its evidence does not verify, it is not cleared (any more), or too many of the
            people whom it learnt from were erased since.
        EvidenceError: There is no such version, or its files are not those of a packed model.
        ConfigError: The URI has another form.
        ServiceError: The registry, or the key store, does not answer.
    """
    with TemporaryDirectory(prefix="portcullis-load-") as scratch:  # of mode 0700
        fetched = fetch_model(uri, Path(scratch), installation)
        refusals = judge_serving(fetched.name, fetched.case, fetched.model_sha256, installation)
        if refusals:
            raise RefusedError(
                f"{fetched.name} version {fetched.version}",
                refusals,
                remedy="Nothing of it was loaded: release a model that is cleared today.",
            )
        predictor = load_fetched(fetched)
    return LoadedModel(fetched.name, fetched.version, fetched.case, fetched.model_sha256, predictor)
