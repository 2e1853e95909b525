"""The evidence about a model, read once: the ledger, its verified log, and the model's chain."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import EvidenceError
from tasks.formats.digests import sha256_of
from tasks.ledger.ledger import Ledger
from tasks.notary.notary import open_ledger, open_pin, open_store, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.bundle import require_model_sha256
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import EVERYTHING, Log, Selection, read_log
from tasks.worker.approving import find_model


class EmptyLedgerError(EvidenceError):
    """Nothing was ever signed for here."""


@contextmanager
def open_chain(
    case: str,
    model: str | None,
    installation: Installation,
    *,
    is_whole: bool = False,
    root_keyid: str | None = None,
    may_be_unpinned: bool = False,
) -> Iterator[tuple[Ledger, Log, Chain]]:
    """Yield the ledger, the log and the chain of a model; by default of the model in `data/`.

    Args:
        case: A use case.
        model: `sha256:…`, or None.
        installation: Whose ledger.
        is_whole: Whether to keep every entry of the log, and not only those about the use case and
            the lineages of other use cases' models.
        root_keyid: The root key to trust; None for the one that this installation trusts.
        may_be_unpinned: Whether a log whose pin is missing is read all the same. Where no root key
            is named then either, it is the one that the log itself claims, which proves nothing.

    Raises:
        EmptyLedgerError: Nothing was ever signed for here.
        EvidenceError: The ledger does not verify.
        ConfigError: What is named is no digest.
        DataError: No model is named, and none is in `data/`.
    """
    if model is None:
        model_sha256 = model_sha256_in_data(case, installation.workspace)
    else:
        model_sha256 = require_model_sha256(model)
    selection = EVERYTHING if is_whole else Selection.of_case_and_lineages(case)

    # The pin of this installation is what tells a log that was rolled back. `Ledger` without one
    # reads it all the same, which only `verify` may, and says so in its answer.
    is_unpinned = may_be_unpinned and not open_pin(installation).is_set()
    ledger = Ledger(open_store(installation)) if is_unpinned else open_ledger(installation)
    try:
        head = ledger.head()
        if head is None:
            # Empty, and not emptied: a pin that has seen entries says so.
            if ledger.pin:
                ledger.pin.check(ledger, None)
            raise EmptyLedgerError(
                "ledger",
                expected="entries",
                found="none",
                remedy=f"Run `./portcullis release {case}`.",
            )

        # What was named, then what this installation trusts.
        trusted = root_keyid or trusted_root(installation)
        if is_unpinned and not trusted:
            trusted = head.origin.rpartition("/")[2]
        log = read_log(ledger, trusted, selection)
        yield ledger, log, examine(log, case, model_sha256)
    finally:
        ledger.close()


def model_sha256_in_data(case: str, workspace: Path) -> str:
    """Return the digest of the model that the last training left in `data/`.

    Raises:
        DataError: There is none.
    """
    return sha256_of(find_model(case, workspace, alternative=", or give --model"))
