"""Who signs receipts, and where they stand: a small interface in front of the ledger of evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tasks.attestation.roles import ERASER, ERASURE
from tasks.attestation.statement import Artefact, Statement
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import read_log, verified

PREFIX = "erasure/"


@dataclass(frozen=True)
class Said:
    """One statement about one request: its name and digest, and what is said. Nothing in it names anybody."""

    name: str
    sha256: str
    predicate: dict[str, Any]


class Notary(Protocol):
    """Signs and keeps statements about erasures."""

    def record(self, statements: Sequence[Said]) -> None:
        """Sign statements and keep them for good; the same one is kept once, however often it is said."""

    def recorded(self, name: str) -> list[dict[str, Any]]:
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
        known = [(one.name, one.predicate) for one in self._all(PREFIX)]
        new = [one for one in statements if (one.name, one.predicate) not in known]
        if new:
            with open_notary(self._installation) as notary:
                notary.record_all(
                    [
                        Statement((Artefact(one.name, one.sha256),), ERASURE, one.predicate)
                        for one in new
                    ]
                )

    def recorded(self, name: str) -> list[dict[str, Any]]:
        """Read the whole log, which has to derive, and verify each statement by the role's key."""
        return [one.predicate for one in self._all(name) if one.name == name]

    def _all(self, mark: str) -> list[Said]:
        ledger = open_ledger(self._installation)
        try:
            if ledger.head() is None:
                return []
            log = read_log(
                ledger,
                trusted_root(self._installation),
                lambda payload: f'"{mark}'.encode() in payload,
            )
            found = []
            for entry in log.entries:
                if ERASURE.encode() not in entry.envelope.payload:
                    continue
                signed = verified(entry, log.keys)
                if signed.statement.predicate_type == ERASURE and ERASER in signed.key.roles:
                    (about,) = signed.statement.subjects
                    found.append(Said(about.name, about.sha256, signed.statement.predicate))
            return found
        finally:
            ledger.close()
