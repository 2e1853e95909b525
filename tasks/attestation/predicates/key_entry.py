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
ENROL = "enrol"
REVOKE = "revoke"

COMMON_FIELDS = ("action", "publicKey", "scheme", "roles", "holder", "reason")


class KeyStatement(Predicate):
    """What a key entry says; its one subject is the key, by the sha256 of its public half."""

    TYPE = KEY


@dataclass(frozen=True)
class KeyAddition(KeyStatement):
    """The subject may sign in these roles from this entry on.

    It has two forms. `add` is that of the roles' own keys, and of people before they were enrolled
    with logins: it holds one address at most. `enrol` holds all that a person is known by.
    """

    pem: str
    scheme: str
    roles: tuple[str, ...]
    holder: str  # `worker`, or the staff id of a person
    reason: str
    emails_sha256: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()  # the names under which the holder starts runs

    @property
    def is_enrolment(self) -> bool:
        """Whether it says more than `add` has room for."""
        return bool(self.logins) or len(self.emails_sha256) > 1

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        common = {
            "publicKey": self.pem,
            "scheme": self.scheme,
            "roles": list(self.roles),
            "holder": self.holder,
            "reason": self.reason,
        }
        if not self.is_enrolment:
            email_sha256 = self.emails_sha256[0] if self.emails_sha256 else ""
            return {"action": ADD, **common, "emailSha256": email_sha256}

        return {
            "action": ENROL,
            **common,
            "logins": list(self.logins),
            "emailsSha256": list(self.emails_sha256),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        # The older form has one address, which may be empty: an empty one is no address of anybody.
        if values.get("action") == ADD:
            require_fields(values, (*COMMON_FIELDS, "emailSha256"))
            email_sha256 = text_of(values, "emailSha256")
            emails_sha256: tuple[str, ...] = (email_sha256,) if email_sha256 else ()
            logins: tuple[str, ...] = ()
        else:
            require_fields(values, (*COMMON_FIELDS, "logins", "emailsSha256"))
            emails_sha256 = texts_of(values, "emailsSha256")
            logins = texts_of(values, "logins")

        addition = cls(
            pem=text_of(values, "publicKey"),
            scheme=text_of(values, "scheme"),
            roles=texts_of(values, "roles"),
            holder=text_of(values, "holder"),
            reason=text_of(values, "reason"),
            emails_sha256=emails_sha256,
            logins=logins,
        )
        # One addition, one form: otherwise the same entry could be written as two statements.
        if (values["action"] == ENROL) is not addition.is_enrolment:
            raise ValueError("an enrolment that says no more than `add` does")
        return addition


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
    """Read any of them: one type URI has several forms, told apart by `action`."""
    match values.get("action"):
        case "add" | "enrol":
            return KeyAddition.from_dict(values)
        case "revoke":
            return KeyRevocation.from_dict(values)
        case _:
            raise ValueError("field `action` is none of `add`, `enrol` and `revoke`")
