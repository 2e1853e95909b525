"""Load a registered model: its bytes are fetched once, judged, and only then made into a model."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tasks.errors import EvidenceError, Refusal, RefusalKind, RefusedError
from tasks.registry.loading import FetchedModel, fetch_model, load_fetched, require_judged_code
from tasks.serving.judging import ServingCheck, check_serving
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
        # Before anything of it is made into an object: no file of a model that may not serve is
        # read as one.
        refusals = _refusals(_check(fetched, installation))
        if refusals:
            raise RefusedError(
                f"{fetched.name} version {fetched.version}",
                refusals,
                remedy="Nothing of it was loaded: release a model that is cleared today.",
            )
        predictor = load_fetched(fetched)

    return LoadedModel(fetched.name, fetched.version, fetched.case, fetched.model_sha256, predictor)


@dataclass(frozen=True)
class VerifiedModel:
    """What stands between a registered model and being loaded, without anything of it loaded."""

    name: str
    version: str
    case: str
    model_sha256: str
    checks: tuple[ServingCheck, ...]

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Everything that speaks against it."""
        return _refusals(self.checks)


def verify_model(uri: str, installation: Installation) -> VerifiedModel:
    """Ask all that `load_model` asks, and load nothing: no file is made into an object.

    Raises:
        EvidenceError: There is no such version, or its files are not those of a packed model.
        ConfigError: The URI has another form.
        ServiceError: The registry, or the key store, does not answer.
    """
    with TemporaryDirectory(prefix="portcullis-verify-") as scratch:
        fetched = fetch_model(uri, Path(scratch), installation)
        # `fetch_model` has raised where they are not: by here this question is answered.
        files = ServingCheck("serving.files", "the files of a packed model, and no code", ())
        checks = (files, _check_code(fetched), *_check(fetched, installation))
    return VerifiedModel(fetched.name, fetched.version, fetched.case, fetched.model_sha256, checks)


def _check(fetched: FetchedModel, installation: Installation) -> tuple[ServingCheck, ...]:
    return check_serving(
        fetched.name,
        fetched.case,
        fetched.model_sha256,
        installation,
        alias=fetched.alias,
        report=fetched.report,
    )


def _check_code(fetched: FetchedModel) -> ServingCheck:
    refusals: tuple[Refusal, ...] = ()
    try:
        require_judged_code(fetched)
    except EvidenceError as error:
        refusals = (Refusal(RefusalKind.REGISTRATION_UNCONFIRMED, f"code: {error}"),)
    return ServingCheck("serving.code", "the code that it was judged with", refusals)


def _refusals(checks: tuple[ServingCheck, ...]) -> tuple[Refusal, ...]:
    return tuple(refusal for check in checks for refusal in check.refusals)
