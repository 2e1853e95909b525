"""What people have signed on their own machines, checked and recorded by the worker."""

from pathlib import Path

from tasks.attestation.dsse import read_envelope
from tasks.clearance.check import clear_model
from tasks.errors import APPROVAL_KINDS, DataError
from tasks.formats.digests import sha256_of
from tasks.notary.notary import Recorded, open_ledger, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.approvals import check
from tasks.verifier.lineage import MODEL, examine
from tasks.verifier.log_reader import Selection, read_log
from tasks.worker.mandate import Mandate


def find_model(case: str, workspace: Path, *, alternative: str = "") -> Path:
    """Return the folder of the model that the last training left.

    Args:
        case: A use case.
        workspace: Where its `data/` lies.
        alternative: What the command could be told instead, for the error's remedy.

    Raises:
        DataError: There is none.
    """
    path = workspace / "data" / case / MODEL
    if not path.exists():
        raise DataError(
            path.as_posix(),
            expected="a model",
            found="none",
            remedy=f"Run `./portcullis release {case}`{alternative}.",
        )

    return path


def model_here(case: str, installation: Installation) -> str:
    """Return the digest of the model that the last training left.

    Raises:
        DataError: There is none.
    """
    return sha256_of(find_model(case, installation.workspace))


def lacks_only_approval(case: str, model: str, installation: Installation) -> bool:
    """Say whether a model would be registered if a second person approved it.

    The use case may ask for an approval, and so may what is in force: the refusals alone say it.
    """
    mode = Mandate.of(installation).mode
    refusals = clear_model(case, model, installation, mode=mode).refusals
    return bool(refusals) and all(refusal.kind in APPROVAL_KINDS for refusal in refusals)


def record_consent(data: bytes, case: str, model: str, installation: Installation) -> Recorded:
    """Record an approval or acceptance, given as the bytes of its envelope, if it counts.

    Who hands it in does not matter: it is checked by the rules of every later reader.

    Raises:
        EvidenceError: It does not count; nothing was recorded.
    """
    envelope = read_envelope(data.strip(), "the approval")
    ledger = open_ledger(installation)
    try:
        log = read_log(ledger, trusted_root(installation), Selection.of_case(case))
        # A key that is revoked between this and the append counts for nothing there: readers ask by
        # the index.
        check(envelope, log, examine(log, case, model), Mandate.of(installation).mode)
    finally:
        ledger.close()

    with open_notary(installation) as notary:
        return notary.append_signed([envelope])[0]
