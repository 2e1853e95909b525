"""Which version serves: a second person's approval, the decision, and that the alias was moved.

Three statements, for three who answer for them. The approval names the model that it replaces and
the rule by which it was compared, so that it is good for this one step, and for no later one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from tasks.attestation.predicates.consent import PERSONAL_FIELDS, SignedConsent, common_fields
from tasks.attestation.predicates.predicate import (
    Predicate,
    count_of,
    require_fields,
    text_of,
    texts_of,
)
from tasks.attestation.predicates.verification_summary import FAILED, PASSED
from tasks.attestation.roles import ALIAS_MOVE, PROMOTION, PROMOTION_APPROVAL

NOTHING = 0  # where there was no decision before: entry 0 is the root key's


class PromotionStep(StrEnum):
    """In which direction a serving alias is moved."""

    PROMOTE = "promote"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True)
class PromotionApproval(SignedConsent):
    """A second person approves that exactly the model that is the subject takes a serving alias.

    Attributes:
        registry_name: The registered model.
        alias: The alias that it takes.
        replaces_sha256: The model that serves under it until then; empty where none does.
        rule_sha256: The rule by which both are compared.
    """

    TYPE = PROMOTION_APPROVAL

    registry_name: str
    alias: str
    replaces_sha256: str
    rule_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "registryName": self.registry_name,
            "alias": self.alias,
            "replacesSha256": self.replaces_sha256,
            "ruleSha256": self.rule_sha256,
            **super().to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        names = ("registryName", "alias", "replacesSha256", "ruleSha256")
        require_fields(values, (*names, *PERSONAL_FIELDS))
        return cls(
            registry_name=text_of(values, "registryName"),
            alias=text_of(values, "alias"),
            replaces_sha256=text_of(values, "replacesSha256"),
            rule_sha256=text_of(values, "ruleSha256"),
            **common_fields(values),
        )


@dataclass(frozen=True)
class PromotionDecision(Predicate):
    """What was decided about moving a serving alias to the model that is the subject.

    Attributes:
        case: The use case.
        step: Forward, or back to one that has served before.
        registry_name: The registered model.
        alias: The alias.
        version: The version's number in the registry, for people.
        follows: The entry of the decision by which the model serves that this one replaces;
            `NOTHING` where none does. A decision that follows another one than was the latest by
            then counts for nothing: of two at once, one does.
        replaces_sha256: That model; empty where none serves.
        approval_sha256: The envelope of the approval that it rests on; empty where there is none.
        result: PASSED or FAILED.
        rule: The rule, as the configuration declares it.
        rule_sha256: Its digest.
        comparisons: A line for each figure that was compared.
        refusals: A line for each reason against it.
        requested_by: Who asked for it.
        decided_on: When, by the worker's clock, in RFC 3339.
        mode: As in `Circumstances`.
    """

    TYPE = PROMOTION

    case: str
    step: str
    registry_name: str
    alias: str
    version: int
    follows: int
    replaces_sha256: str
    approval_sha256: str
    result: str
    rule: str
    rule_sha256: str
    comparisons: tuple[str, ...]
    refusals: tuple[str, ...]
    requested_by: str
    decided_on: str
    mode: str

    @property
    def has_passed(self) -> bool:
        """Whether the alias was to be moved."""
        return self.result == PASSED

    @property
    def signed_on(self) -> str:
        """When it was decided."""
        return self.decided_on

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "useCase": self.case,
            "step": self.step,
            "registryName": self.registry_name,
            "alias": self.alias,
            "version": self.version,
            "followsEntry": self.follows,
            "replacesSha256": self.replaces_sha256,
            "approvalSha256": self.approval_sha256,
            "result": self.result,
            "rule": self.rule,
            "ruleSha256": self.rule_sha256,
            "comparisons": list(self.comparisons),
            "refusals": list(self.refusals),
            "requestedBy": self.requested_by,
            "givenOn": self.decided_on,
            "mode": self.mode,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        names = (
            "useCase", "step", "registryName", "alias", "version", "followsEntry",
            "replacesSha256", "approvalSha256", "result", "rule", "ruleSha256", "comparisons",
            "refusals", "requestedBy", "givenOn", "mode",
        )  # fmt: skip
        require_fields(values, names)
        # Strict, unlike a verification summary: a decision that is void moves nothing, and what
        # served before goes on, as after one that failed.
        if values["result"] not in (PASSED, FAILED) or values["step"] not in tuple(PromotionStep):
            raise ValueError("neither a result nor a step that there is")

        return cls(
            case=text_of(values, "useCase"),
            step=text_of(values, "step"),
            registry_name=text_of(values, "registryName"),
            alias=text_of(values, "alias"),
            version=count_of(values, "version"),
            follows=count_of(values, "followsEntry"),
            replaces_sha256=text_of(values, "replacesSha256"),
            approval_sha256=text_of(values, "approvalSha256"),
            result=text_of(values, "result"),
            rule=text_of(values, "rule"),
            rule_sha256=text_of(values, "ruleSha256"),
            comparisons=texts_of(values, "comparisons"),
            refusals=texts_of(values, "refusals"),
            requested_by=text_of(values, "requestedBy"),
            decided_on=text_of(values, "givenOn"),
            mode=text_of(values, "mode"),
        )


@dataclass(frozen=True)
class AliasMove(Predicate):
    """The registry names the model that is the subject by the alias now, as was decided.

    Attributes:
        case: The use case.
        decision: The entry of the decision.
        moved_on: When, by the worker's clock, in RFC 3339.
    """

    TYPE = ALIAS_MOVE

    case: str
    decision: int
    moved_on: str

    @property
    def signed_on(self) -> str:
        """When it was moved."""
        return self.moved_on

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {"useCase": self.case, "decisionEntry": self.decision, "givenOn": self.moved_on}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("useCase", "decisionEntry", "givenOn"))
        return cls(
            text_of(values, "useCase"),
            count_of(values, "decisionEntry"),
            text_of(values, "givenOn"),
        )
