"""The circumstances of one run of a stage, which several predicates of that run repeat."""

from dataclasses import dataclass, field

from tasks.attestation.predicates.code_identity import CodeIdentity

LOCAL = "local"


def effective_mode(mode: str) -> str:
    """Return what a statement's mode counts as: what was signed before there were modes is local.

    A statement that says none keeps saying none: its bytes are what was signed.
    """
    return mode or LOCAL


@dataclass(frozen=True)
class Circumstances:
    """Of one run of a stage, as its worker found them. Times are RFC 3339, UTC."""

    stage: str
    case: str
    invocation: str
    started: str  # for people: nothing is ordered by it
    finished: str
    started_by: str
    commit: str  # empty outside git
    commit_author_sha256: str
    dirty: tuple[str, ...]  # paths of code and configuration that differ from the commit
    params_sha256: dict[str, str]
    lock_sha256: str  # dvc.lock as it was before the stage
    tools: dict[str, str]

    # Rows unsealed and shredded: only the stage can know them, so they are marked as claimed.
    claimed: dict[str, int] = field(default_factory=dict)

    # In which mode the worker ran (`tasks.worker.mandate`), why the service released the commit,
    # and how the stage's code was kept apart: account, network, processes. Nothing where it was
    # not. Of a time before there were modes it is empty, and counts as local: `effective_mode`.
    mode: str = ""
    ref: str = ""
    signer: str = ""
    isolation: dict[str, str] = field(default_factory=dict)

    # Where the stage computed, as it says itself: one process, several, or a cluster
    # (`tasks.engines`). Empty of a stage that has no engine, and of a time before there was one.
    engine: dict[str, str] = field(default_factory=dict)

    # None in statements of a time before it was measured.
    code: CodeIdentity | None = None
    # The date that stood in for today's, by PORTCULLIS_TODAY: what ran under it clears nothing.
    drill: str = ""
