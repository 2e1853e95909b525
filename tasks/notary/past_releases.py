"""Every model of a use case that was decided on, and what became of it, by the ledger."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

from tasks.attestation.plan import Plan
from tasks.attestation.predicates.consent import CheckAcceptance, ModelApproval
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.errors import Refusal
from tasks.path import SEALING, SUBJECTS
from tasks.verifier.lineage import MODEL
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed

MOST_NAMES = 12  # of settings that differ


@dataclass(frozen=True)
class PastRelease:
    """What one model of a use case came to. No value of a setting is in it, and staff alone.

    Attributes:
        model_sha256: The model.
        entry: The ledger's entry that decided on it: that let it in, or else the last.
        decided_on: When, as that entry says.
        is_registered: Whether it was let in.
        gates: Those that spoke against it.
        people: Whose signatures the decision rests on.
        differs: The settings in which its plan differs from that of the model before.
    """

    model_sha256: str
    entry: int
    decided_on: str
    is_registered: bool
    gates: tuple[str, ...]
    people: tuple[str, ...]
    differs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self) | {
            "gates": list(self.gates),
            "people": list(self.people),
            "differs": list(self.differs),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is something else.
        """
        match values:
            case {
                "model_sha256": str(sha256),
                "entry": int(entry),
                "decided_on": str(decided_on),
                "is_registered": bool(is_registered),
                "gates": [*gates],
                "people": [*people],
                "differs": [*differs],
            }:
                lists = (tuple(map(str, names)) for names in (gates, people, differs))
                return cls(sha256, entry, decided_on, is_registered, *lists)
            case _:
                raise ValueError("not a past release")


def find_past_releases(log: Log, case: str) -> tuple[PastRelease, ...]:
    """Return every model of a use case that was decided on, the latest last.

    Args:
        log: With at least the entries about the use case.
        case: A use case.
    """
    subject = f"{case}/{MODEL}"
    by_model: dict[str, Signed[VerificationSummary]] = {}
    for decision in log.statements(VerificationSummary, subject):
        model_sha256 = str(decision.digest_of(subject))
        known = by_model.get(model_sha256)
        # Once let in it stays so, whatever was decided later.
        if known is None or not known.predicate.lets_in:
            by_model[model_sha256] = decision

    people = _signers(log)
    plans = _plans(log, subject)
    releases: list[PastRelease] = []
    before: Plan | None = None
    # By the decision that counts, since a model may be decided on again after a later one.
    ordered = sorted(by_model.items(), key=lambda item: item[1].index)
    for model_sha256, decision in ordered:
        plan = plans.get(model_sha256)
        signers = (people.get(digest, "") for _, digest in decision.predicate.inputs)
        releases.append(
            PastRelease(
                model_sha256=model_sha256,
                entry=decision.index,
                decided_on=decision.predicate.finished,
                is_registered=decision.predicate.lets_in,
                gates=_gates_against(decision.predicate.refusals),
                people=tuple(dict.fromkeys(filter(None, signers))),
                differs=before.differences(plan)[:MOST_NAMES] if before and plan else (),
            )
        )
        # A model of before plans were sealed is passed over, and the next is compared with the last
        # that had one.
        before = plan or before
    return tuple(releases)


def _gates_against(refusals: Iterable[Refusal | str]) -> tuple[str, ...]:
    """Return the gates that refusals are about, in the order of the path.

    Refusals that were signed before they named their gate begin with it.
    """
    named = {
        item.gate if isinstance(item, Refusal) and item.gate else str(item).partition(":")[0]
        for item in refusals
    }
    return tuple(gate for gate in SUBJECTS if gate in named)


def _signers(log: Log) -> dict[str, str]:
    """Return the digest of an envelope -> the person who approved or accepted by it."""
    consents = (*log.statements(ModelApproval), *log.statements(CheckAcceptance))
    return {signed.envelope_sha256: signed.predicate.person for signed in consents}


def _plans(log: Log, subject: str) -> dict[str, Plan]:
    """Return model -> the plan that it was last trained under."""
    plans: dict[str, Plan] = {}
    for signed in log.statements(Provenance, subject):
        if signed.predicate.run.stage == SEALING.name and signed.predicate.plan is not None:
            plans[str(signed.digest_of(subject))] = signed.predicate.plan
    return plans
