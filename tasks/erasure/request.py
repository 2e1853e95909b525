"""Requests for erasure: whose, since when, in which state, and what of theirs waits."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from tasks.attestation.predicates.erasure import DeferredKey
from tasks.keystore.keys import Retention


class RequestState(StrEnum):
    """How far a request is. The journal stores these values, and receipts show them."""

    RUNNING = "running"  # written down; some step is not done yet
    ERASED = "erased"  # done, and nothing of the person is kept
    DEFERRED = "deferred"  # done, but for decision records that a law or a hold keeps


class Custody(StrEnum):
    """Who can open what is kept, as receipts show it."""

    LOCAL_KEYS = "two keys of this installation"
    CUSTODIANS = "two custodians"


@dataclass(frozen=True)
class Deferral:
    """A key that outlives the request: why, until when at the least, and who can open it."""

    retention: Retention
    basis: str
    review: date
    is_held: bool  # by a court: `review` is when somebody looks at it again, not its end
    custody: Custody
    key_id: str  # hex

    def to_dict(self) -> dict[str, Any]:
        """Return it for the journal."""
        return {**self.to_predicate().to_dict(), "key_id": self.key_id}

    def to_predicate(self) -> DeferredKey:
        """Return it for the signed statement, which names no key: a key id would link two files."""
        return DeferredKey(
            retention=self.retention.value,
            basis=self.basis,
            review=self.review.isoformat(),
            held=self.is_held,
            custody=self.custody.value,
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Deferral":
        """Read it from the journal."""
        return cls(
            retention=Retention(values["retention"]),
            basis=values["basis"],
            review=date.fromisoformat(values["review"]),
            is_held=values["held"],
            custody=Custody(values["custody"]),
            key_id=values["key_id"],
        )


@dataclass
class ErasureRequest:
    """One person's request. `subject`, `seed` and `key_ids` are there only while it is running."""

    request_id: str
    batch: str
    use_case: str
    received: date  # GDPR Art. 12(3) counts from here
    day: date  # on which it was carried out, or written down for later
    state: RequestState = RequestState.RUNNING
    subject: str | None = None  # the pseudonym; never the identifier
    seed: bytes | None = None  # of the receipt's nonce
    key_ids: dict[Retention, str] = field(default_factory=dict)  # hex
    closed: date | None = None
    commitment: str = ""  # binds the receipt to its person (`receipt.py`)
    deferral: Deferral | None = None
