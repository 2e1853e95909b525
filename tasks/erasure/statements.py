"""What is signed about an erasure, and the log in which it stands: a small part of the ledger."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tasks.attestation.predicates.erasure import ErasureStatement
from tasks.attestation.statement import Artefact
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import Selection, read_log

NAME_PREFIX = "erasure/"


class Horizon(StrEnum):
    """How far the proof reaches: which old copies, together, could undo the erasure."""

    LOCAL_ROOT = (
        "the root key is a file of this machine: a backup of it together with one of the key "
        "store undoes this"
    )
    TRANSIT = (
        "old root keys are trimmed in Transit: snapshots of its storage, while they are kept, "
        "could undo this"
    )


@dataclass(frozen=True)
class RequestStatement:
    """One statement about one request: its name and digest, and what is said."""

    name: str
    sha256: str
    predicate: ErasureStatement

    @classmethod
    def of(cls, predicate: ErasureStatement) -> "RequestStatement":
        """Return the statement of a predicate.

        An in-toto statement is about something with a digest; a request has no bytes, so that the
        digest is that of its commitment.
        """
        digest = hashlib.sha256(predicate.commitment.encode()).hexdigest()
        return cls(statement_name(predicate.request), digest, predicate)


class StatementLog(Protocol):
    """Signs and keeps statements about erasures."""

    def record(self, statements: Sequence[RequestStatement]) -> None:
        """Sign statements and keep them for good; the same one is kept once, however often given.

        A saga that was killed between recording and writing that down records again.
        """

    def recorded(self, name: str) -> list[ErasureStatement]:
        """Return what was said under a name, oldest first, each signature verified.

        Raises:
            EvidenceError: What is kept was altered.
        """


class LedgerStatementLog:
    """The ledger of this installation."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def record(self, statements: Sequence[RequestStatement]) -> None:
        """Append those that are not there yet, in one transaction."""
        recorded = [(statement.name, statement.predicate) for statement in self._read()]
        new = [
            statement.predicate.about(Artefact(statement.name, statement.sha256))
            for statement in statements
            # Compared as they were read back and verified: a statement that is already there says
            # the same, and two of them would say that somebody was erased twice.
            if (statement.name, statement.predicate) not in recorded
        ]
        if new:
            with open_notary(self._installation) as notary:
                notary.record_all(new)

    def recorded(self, name: str) -> list[ErasureStatement]:
        """Read the whole log, which has to derive, and verify each statement by the role's key."""
        return [statement.predicate for statement in self._read(name)]

    def _read(self, name: str = "") -> list[RequestStatement]:
        """Return the verified statements about a request by its name, or about every request."""
        ledger = open_ledger(self._installation)
        try:
            # No release has run yet: a log that was never begun has no root to be trusted.
            if ledger.head() is None:
                return []

            selection = Selection.of_names(name or NAME_PREFIX)
            log = read_log(ledger, trusted_root(self._installation), selection)
            return [
                RequestStatement(artefact.name, artefact.sha256, signed.predicate)
                for signed in log.required_statements(ErasureStatement, name)
                for artefact in signed.subjects
            ]
        finally:
            ledger.close()


def statement_name(request_id: str) -> str:
    """Return the name under which statements about a request stand in the log."""
    return f"{NAME_PREFIX}{request_id}"
