"""What a person signs with a key of their own: approvals, acceptances, answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from tasks.attestation.predicates.predicate import Predicate, require_fields, text_of, texts_of
from tasks.attestation.roles import ACCEPTANCE, ANSWER, APPROVAL
from tasks.attestation.statement import Artefact, Statement

APPROVE = "approve"
ANSWER_FIELDS = ("useCase", "requirement", "requirementSha256", "text", "person", "role", "givenOn")
PERSONAL_FIELDS = ("useCase", "person", "role", "reason", "givenOn", "expiresOn")


@dataclass(frozen=True)
class SignedConsent(Predicate):
    """What both have in common. Times are RFC 3339; it is in force until `expires`.

    `person` is the staff id of the signer, and counts only if the key is enrolled under the same;
    `capacity` is in which function they sign, in their own words.
    """

    case: str
    person: str
    capacity: str
    reason: str
    given_on: str
    expires: str

    @property
    def signed_on(self) -> str:
        """When the person signed."""
        return self.given_on

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that both have."""
        return {
            "useCase": self.case,
            "person": self.person,
            "role": self.capacity,
            "reason": self.reason,
            "givenOn": self.given_on,
            "expiresOn": self.expires,
        }


def common_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that every consent has, by the names of the class."""
    return {
        "case": text_of(values, "useCase"),
        "person": text_of(values, "person"),
        "capacity": text_of(values, "role"),
        "reason": text_of(values, "reason"),
        "given_on": text_of(values, "givenOn"),
        "expires": text_of(values, "expiresOn"),
    }


@dataclass(frozen=True)
class ModelApproval(SignedConsent):
    """A second person approves exactly the model that is the subject."""

    TYPE = APPROVAL

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        # The one decision that there is: whoever does not approve signs nothing.
        return {"decision": APPROVE, **super().to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("decision", *PERSONAL_FIELDS))
        if values["decision"] != APPROVE:
            raise ValueError("a decision that approves nothing")
        return cls(**common_fields(values))


@dataclass(frozen=True)
class CheckAcceptance(SignedConsent):
    """A validator accepts undecided checks, by their keys, of the verdict that is the subject."""

    TYPE = ACCEPTANCE

    gate: str
    tests: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {"gate": self.gate, "tests": list(self.tests), **super().to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("gate", "tests", *PERSONAL_FIELDS))
        return cls(
            gate=text_of(values, "gate"), tests=texts_of(values, "tests"), **common_fields(values)
        )


@dataclass(frozen=True)
class RequirementAnswer(Predicate):
    """One person's answer, to exactly these words and about exactly this data.

    Its subjects are the answer's text and, by digest, the rows that the model learnt from: asked in
    other words, or of other data, it is stale.

    Attributes:
        case: The use case.
        requirement: The id of what is asked.
        requirement_sha256: The digest of what is asked, word for word.
        text: The answer.
        person: The staff id, which counts only if the key is enrolled under the same.
        capacity: In which function they answer, in their own words.
        given_on: When, by the signer's clock, in RFC 3339.
    """

    TYPE = ANSWER

    case: str
    requirement: str
    requirement_sha256: str
    text: str
    person: str
    capacity: str
    given_on: str

    @property
    def signed_on(self) -> str:
        """When the person signed."""
        return self.given_on

    def to_statement(self, rows: Artefact) -> Statement:
        """Return the statement that says it, about the text and the data.

        Args:
            rows: What the model learnt from.
        """
        digest = sha256(self.text.encode()).hexdigest()
        return self.about(Artefact(subject_of(self.case, self.requirement), digest), rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "useCase": self.case,
            "requirement": self.requirement,
            "requirementSha256": self.requirement_sha256,
            "text": self.text,
            "person": self.person,
            "role": self.capacity,
            "givenOn": self.given_on,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ANSWER_FIELDS)
        return cls(
            case=text_of(values, "useCase"),
            requirement=text_of(values, "requirement"),
            requirement_sha256=text_of(values, "requirementSha256"),
            text=text_of(values, "text"),
            person=text_of(values, "person"),
            capacity=text_of(values, "role"),
            given_on=text_of(values, "givenOn"),
        )


def subject_of(case: str, requirement: str) -> str:
    """Return the name under which answers to a requirement stand in the log."""
    return f"{case}/answers/{requirement}"
