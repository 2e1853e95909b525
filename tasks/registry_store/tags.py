"""What the tags that begin with `portcullis.` may say: what the evidence says, and nothing else."""

from collections.abc import Callable, Mapping

from tasks.attestation.predicates.provenance import Provenance
from tasks.errors import EvidenceError
from tasks.notary.attempts import summarise_attempts
from tasks.registry.client import (
    ATTEMPTS_TAG,
    CASE_TAG,
    CODE_TAG,
    DECISION_TAG,
    ENTRY_TAG,
    MODEL_TAG,
    ORIGIN_TAG,
    PLAN_TAG,
    REASONS_TAG,
    TRAINED_ON_TAG,
)
from tasks.registry_store.verifying import Cleared
from tasks.verifier.log_reader import Log

PREFIX = "portcullis."
PROMPT_PREFIX = "mlflow.prompt"  # such a tag makes a prompt of a model, which has no evidence
GATE_PREFIX = "portcullis.gate."
DATA_PREFIX = "portcullis.data."
# Said by no statement: taken while the evidence is recent, as a new version is, and not later.
UNSIGNED = (
    CODE_TAG,
    REASONS_TAG,
    TRAINED_ON_TAG,
    "portcullis.git_commit",
    "portcullis.git_dirty",
    "portcullis.not_measured",
    "portcullis.dossier_sha256",
)
# Without them a version would not say which model it is.
REQUIRED = (MODEL_TAG, DECISION_TAG, CASE_TAG, ORIGIN_TAG, ENTRY_TAG)


def require_version_tags(tags: Mapping[str, str], cleared: Cleared) -> None:
    """Refuse the tags of a new version where one says something else than the evidence.

    Raises:
        EvidenceError: One does, or one is missing that says which model it is.
    """
    for key in REQUIRED:
        if key not in tags:
            raise _refused(f"`{key}`", "missing")
    for key, value in tags.items():
        require_version_tag(key, value, cleared)


def require_version_tag(key: str, value: str, cleared: Cleared) -> None:
    """Refuse one tag of a version; of those in `UNSIGNED` the evidence has to be recent.

    Raises:
        EvidenceError: It says something else than the evidence.
    """
    if is_ours(key) and key not in UNSIGNED and not _is_signed(key, value, cleared):
        raise _refused("each tag as the evidence has it", "another")


def require_model_tags(tags: Mapping[str, str], use_case: str, log_origin: str) -> None:
    """Refuse tags of a registered model that say another owner than is pinned on this server.

    Raises:
        EvidenceError: One does.
    """
    pinned = {CASE_TAG: use_case, ORIGIN_TAG: log_origin}
    for key, value in tags.items():
        if is_ours(key) and pinned.get(key) != value:
            raise _refused("the owner that is pinned on this server", "another, or another tag")


def is_ours(key: str) -> bool:
    """Say whether a tag is one that means something to a program; in any spelling.

    Raises:
        EvidenceError: It would make a prompt of a model.
    """
    name = key.strip().casefold()
    if name.startswith(PROMPT_PREFIX):
        raise _refused("a model", "the tag of a prompt")
    return name.startswith(PREFIX)


def _is_signed(key: str, value: str, cleared: Cleared) -> bool:
    chain = cleared.chain
    signed_values: dict[str, Callable[[], str | None]] = {
        MODEL_TAG: lambda: chain.model_sha256,
        CASE_TAG: lambda: chain.case,
        ORIGIN_TAG: lambda: cleared.log.head.origin,
        ENTRY_TAG: lambda: str(cleared.decision.index),
        PLAN_TAG: lambda: chain.plan.sha256 if chain.plan else "",
        ATTEMPTS_TAG: lambda: summarise_attempts(cleared.log, chain),
    }

    if key == DECISION_TAG:
        return _was_decided(value, chain.case, cleared.log)

    if key.startswith(GATE_PREFIX):
        verdict = chain.verdicts.get(key.removeprefix(GATE_PREFIX))
        return verdict is not None and verdict.outcome == value

    if key.startswith(DATA_PREFIX):
        name = f"{chain.case}/{key.removeprefix(DATA_PREFIX)}"
        return chain.artefacts().get(name) == value

    return key in signed_values and signed_values[key]() == value


def _was_decided(decision_sha256: str, case: str, log: Log) -> bool:
    """Say whether the stage `decide` made a decision file of this digest."""
    decisions = log.statements(Provenance, f"{case}/decide/decision.json", decision_sha256)
    return any(signed.predicate.run.stage == "decide" for signed in decisions)


def _refused(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "tag",
        expected=expected,
        found=found,
        remedy="Nothing was changed: tags that begin with `portcullis.` come with a release.",
    )
