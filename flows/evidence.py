"""What the commands about evidence share: a use case's log and chain, read once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import DataError, EvidenceError
from tasks.ledger.ledger import Ledger
from tasks.notary.notary import open_ledger, trusted_root
from tasks.system.digests import sha256_of
from tasks.system.installation import Installation
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import EVERYTHING, Log, Selection, read_log


@contextmanager
def opened(
    case: str, model: str | None, installation: Installation, *, whole: bool = False
) -> Iterator[tuple[Ledger, Log, Chain]]:
    """Give the ledger, the log and the chain of a model; by default the one that lies in `data/`.

    Args:
        case: A use case.
        model: `sha256:…`, or None.
        installation: Whose ledger.
        whole: Whether to keep every entry of the log, not just those about the use case.
    """
    selection = EVERYTHING if whole else Selection.of_case(case)
    digest = (model or model_here(case, installation.workspace)).removeprefix("sha256:").lower()
    ledger = open_ledger(installation)
    try:
        if ledger.head() is None:
            raise EvidenceError(
                "ledger",
                expected="entries",
                found="none",
                remedy=f"Run `./portcullis release {case}`.",
            )
        log = read_log(ledger, trusted_root(installation), selection)
        yield ledger, log, examine(log, case, digest)
    finally:
        ledger.close()


def model_here(case: str, workspace: Path) -> str:
    """Return the digest of the model that lies in `data/`."""
    path = workspace / "data" / case / "train" / "model"
    if not path.exists():
        raise DataError(
            path.as_posix(),
            expected="a model",
            found="none",
            remedy=f"Run `./portcullis release {case}`, or give --model.",
        )
    return sha256_of(path)
