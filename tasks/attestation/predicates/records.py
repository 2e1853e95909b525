"""What is said about the records themselves: a batch of audit events, a legal hold, a prune."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tasks.attestation.predicates.predicate import Predicate, count_of, require_fields, text_of
from tasks.attestation.roles import AUDIT, HOLD, PRUNE

HELD = "hold"
RELEASED = "release"


@dataclass(frozen=True)
class AuditBatch(Predicate):
    """The subject is a run of bytes, [start, end), of one file of the audit log."""

    TYPE = AUDIT

    file: str
    start: int
    end: int
    events: int
    event_format: str
    sealed_on: str

    @property
    def signed_on(self) -> str:
        """When the batch was closed."""
        return self.sealed_on

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "file": self.file,
            "fromByte": self.start,
            "toByte": self.end,
            "events": self.events,
            "format": self.event_format,
            "sealedOn": self.sealed_on,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("file", "fromByte", "toByte", "events", "format", "sealedOn"))
        return cls(
            file=text_of(values, "file"),
            start=count_of(values, "fromByte"),
            end=count_of(values, "toByte"),
            events=count_of(values, "events"),
            event_format=text_of(values, "format"),
            sealed_on=text_of(values, "sealedOn"),
        )


@dataclass(frozen=True)
class LegalHold(Predicate):
    """Statements about artefacts whose names begin with `prefix` are not pruned, or again may be.

    An empty prefix holds everything. A release ends the hold of the same name.
    """

    TYPE = HOLD

    name: str
    prefix: str
    reason: str
    is_released: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "action": RELEASED if self.is_released else HELD,
            "name": self.name,
            "subjects": self.prefix,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("action", "name", "subjects", "reason"))
        if values["action"] not in (HELD, RELEASED):
            raise ValueError(f"field `action` is neither `{HELD}` nor `{RELEASED}`")
        return cls(
            name=text_of(values, "name"),
            prefix=text_of(values, "subjects"),
            reason=text_of(values, "reason"),
            is_released=values["action"] == RELEASED,
        )


@dataclass(frozen=True)
class Prune(Predicate):
    """Envelopes below an entry may be missing, under the policy that is the subject."""

    TYPE = PRUNE

    below: int
    envelopes: int
    policy_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "belowIndex": self.below,
            "envelopes": self.envelopes,
            "policySha256": self.policy_sha256,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("belowIndex", "envelopes", "policySha256"))
        return cls(
            below=count_of(values, "belowIndex"),
            envelopes=count_of(values, "envelopes"),
            policy_sha256=text_of(values, "policySha256"),
        )
