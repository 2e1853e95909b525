"""The last look of a release: ledger, policy and registry, or it is not "registered".

That no stage refused says little. DVC runs nothing where nothing has changed, and a receipt is a
file like any other; since it was written a key may have been revoked, an approval may have expired,
or somebody may have moved an alias.
"""

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from tasks.clearance.check import AcceptedCheck, Clearance, clear_model
from tasks.config.cases import section
from tasks.errors import EvidenceError, Refusal, RefusalKind, RefusedError
from tasks.formats.digests import sha256_of
from tasks.notary.attempts import note_attempts
from tasks.notary.earlier_release import EarlierRelease
from tasks.path import PATH
from tasks.stages.register.params import RegisterParams
from tasks.system.installation import Installation
from tasks.verifier.lineage import MODEL, latest_decision
from tasks.worker.approving import find_model
from tasks.worker.mandate import Mandate
from tasks.worker.snapshot import open_snapshot

OPENS_REGISTRY = PATH[-1].name


@dataclass(frozen=True)
class Confirmation:
    """A registered model: its version, and what its registration rests on.

    `accepted` are the undecided checks that were accepted for it, `law_entry` the entry that says
    what is in force; None where none does.
    """

    model_sha256: str
    version: str
    accepted: tuple[AcceptedCheck, ...]
    law_entry: int | None = None


def confirm_registration(case: str, installation: Installation) -> Confirmation:
    """Return what is registered, if the model that lies in `data/` is.

    Raises:
        RefusedError: The latest decision about it is not PASSED, the policy refuses it today, or
            the registry does not hold its bytes under the name and alias of the use case.
        DataError: There is no model.
        ServiceError: The registry, or a policy engine, does not answer.
    """
    folder = find_model(case, installation.workspace)
    model_sha256 = sha256_of(folder)

    # By the configuration as it lies there now, read once for the policy and for the registry.
    mandate = Mandate.of(installation)
    with open_snapshot(installation, mandate.trees) as (_, snapshot):
        frozen = replace(installation, workspace=snapshot)
        params = section(case, OPENS_REGISTRY, RegisterParams, snapshot)
        clearance = clear_model(case, model_sha256, frozen, mode=mandate.mode)

    refusals = (*_undecided(case, clearance), *clearance.refusals)
    version = ""
    if not refusals:
        try:
            version = _version(params, folder, model_sha256, installation)
        except EvidenceError as error:
            text = (
                f"{error} `dvc repro --force --single-item {OPENS_REGISTRY}@{case}` publishes "
                "what is cleared."
            )
            refusals = (Refusal(RefusalKind.REGISTRATION_UNCONFIRMED, text),)
    if refusals:
        raise RefusedError(
            f"release of {case}", refusals, remedy="Mend what is named; nothing is taken on trust."
        )
    law_entry = clearance.law.index if clearance.law else None
    return Confirmation(model_sha256, version, clearance.accepted, law_entry)


def prepare_to_confirm() -> None:
    """Import what a look into the registry needs, ahead of it: MLflow takes two seconds."""
    for module in (
        "mlflow.pyfunc",
        "mlflow.store.tracking.sqlalchemy_store",  # the store of an installation of its own
        "tasks.registry.packing",
    ):
        import_module(module)


def note_attempts_here(
    case: str, installation: Installation
) -> tuple[tuple[str, ...], EarlierRelease | None]:
    """Return what people read of every attempt on the data of the model here, and the last release.

    Nothing where there is no model. A page for people is no place to fail at: where the ledger does
    not verify, which stops everything else, the line says so.
    """
    folder = installation.workspace / "data" / case / MODEL
    if not folder.exists():
        return (), None
    try:
        notes = note_attempts(case, sha256_of(folder), installation)
    except EvidenceError as error:
        return (f"they cannot be listed: {error}",), None
    return (notes.summary, *notes.lines), notes.earlier


def _undecided(case: str, clearance: Clearance) -> tuple[Refusal, ...]:
    """Return why the ledger does not say that this model was let in."""
    decision = latest_decision(clearance.chain, OPENS_REGISTRY)
    if decision is not None and decision.predicate.has_passed:
        return ()
    said = "no decision" if decision is None else f"entry {decision.index}: FAILED"
    text = (
        f"ledger: registration: {said} about this model; "
        f"`dvc repro --force --single-item {OPENS_REGISTRY}@{case}` decides anew"
    )
    return (Refusal(RefusalKind.REGISTRATION_UNCONFIRMED, text),)


def _version(
    params: RegisterParams, folder: Path, model_sha256: str, installation: Installation
) -> str:
    # Late: MLflow's client takes a second to import.
    from tasks.registry.client import find_published

    return find_published(params.model, params.alias, folder, model_sha256, installation)
