"""The errors that Portcullis raises: one small tree, each with the exit code of its kind.

And refusals: why a gate is shut, as a value that crosses processes before it ends one.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tasks.plain_text import one_line

REFUSAL_KIND = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class RefusalKind(StrEnum):
    """Why this project's own code and policy refuse. A bank's policy may add kinds of its own."""

    ACTOR_UNKNOWN = "actor.unknown"  # in `enforced`: who made the run is enrolled nowhere
    AGREEMENT_INCOMPLETE = "agreement.incomplete"  # a clause is missing, or covers something else
    AGREEMENT_LAPSED = "agreement.lapsed"
    ANCHOR_BEHIND = "anchor.behind"  # mirror, witness: what is decided on is not out of reach yet
    APPROVAL_BY_AUTHOR = "approval.by_author"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_MISSING = "approval.missing"
    APPROVAL_UNIDENTIFIED = "approval.unidentified"  # of whom no login is enrolled
    CHECK_ATTRIBUTE_MISSING = "check.attribute_missing"  # nothing is judged about an attribute
    CHECK_FAILED = "check.failed"
    CHECK_MISSING = "check.missing"  # one that the policy requires was not made
    CHECK_UNDECIDED = "check.undecided"
    CODE_CHANGED = "code.changed"  # another interpreter, or other libraries, than here
    CODE_FOREIGN = "code.foreign"  # something could be imported that no lock names
    CODE_OUTDATED = "code.outdated"  # other code of ours than here
    CODE_UNKNOWN = "code.unknown"  # of a time before code was measured
    COMMIT_NOT_RELEASABLE = "commit.not_releasable"  # on no protected ref, and not signed
    CONFIGURATION_CHANGED = "configuration.changed"
    CONFIGURATION_MISSING = "configuration.missing"
    DECISION_AGAINST = "decision.against"
    DECISION_FOREIGN = "decision.foreign"
    DECISION_MISSING = "decision.missing"
    DRILL_CLOCK = "drill.clock"  # something ran under PORTCULLIS_TODAY
    EXPERIMENT_RUNNING = "experiment.running"
    KEY_REVOKED = "key.revoked"  # what is later counts for nothing, and may have been against it
    IN_FORCE_AGREEMENTS_CHANGED = "in_force.agreements_changed"
    IN_FORCE_ANCHOR_MISSING = "in_force.anchor_missing"
    IN_FORCE_APPROVAL_MISSING = "in_force.approval_missing"
    IN_FORCE_ATTEMPTS_EXCEEDED = "in_force.attempts_exceeded"
    IN_FORCE_CHECK_MISSING = "in_force.check_missing"
    IN_FORCE_COMMIT_NOT_RELEASABLE = "in_force.commit_not_releasable"
    IN_FORCE_DECISION_FOREIGN = "in_force.decision_foreign"  # taken under another entry, or none
    IN_FORCE_GATE_MISSING = "in_force.gate_missing"
    IN_FORCE_MISSING = "in_force.missing"
    IN_FORCE_MODE_TOO_LOW = "in_force.mode_too_low"
    IN_FORCE_PLAN_CHANGED = "in_force.plan_changed"
    IN_FORCE_POLICY_CHANGED = "in_force.policy_changed"
    IN_FORCE_REGISTRY_NAME_FOREIGN = "in_force.registry_name_foreign"
    IN_FORCE_VOID = "in_force.void"  # what was in force is no longer, and nothing took its place
    LEDGER_EMPTY = "ledger.empty"
    LEDGER_FOREIGN = "ledger.foreign"  # a hint beside what is unsigned: another ledger may hold it
    LEDGER_UNREADABLE = "ledger.unreadable"
    LIMITS_CHANGED = "limits.changed"
    LIMITS_CHANGED_AFTER_TRAINING = "limits.changed_after_training"
    LINEAGE_INCOMPLETE = "lineage.incomplete"  # a stage did not read what it has to be made of
    LINEAGE_UNSIGNED = "lineage.unsigned"
    MODEL_STALE = "model.stale"  # it learnt from people who were erased since
    PLAN_CHANGED = "plan.changed"  # trained, or judged, by another than was sealed
    PLAN_UNSEALED = "plan.unsealed"  # of a time before plans were sealed
    POLICY_GATE_DROPPED = "policy.gate_dropped"  # the policy asks checks of a gate that is gone
    POLICY_NO_GATES = "policy.no_gates"
    POLICY_UNKNOWN_PURPOSE = "policy.unknown_purpose"
    PROMOTION_REFUSED = "promotion.refused"  # by the rule, or without a second person
    REGISTRATION_REFUSED = "registration.refused"
    REGISTRATION_UNCONFIRMED = "registration.unconfirmed"  # ledger or registry do not hold it
    SOURCE_CHANGED = "source.changed"  # code, data or configuration before the stage
    SUBJECT_CHANGED = "subject.changed"  # other bytes lie here than were judged
    SUBJECT_MISSING = "subject.missing"
    TREE_DIRTY = "tree.dirty"
    VERDICT_FOREIGN = "verdict.foreign"
    VERDICT_MISSING = "verdict.missing"
    VERDICT_NOT_PASSED = "verdict.not_passed"
    VERDICT_UNREADABLE = "verdict.unreadable"  # also: of a time before checks had ids
    VERDICT_UNSIGNED = "verdict.unsigned"


APPROVAL_KINDS = frozenset(
    {
        RefusalKind.APPROVAL_BY_AUTHOR,
        RefusalKind.APPROVAL_EXPIRED,
        RefusalKind.APPROVAL_MISSING,
        RefusalKind.APPROVAL_UNIDENTIFIED,
        RefusalKind.IN_FORCE_APPROVAL_MISSING,
    }
)


@dataclass(frozen=True)
class Refusal:
    """One reason why a gate is shut: `kind` is what programs match, `text` what people read.

    The text is one line, starts with what refuses, and may change any day. A refusal for a check
    names the gate and the check's key: what is accepted is matched by them, and never by the text.
    """

    kind: str
    text: str
    gate: str = ""
    check: str = ""

    def __post_init__(self) -> None:
        """Hold what every refusal has to be, whoever wrote it."""
        if not REFUSAL_KIND.fullmatch(self.kind):
            raise ValueError(f"`{self.kind}` is no kind of refusal, which is like `check.failed`")
        if not self.text:
            raise ValueError(f"{self.kind}: a refusal without a text")
        # Texts name groups and columns of the data, and programs that read a state's message take
        # a line of it for a refusal.
        object.__setattr__(self, "text", one_line(self.text))

    def __str__(self) -> str:
        """Return the line that a person reads."""
        return self.text

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON values; `gate` and `check` are there where they are not empty."""
        about = {"gate": self.gate, "check": self.check}
        named = {name: value for name, value in about.items() if value}
        return {"kind": str(self.kind), "text": self.text, **named}

    @classmethod
    def from_dict(cls, values: Any) -> "Refusal":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is no refusal.
        """
        match values:
            case {"kind": str(kind), "text": str(text), **about} if about.keys() <= {
                "gate",
                "check",
            } and all(isinstance(value, str) for value in about.values()):
                return cls(kind, text, str(about.get("gate", "")), str(about.get("check", "")))
            case _:
                raise ValueError("not a refusal: an object with `kind` and `text`")


class PortcullisError(Exception):
    """Something is wrong that a person can mend.

    It says where, what was expected, what was found, and what to do. Never carries a value of a
    personal column: messages end up in logs, in Prefect's database and on screens. The message is
    one line without control characters, whatever the parts hold.
    """

    exit_code = 2

    def __init__(self, where: str, *, expected: str, found: str, remedy: str) -> None:
        self.where = where
        self.expected = expected
        self.found = found
        self.remedy = remedy
        super().__init__(one_line(f"{where}: expected {expected}; found {found}. {remedy}"))

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross processes whole: exceptions are made anew of their message alone, which is none."""
        return _make_anew, (type(self), self.__dict__, self.args)


def _make_anew(
    kind: type[PortcullisError], attributes: dict[str, Any], message: tuple[str, ...]
) -> PortcullisError:
    error = kind.__new__(kind)
    error.__dict__.update(attributes)
    error.args = message
    return error


class ConfigError(PortcullisError):
    """A use case's YAML file is wrong."""


class SourceError(PortcullisError):
    """A source of data is missing, truncated, or not what its use case declares."""


class AgreementError(SourceError):
    """A source has no data-processing agreement in force."""


class DataError(PortcullisError):
    """Data between two stages cannot be worked on: columns missing, one class, nothing left."""


class SealError(PortcullisError):
    """A sealed dataset was altered, truncated, swapped, or its keys are not here."""


class EvidenceError(PortcullisError):
    """Evidence is missing, altered or about something else."""


class ServiceError(PortcullisError):
    """A service that the work needs (registry, key store, remote) does not answer as it should."""

    exit_code = 4


class RefusedError(PortcullisError):
    """A gate is shut. Not a crash: the refusals are the result, one per failed check."""

    exit_code = 3

    def __init__(
        self,
        where: str,
        refusals: tuple[Refusal, ...],
        *,
        remedy: str,
        expected: str = "every required gate to pass",
    ) -> None:
        self.refusals = refusals
        super().__init__(
            where,
            expected=expected,
            found=f"{len(refusals)} that did not",
            remedy=remedy,
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The refusals as people read them, a line each."""
        return tuple(refusal.text for refusal in self.refusals)
