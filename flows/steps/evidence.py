"""The evidence about a model, read once: the ledger, its verified log, and the model's chain."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import DataError, EvidenceError
from tasks.formats.digests import sha256_of
from tasks.ledger.ledger import Ledger
from tasks.notary.notary import open_ledger, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import EVERYTHING, Log, Selection, read_log


@contextmanager
def open_chain(
    case: str, model: str | None, installation: Installation, *, is_whole: bool = False
) -> Iterator[tuple[Ledger, Log, Chain]]:
    """Yield the ledger, the log and the chain of a model; by default of the model in `data/`.

    Args:
        case: A use case.
        model: `sha256:…`, or None.
        installation: Whose ledger.
        is_whole: Whether to keep every entry of the log, and not only those about the use case.

    Raises:
        EvidenceError: The ledger is empty, or does not verify.
        DataError: No model is named, and none is in `data/`.
    """
    named = model or model_sha256_in_data(case, installation.workspace)
    model_sha256 = named.removeprefix("sha256:").lower()
    selection = EVERYTHING if is_whole else Selection.of_case(case)

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
        yield ledger, log, examine(log, case, model_sha256)
    finally:
        ledger.close()


def model_sha256_in_data(case: str, workspace: Path) -> str:
    """Return the digest of the model that the last training left in `data/`.

    Raises:
        DataError: There is none.
    """
    path = workspace / "data" / case / "train" / "model"
    if not path.exists():
        raise DataError(
            path.as_posix(),
            expected="a model",
            found="none",
            remedy=f"Run `./portcullis release {case}`, or give --model.",
        )
    return sha256_of(path)
