"""What is said about one request to be erased: a receipt, and how a deferred one was completed.

Nothing in them names anybody: `commitment` binds them to a person who holds the nonce, and to
nobody's eyes else (`tasks.erasure.receipt`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from tasks.attestation.predicates.predicate import (
    Predicate,
    count_of,
    require_fields,
    text_of,
    texts_of,
)
from tasks.attestation.roles import ERASURE

REQUEST_FIELDS = (
    "request",
    "commitment",
    "received",
    "day",
    "state",
    "keysDestroyed",
    "deferred",
)


@dataclass(frozen=True)
class DeferredKey:
    """The key that a law or a court keeps, on which basis, and when that is looked at again."""

    retention: str
    basis: str
    review: str
    held: bool
    custody: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "retention": self.retention,
            "basis": self.basis,
            "review": self.review,
            "held": self.held,
            "custody": self.custody,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the object of these fields."""
        require_fields(values, cls.__dataclass_fields__)
        if not isinstance(values["held"], bool):
            raise ValueError("field `held` is no boolean")
        texts = {name: text_of(values, name) for name in values if name != "held"}
        # `require_fields` let exactly the class's own names through.
        return cls(held=values["held"], **texts)


@dataclass(frozen=True)
class PurgeCounts:
    """What was done in one place outside the key store: how many were searched and changed."""

    searched: int
    rewritten: int
    removed: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the object of these fields."""
        require_fields(values, cls.__dataclass_fields__)
        return cls(**{name: count_of(values, name) for name in values})


@dataclass(frozen=True)
class ErasureSearch:
    """What a second look, by a key store opened anew, went through; and the tombstones' head."""

    sealed_files: int
    copies: int
    versions: int
    rows: int
    tombstones: int
    tombstones_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "sealed_files": self.sealed_files,
            "copies": self.copies,
            "versions": self.versions,
            "rows": self.rows,
            "checkpoint": {"count": self.tombstones, "sha256": self.tombstones_sha256},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("sealed_files", "copies", "versions", "rows", "checkpoint"))
        require_fields(values["checkpoint"], ("count", "sha256"))

        return cls(
            sealed_files=count_of(values, "sealed_files"),
            copies=count_of(values, "copies"),
            versions=count_of(values, "versions"),
            rows=count_of(values, "rows"),
            tombstones=count_of(values["checkpoint"], "count"),
            tombstones_sha256=text_of(values["checkpoint"], "sha256"),
        )


@dataclass(frozen=True)
class ErasureStatement(Predicate):
    """What a receipt and a completion have in common. Days are ISO 8601, of the controller."""

    TYPE = ERASURE

    request: str
    commitment: str
    received: str
    day: str
    state: str
    keys_destroyed: tuple[str, ...]

    @property
    def signed_on(self) -> str:
        """When the day of the erasure began, in UTC: the statement is signed on that day."""
        return f"{self.day}T00:00:00Z"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that both have."""
        return {
            "request": self.request,
            "commitment": self.commitment,
            "received": self.received,
            "day": self.day,
            "state": self.state,
            "keysDestroyed": list(self.keys_destroyed),
            "deferred": {},
        }


@dataclass(frozen=True)
class ErasureReceipt(ErasureStatement):
    """Somebody was erased on `day`: figures of the batch, and what is kept of this person."""

    deferred: DeferredKey | None
    people: int
    verified: ErasureSearch
    models_to_retrain: int
    purged: dict[str, PurgeCounts] = field(hash=False)
    remaining: tuple[str, ...]  # what could not be removed
    unseen: tuple[str, ...]
    horizon: str  # how far the proof reaches
    # Receipts that were signed before these were counted have neither.
    too_short: int | None = None  # values of the people that are too short to be searched for
    failed: tuple[str, ...] = ()  # days and steps of tries that failed before

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        values: dict[str, Any] = {
            **super().to_dict(),
            "deferred": self.deferred.to_dict() if self.deferred else {},
            "people": self.people,
            "verified": self.verified.to_dict(),
            "modelsToRetrain": self.models_to_retrain,
            "purged": {name: asdict(counts) for name, counts in self.purged.items()},
            "left": list(self.remaining),
            "unseen": list(self.unseen),
            "horizon": self.horizon,
        }
        if self.too_short is not None:
            values["tooShort"] = self.too_short

        if self.failed:
            values["failed"] = list(self.failed)

        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        figures = ("people", "verified", "modelsToRetrain", "purged", "left", "unseen", "horizon")
        # Receipts of before these were counted are read, and written again, as they were signed.
        later = tuple(name for name in ("tooShort", "failed") if name in values)
        require_fields(values, (*REQUEST_FIELDS, *figures, *later))
        deferred = values["deferred"]
        # By place, whatever its name: places are added with each version, and old receipts name old
        # ones.
        purged = {name: PurgeCounts.from_dict(counts) for name, counts in values["purged"].items()}

        return cls(
            **_request_fields(values),
            deferred=None if deferred == {} else DeferredKey.from_dict(deferred),
            people=count_of(values, "people"),
            verified=ErasureSearch.from_dict(values["verified"]),
            models_to_retrain=count_of(values, "modelsToRetrain"),
            purged=purged,
            remaining=texts_of(values, "left"),
            unseen=texts_of(values, "unseen"),
            horizon=text_of(values, "horizon"),
            too_short=count_of(values, "tooShort") if "tooShort" in values else None,
            failed=texts_of(values, "failed") if "failed" in values else (),
        )


@dataclass(frozen=True)
class ErasureCompletion(ErasureStatement):
    """What an earlier receipt had deferred was destroyed on `day`; `completes` is the receipt's."""

    completes: str

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {**super().to_dict(), "completes": self.completes}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, (*REQUEST_FIELDS, "completes"))
        # A completion that defers again would say that nothing was completed.
        if values["deferred"] != {}:
            raise ValueError("field `deferred` is not empty")
        return cls(
            **_request_fields(values),
            completes=text_of(values, "completes"),
        )


def read_erasure(values: Mapping[str, Any]) -> ErasureStatement:
    """Read either: one type URI has two forms, told apart by `completes`."""
    if "completes" in values:
        return ErasureCompletion.from_dict(values)
    return ErasureReceipt.from_dict(values)


def _request_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "request": text_of(values, "request"),
        "commitment": text_of(values, "commitment"),
        "received": text_of(values, "received"),
        "day": text_of(values, "day"),
        "state": text_of(values, "state"),
        "keys_destroyed": texts_of(values, "keysDestroyed"),
    }
