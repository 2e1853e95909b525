"""The last look of a release: ledger, policy and registry, or it is not "registered".

That no stage refused says little. DVC runs nothing where nothing has changed, and a receipt is a
file like any other; since it was written a key may have been revoked, an approval may have expired,
or somebody may have moved an alias. Nor does DVC look into a file that has its old size and time:
so what lies here is held against what was signed for, byte by byte.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from tasks.clearance.check import AcceptedCheck, Clearance, clear_model
from tasks.config.cases import section
from tasks.errors import EvidenceError, Refusal, RefusalKind, RefusedError
from tasks.formats.digests import sha256_of
from tasks.notary.attempts import list_releases, note_attempts
from tasks.notary.earlier_release import EarlierRelease
from tasks.notary.past_releases import PastRelease
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

    # The registry last, and only where nothing else speaks against it: it is a service elsewhere,
    # and no version of it makes up for a decision that is not there.
    refusals = (
        *_undecided(case, clearance),
        *clearance.refusals,
        *_changed(case, clearance, installation.workspace),
    )
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
    """Import what a look into the registry needs, ahead of it: MLflow takes a second.

    Not its store, which an installation of its own is spared (`tasks.registry.own_file`).
    """
    for module in ("mlflow.pyfunc", "tasks.registry.packing"):
        import_module(module)


@dataclass(frozen=True)
class ReleaseHistory:
    """What the ledger knows of a use case, for the page of its release.

    Attributes:
        attempts: A line for each attempt on the data of the model here.
        earlier: The model that was let in before it.
        releases: Every model of the use case that was decided on, the latest last.
        made_seconds: Stage -> what the run took that made what lies here, by its signed times.
    """

    attempts: tuple[str, ...] = ()
    earlier: EarlierRelease | None = None
    releases: tuple[PastRelease, ...] = ()
    made_seconds: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "attempts": list(self.attempts),
            "earlier": self.earlier.to_dict() if self.earlier else None,
            "releases": [release.to_dict() for release in self.releases],
            "made_seconds": dict(self.made_seconds),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is something else.
        """
        match values:
            case {
                "attempts": [*attempts],
                "earlier": earlier,
                "releases": [*releases],
                "made_seconds": dict(made_seconds),
            }:
                return cls(
                    tuple(map(str, attempts)),
                    None if earlier is None else EarlierRelease.from_dict(earlier),
                    tuple(map(PastRelease.from_dict, releases)),
                    {str(stage): int(taken) for stage, taken in made_seconds.items()},
                )
            case _:
                raise ValueError("not what the ledger knows of a use case")


def note_history_here(case: str, installation: Installation) -> ReleaseHistory:
    """Return what the ledger knows of the use case whose model lies here.

    Without a model there are no attempts on its data. A page for people is no place to fail at:
    where the ledger does not verify, which stops everything else, the line says so.
    """
    folder = installation.workspace / "data" / case / MODEL
    try:
        if not folder.exists():
            return ReleaseHistory(releases=list_releases(case, installation))
        notes = note_attempts(case, sha256_of(folder), installation)
    except EvidenceError as error:
        return ReleaseHistory((f"they cannot be listed: {error}",))

    return ReleaseHistory(
        (notes.summary, *notes.lines), notes.earlier, notes.releases, notes.made_seconds
    )


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


def _changed(case: str, clearance: Clearance, workspace: Path) -> Iterator[Refusal]:
    """Yield a refusal for each verdict, and each file that the model was made of, of other bytes.

    What is absent is DVC's to notice.
    """
    chain = clearance.chain
    signed = [(step.stage, step.name, step.sha256) for step in chain.steps]
    signed += [
        (gate, f"{case}/{gate}/verdict.json", verdict.report_sha256)
        for gate, verdict in chain.verdicts.items()
    ]
    for stage, name, sha256 in signed:
        path = workspace / "data" / name
        # By bytes, since DVC takes a file of its old size and time for unchanged.
        if not path.exists() or sha256_of(path) == sha256:
            continue

        text = (
            f"data/{name}: other bytes than were signed for; "
            f"`dvc repro --force --single-item {stage}@{case}` makes it anew"
        )
        yield Refusal(RefusalKind.SUBJECT_CHANGED, text)


def _version(
    params: RegisterParams, folder: Path, model_sha256: str, installation: Installation
) -> str:
    # Late: MLflow's client takes a second to import.
    from tasks.registry.client import find_published

    return find_published(params.model, params.alias, folder, model_sha256, installation)
