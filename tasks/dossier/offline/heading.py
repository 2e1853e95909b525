"""What a dossier says of itself, held against the bundle and against its own rows."""

from typing import Any

from tasks.dossier.offline.rows import ANSWERED, NOT_APPLICABLE
from tasks.verifier.bundle import Verified

CONTROLS = "controls"  # the page with a row for every requirement


def heading_faults(values: Any, bundle: Verified, *, is_let_in: bool) -> list[str]:
    """Return what the head of `dossier.json` says, and the bundle or the rows do not.

    Args:
        values: The index of the dossier, which nobody signed.
        bundle: The bundle beside it, verified.
        is_let_in: Whether the model is registered, by the bundle.
    """
    head = bundle.log.head
    faults = []

    # 1. One model, one use case, one state of the ledger: a good bundle of another release would
    #    else lend its signatures to these pages.
    if values["model"]["sha256"] != bundle.chain.model_sha256:
        faults.append("the dossier is about another model than the bundle")
    if values["useCase"] != bundle.chain.case:
        faults.append("the dossier is about another use case than the bundle")
    log = values["log"]
    is_same_log = (log["origin"], log["size"]) == (head.origin, head.size)
    if not is_same_log or log["root"] != head.root_hash.hex():
        faults.append("the dossier is of another state of the ledger than the bundle")

    # 2. What the release came to. A bundle that is a part of the log may lack what speaks against
    #    the model, so that it never contradicts a dossier that says less.
    is_said = values["isRegistered"]
    if is_said is not is_let_in and (is_said or bundle.is_complete):
        state = "registered" if is_let_in else "not registered"
        faults.append(f"by the bundle the model is {state}, and the dossier says otherwise")

    return faults + _readiness_faults(values)


def _readiness_faults(values: Any) -> list[str]:
    """Return where requirements stand otherwise than their rows, or are counted otherwise."""
    requirements = values["requirements"]
    standings = {row["labels"][0]: row["standing"] for row in values["pages"].get(CONTROLS, ())}
    faults = [
        f"requirement {row['id']} does not stand as {row['standing']} on its page"
        for row in requirements
        if standings.get(row["id"]) != row["standing"]
    ]

    counted = [
        row["standing"]
        for row in requirements
        if not row["isAhead"] and row["standing"] != NOT_APPLICABLE
    ]
    answered = counted.count(ANSWERED)
    readiness = values["readiness"]
    if (readiness["answered"], readiness["required"]) != (answered, len(counted)):
        faults.append(f"{answered} of {len(counted)} are answered, and the dossier counts others")
    elif readiness["ratio"] != (round(answered / len(counted), 3) if counted else 1.0):
        faults.append("the share that is answered is another")
    return faults
