"""What is in force in an installation: which policy, gates, approvals, names, anchors and commits.

Two people who sign the same terms say the same digest: it is of the terms alone, and neither the
signer nor the time is a part of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, ClassVar, Self

from tasks.attestation.predicates.circumstances import LOCAL
from tasks.attestation.predicates.predicate import (
    Predicate,
    count_of,
    digests_of,
    require_fields,
    text_of,
    texts_of,
)
from tasks.attestation.roles import IN_FORCE, PERSONAL
from tasks.attestation.statement import Artefact, Statement
from tasks.formats.canonical_json import canonical

SUBJECT = "in-force"  # the name of the subject, whose sha256 is that of the terms
ENFORCED = "enforced"
MODES = (LOCAL, ENFORCED)  # from the least that evidence is worth to the most
ANCHORS = ("mirror", "timestamp", "witness")
MOST_PEOPLE = 2
# In small letters alone, as digests are written and compared everywhere.
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RequiredApprovals:
    """How many people have to approve a model: 0 where no approval is asked.

    Attributes:
        count: Distinct people, none of whom made the run.
        role: The role that their keys need, besides the one that signs approvals.
        capacity: The function that they state to act in; empty for any. It is their own word.
    """

    count: int
    role: str
    capacity: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"count": self.count, "role": self.role, "capacity": self.capacity}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("count", "role", "capacity"))
        role = text_of(values, "role")
        if role not in PERSONAL:
            raise ValueError("field `role` is no role that a person holds")
        return cls(count_of(values, "count"), role, text_of(values, "capacity"))


@dataclass(frozen=True)
class Terms:
    """What is in force, all of it: nothing of an earlier entry goes on beside it.

    Attributes:
        policy_sha256: Of the folder `configs/policy`, as `tasks.attestation.artefacts` digests it.
        gates: Gate -> the ids of the checks that it has to have made, each of which has to have
            measured something at least once. A gate that is not here is not required.
        unmeasured: Use case -> ids of those checks that may say `not_measured` there, for the use
            case declares that it has nothing to measure. They still have to be made.
        approvals: Who has to approve a model.
        registry_names: Name in the registry -> the one use case that may register under it.
        anchors: Which anchors have to hold a decision before anything rests on it, and whose they
            are (`tasks.anchoring.publishing.identify_anchors`): anybody can run a mirror.
        refs: Refs from which may be released, in full, like `refs/heads/main`.
        signers: Fingerprints of the keys whose commits may be released. Where there are refs or
            signers, a commit needs one of either, and a clean tree; without both, any will do.
        least_mode: The least mode in which a stage may have run.
        plans: Use case -> the sha256 of the one plan by which its models may be judged. A use case
            that is not here may have any plan, and each is an attempt.
        attempts: How many attempts on one version of the data a use case may make; 0 for any.
        people: How many people have to sign the entry that takes this one's place.
        replaces: The sha256 of the terms that these take the place of; empty for the first.
        agreements_sha256: Of the register of agreements by which data may be used; empty where any
            will do.
        earlier_plan_sha256: Of terms of before `plans` and `attempts`: the field `planSha256` that
            they had instead, which nothing ever compared. None for terms of today.
    """

    FIELDS: ClassVar[tuple[str, ...]] = (
        "policySha256",
        "gates",
        "unmeasured",
        "approvals",
        "registryNames",
        "anchors",
        "refs",
        "signers",
        "leastMode",
        "plans",
        "attempts",
        "people",
        "replaces",
    )
    # Terms of before are written as they were read: their digest is what people have signed.
    LATER_FIELDS: ClassVar[tuple[str, ...]] = ("plans", "attempts")
    EARLIER_FIELD: ClassVar[str] = "planSha256"
    # Written where it says something: terms that people signed before it was known stay as written.
    OPTIONAL_FIELD: ClassVar[str] = "agreementsSha256"

    policy_sha256: str
    gates: dict[str, tuple[str, ...]] = field(hash=False)
    unmeasured: dict[str, tuple[str, ...]] = field(hash=False)
    approvals: RequiredApprovals
    registry_names: dict[str, str] = field(hash=False)
    anchors: dict[str, str] = field(hash=False)
    refs: tuple[str, ...]
    signers: tuple[str, ...]
    least_mode: str
    plans: dict[str, str] = field(hash=False)
    attempts: int
    people: int
    replaces: str
    agreements_sha256: str = ""
    earlier_plan_sha256: str | None = None

    @property
    def sha256(self) -> str:
        """The digest by which they are signed, and by which the next entry names them."""
        return sha256(canonical(self.to_dict())).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON values."""
        values = {
            "policySha256": self.policy_sha256,
            "gates": {gate: list(checks) for gate, checks in self.gates.items()},
            "unmeasured": {case: list(checks) for case, checks in self.unmeasured.items()},
            "approvals": self.approvals.to_dict(),
            "registryNames": self.registry_names,
            "anchors": self.anchors,
            "refs": list(self.refs),
            "signers": list(self.signers),
            "leastMode": self.least_mode,
            "plans": self.plans,
            "attempts": self.attempts,
            "people": self.people,
            "replaces": self.replaces,
        }
        if self.agreements_sha256:
            values[self.OPTIONAL_FIELD] = self.agreements_sha256

        if self.earlier_plan_sha256 is None:
            return values

        earlier = {name: value for name, value in values.items() if name not in self.LATER_FIELDS}
        return {**earlier, self.EARLIER_FIELD: self.earlier_plan_sha256}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: A field is missing, unknown, or says what no reader would hold anybody to.
        """
        # Told by the field that they had, for terms of before state no version. What people signed
        # then is still in force until they replace it.
        is_earlier = isinstance(values, Mapping) and cls.EARLIER_FIELD in values
        if is_earlier:
            fields = (name for name in cls.FIELDS if name not in cls.LATER_FIELDS)
            require_fields(values, (*fields, cls.EARLIER_FIELD))
        else:
            require_fields(values, cls.FIELDS, (cls.OPTIONAL_FIELD,))

        terms = cls(
            policy_sha256=text_of(values, "policySha256"),
            gates=_lists_of(values, "gates"),
            unmeasured=_lists_of(values, "unmeasured"),
            approvals=RequiredApprovals.from_dict(values["approvals"]),
            registry_names=digests_of(values, "registryNames"),
            anchors=digests_of(values, "anchors"),
            refs=texts_of(values, "refs"),
            signers=texts_of(values, "signers"),
            least_mode=text_of(values, "leastMode"),
            plans={} if is_earlier else digests_of(values, "plans"),
            attempts=0 if is_earlier else count_of(values, "attempts"),
            people=count_of(values, "people"),
            replaces=text_of(values, "replaces"),
            agreements_sha256=(
                text_of(values, cls.OPTIONAL_FIELD) if cls.OPTIONAL_FIELD in values else ""
            ),
            earlier_plan_sha256=text_of(values, cls.EARLIER_FIELD) if is_earlier else None,
        )
        terms._require_sense()
        return terms

    def _require_sense(self) -> None:
        """Refuse what would read as a rule and bind nobody, such as an anchor of another name."""
        # What two people sign they compare on a terminal: a control character, or one that turns
        # the direction of writing, would show the second of them something else.
        if not all(text.isprintable() for text in _texts_in(self.to_dict())):
            raise ValueError("a character that cannot be printed")

        digests = {
            "policySha256": self.policy_sha256,
            "replaces": self.replaces,
            self.OPTIONAL_FIELD: self.agreements_sha256,
            self.EARLIER_FIELD: self.earlier_plan_sha256 or "",
            **{f"plans.{case}": digest for case, digest in self.plans.items()},
        }
        for name, digest in digests.items():
            is_optional = name in ("replaces", self.OPTIONAL_FIELD, self.EARLIER_FIELD)
            if not SHA256.fullmatch(digest) and not (is_optional and not digest):
                raise ValueError(f"field `{name}` is no sha256")

        if not self.gates:
            raise ValueError("field `gates` names no gate, so nothing would be required")
        if unknown := sorted(set(self.anchors) - set(ANCHORS)):
            raise ValueError(f"anchor `{unknown[0][:60]}` is none of {', '.join(ANCHORS)}")
        names = (
            *self.refs,
            *self.signers,
            *self.registry_names,
            *self.registry_names.values(),
            *self.plans,
        )
        if "" in (*names, *self.anchors.values()):
            raise ValueError("an empty ref, signer, anchor, registry name or use case")
        # As those of people: a letter of another alphabet would let a second name look like this. A
        # plan under such a name would bind no use case, and seem to bind one.
        if not all(name.isascii() for name in names):
            raise ValueError("a ref, signer, registry name or use case that is not ASCII")
        if self.least_mode not in MODES:
            raise ValueError(f"field `leastMode` is none of {', '.join(MODES)}")
        if not 1 <= self.people <= MOST_PEOPLE:
            raise ValueError(f"field `people` is not 1 to {MOST_PEOPLE}")


@dataclass(frozen=True)
class InForce(Predicate):
    """One person's signature under terms, which the subject names by their digest.

    `person` is the staff id under which the key is enrolled, `given_on` when they signed by their
    own clock: nothing is ordered by it.
    """

    TYPE = IN_FORCE

    terms: Terms
    person: str
    reason: str
    given_on: str

    @property
    def signed_on(self) -> str:
        """When the person signed."""
        return self.given_on

    def to_statement(self) -> Statement:
        """Return the statement that says it, about its terms and nothing else."""
        # The terms' own digest, without signer and time: by it two people are found to have signed
        # the same.
        return self.about(Artefact(SUBJECT, self.terms.sha256))

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "terms": self.terms.to_dict(),
            "person": self.person,
            "reason": self.reason,
            "givenOn": self.given_on,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        require_fields(values, ("terms", "person", "reason", "givenOn"))
        # The reason and the person are shown beside the terms, and are held to the same.
        if not all(text.isprintable() for text in _texts_in(dict(values))):
            raise ValueError("a character that cannot be printed")
        return cls(
            terms=Terms.from_dict(values["terms"]),
            person=text_of(values, "person"),
            reason=text_of(values, "reason"),
            given_on=text_of(values, "givenOn"),
        )


def _lists_of(values: Mapping[str, Any], name: str) -> dict[str, tuple[str, ...]]:
    """Return a field that is an object of lists of strings."""
    value = values[name]
    if not isinstance(value, dict):
        raise ValueError(f"field `{name}` is no object")
    return {key: texts_of(value, key) for key in value}


def _texts_in(values: Any) -> Iterator[str]:
    """Yield every text of JSON values, and every key."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, dict):
        for key, value in values.items():
            yield key
            yield from _texts_in(value)
    elif isinstance(values, list):
        for value in values:
            yield from _texts_in(value)
