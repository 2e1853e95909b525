"""The release before: which other model of a use case was let in last, and by which figures."""

from dataclasses import dataclass
from typing import Any, Self

from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.errors import EvidenceError
from tasks.gates import Check
from tasks.path import SUBJECTS
from tasks.verifier.lineage import MODEL, Chain, examine, latest_decision
from tasks.verifier.log_reader import Log


@dataclass(frozen=True)
class EarlierRelease:
    """A model that was let in before another, by the ledger.

    Attributes:
        model_sha256: Its digest.
        entry: The ledger's entry that let it in.
        checks: What was judged of it, without reasons. A verdict of a time before checks had ids
            brings none.
    """

    model_sha256: str
    entry: int
    checks: tuple[Check, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "model_sha256": self.model_sha256,
            "entry": self.entry,
            "checks": [check.to_dict() for check in self.checks],
        }

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is something else.
        """
        match values:
            case {"model_sha256": str(sha256), "entry": int(entry), "checks": [*checks]}:
                return cls(sha256, entry, tuple(map(Check.from_dict, checks)))
            case _:
                raise ValueError("not an earlier release")


def find_earlier_release(log: Log, chain: Chain) -> EarlierRelease | None:
    """Return the last other model of the use case that was let in before the one of `chain`.

    Where the chain's own model was never let in, it is the last of all.
    """
    own = latest_decision(chain, "register")
    subject = f"{chain.case}/{MODEL}"
    earlier = [
        decision
        for decision in log.statements(VerificationSummary, subject)
        if decision.predicate.lets_in
        and decision.digest_of(subject) != chain.model_sha256
        # By the latest decision about this model: one that was let in again, after another, is
        # compared with that other.
        and (own is None or not own.predicate.has_passed or decision.index < own.index)
    ]
    if not earlier:
        return None

    decision = earlier[-1]
    sha256 = str(decision.digest_of(subject))
    # Of the log as it was then: a verdict that was taken again later is not what it was let in by.
    verdicts = examine(log.before(decision.index), chain.case, sha256).verdicts
    checks: list[Check] = []
    for gate in SUBJECTS:
        if gate in verdicts:
            try:
                checks += verdicts[gate].checks()
            except EvidenceError:  # of a time before checks had ids: there is nothing to match
                continue
    return EarlierRelease(sha256, decision.index, tuple(checks))
