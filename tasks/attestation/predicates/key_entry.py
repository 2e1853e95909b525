"""What the root key says about other keys, itself first: they are added, and revoked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tasks.attestation.predicates.predicate import (
    Predicate,
    count_of,
    require_fields,
    text_of,
    texts_of,
)
from tasks.attestation.roles import KEY

ADD = "add"
REVOKE = "revoke"


class KeyStatement(Predicate):
    """What a key entry says; its one subject is the key, by the sha256 of its public half."""

    TYPE = KEY


@dataclass(frozen=True)
class KeyAddition(KeyStatement):
    """The subject may sign in these roles from this entry on."""

    pem: str
    scheme: str
    roles: tuple[str, ...]
    holder: str  # `worker`, or the staff id of a person
    reason: str
    email_sha256: str  # of the holder's address; empty where none was given

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "action": ADD,
            "publicKey": self.pem,
            "scheme": self.scheme,
            "roles": list(self.roles),
            "holder": self.holder,
            "reason": self.reason,
            "emailSha256": self.email_sha256,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        names = ("action", "publicKey", "scheme", "roles", "holder", "reason", "emailSha256")
        require_fields(values, names)
        return cls(
            pem=text_of(values, "publicKey"),
            scheme=text_of(values, "scheme"),
            roles=texts_of(values, "roles"),
            holder=text_of(values, "holder"),
            reason=text_of(values, "reason"),
            email_sha256=text_of(values, "emailSha256"),
        )


@dataclass(frozen=True)
class KeyRevocation(KeyStatement):
    """What the subject signed from entry `valid_to` on is void."""

    valid_to: int
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {"action": REVOKE, "validTo": self.valid_to, "reason": self.reason}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("action", "validTo", "reason"))
        return cls(valid_to=count_of(values, "validTo"), reason=text_of(values, "reason"))


def read_key_entry(values: Mapping[str, Any]) -> KeyStatement:
    """Read either: one type URI has two forms, told apart by `action`."""
    match values.get("action"):
        case "add":
            return KeyAddition.from_dict(values)
        case "revoke":
            return KeyRevocation.from_dict(values)
        case _:
            raise ValueError("field `action` is neither `add` nor `revoke`")
