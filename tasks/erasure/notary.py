"""Who signs receipts, and where they stand: a small interface in front of the ledger of evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.attestation.predicates.erasure import ErasureStatement
from tasks.attestation.statement import Artefact
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import Selection, read_log

PREFIX = "erasure/"


@dataclass(frozen=True)
class Said:
    """One statement about one request: its name and digest, and what is said. Nothing in it names anybody."""

    name: str
    sha256: str
    predicate: ErasureStatement


class Notary(Protocol):
    """Signs and keeps statements about erasures."""

    def record(self, statements: Sequence[Said]) -> None:
        """Sign statements and keep them for good; the same one is kept once, however often it is said."""

    def recorded(self, name: str) -> list[ErasureStatement]:
        """Return what was said under a name, oldest first, each signature verified.

        Raises:
            EvidenceError: What is kept was altered.
        """


class LedgerNotary:
    """The ledger of this installation: `tasks.notary`."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def record(self, statements: Sequence[Said]) -> None:
        """Append those that are not there yet, in one transaction."""
        known = [(one.name, one.predicate) for one in self._all()]
        new = [one for one in statements if (one.name, one.predicate) not in known]
        if new:
            with open_notary(self._installation) as notary:
                notary.record_all(
                    [one.predicate.about(Artefact(one.name, one.sha256)) for one in new]
                )

    def recorded(self, name: str) -> list[ErasureStatement]:
        """Read the whole log, which has to derive, and verify each statement by the role's key."""
        return [one.predicate for one in self._all(name)]

    def _all(self, name: str = "") -> list[Said]:
        """Return what was said about a request by its name, or about every request."""
        ledger = open_ledger(self._installation)
        try:
            if ledger.head() is None:
                return []
            selection = Selection.of_names(name or PREFIX)
            log = read_log(ledger, trusted_root(self._installation), selection)
            return [
                Said(subject.name, subject.sha256, signed.predicate)
                for signed in log.required_statements(ErasureStatement, name)
                for subject in signed.subjects
            ]
        finally:
            ledger.close()
