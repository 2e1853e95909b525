"""Find the attempts on the same data, and the verdicts and decisions that belong to each.

1. An attempt is a plan and the model that was trained under it. Trained again with the same plan
   to the same bytes it is the same attempt; each other plan, and each other model, is one more.
2. Attempts are on the same data if they learnt from the same rows, or if their rows go back to the
   same sources, in whatever use case. Rows differ with the redaction; sources with the delivery.
3. A verdict belongs to every attempt whose artefact it is about and whose plan it was judged by.
   One that was judged by no plan of those who share the artefact, because settings were changed for
   a gate alone, belongs to the last attempt before it, and is shown as judged outside the plan.
4. A decision belongs to the attempt by which its model was last trained before it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tasks.attestation.plan import Plan
from tasks.attestation.predicates.circumstances import effective_mode
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.gates import Outcome
from tasks.path import SEALING, SUBJECTS
from tasks.verifier.lineage import MODEL, Chain, examine
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed

ROWS = SEALING.made_from
SOURCES = "admit/sources.json"


class AttemptOutcome(StrEnum):
    """What became of an attempt."""

    REGISTERED = "registered"
    PASSED = "passed"  # decided for, and not registered
    BLOCKED = "blocked"
    OPEN = "not decided"


@dataclass(frozen=True)
class DataVersion:
    """What attempts are on: rows of one use case, and the sources that they go back to.

    Empty where a chain does not say it.
    """

    rows_sha256: str
    sources_sha256: str

    @classmethod
    def of(cls, chain: Chain) -> "DataVersion":
        """Return the data that a chain goes back to."""
        artefacts = chain.artefacts()
        return cls(
            artefacts.get(f"{chain.case}/{ROWS}", ""), artefacts.get(f"{chain.case}/{SOURCES}", "")
        )

    def is_shared_with(self, other: "DataVersion") -> bool:
        """Say whether two are the same rows, or go back to the same sources."""
        # Either is enough. Redacting by one other setting makes other rows of the same people; and
        # two deliveries may come to the same rows.
        pairs = ((self.rows_sha256, other.rows_sha256), (self.sources_sha256, other.sources_sha256))
        return any(own and own == others for own, others in pairs)


@dataclass(frozen=True)
class GateOpinion:
    """What one gate said within an attempt, where that was not a plain pass.

    Attributes:
        gate: The gate.
        entry: Of the verdict.
        outcome: Its outcome.
        checks: The keys of the checks that did not pass.
        outside_plan: The parts of the configuration that were not those of the plan.
        is_superseded: Whether the same gate passed later within the same attempt.
    """

    gate: str
    entry: int
    outcome: str
    checks: tuple[str, ...]
    outside_plan: tuple[str, ...]
    is_superseded: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "gate": self.gate,
            "entry": self.entry,
            "outcome": self.outcome,
            "checks": list(self.checks),
            "outsidePlan": list(self.outside_plan),
            "superseded": self.is_superseded,
        }


@dataclass(frozen=True)
class Attempt:
    """One attempt. Names of settings and sections are in it, and never a value of one.

    Attributes:
        number: Of its use case on this data, from 1.
        case: The use case.
        model_sha256: What was trained.
        plan_sha256: The plan that it was trained under; empty of a time before plans were sealed.
        entries: Of every time that it was trained.
        started_by: Who did so first, as the statement says.
        finished: When that ended.
        commit: At which commit; empty outside git.
        mode: In which mode.
        outcome: What became of it.
        opinions: Of the gates that did not pass it.
        differs: In which settings from the attempt of its use case before it; empty for the first.
        rests_on: Every entry that says any of this.
    """

    number: int
    case: str
    model_sha256: str
    plan_sha256: str
    entries: tuple[int, ...]
    started_by: str
    finished: str
    commit: str
    mode: str
    outcome: AttemptOutcome
    opinions: tuple[GateOpinion, ...]
    differs: tuple[str, ...]
    rests_on: frozenset[int] = field(repr=False)

    def is_about(self, chain: Chain) -> bool:
        """Say whether it is the attempt that a chain is of."""
        plan = chain.plan.sha256 if chain.plan else ""
        own = (self.case, self.model_sha256, self.plan_sha256)
        return own == (chain.case, chain.model_sha256, plan)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "number": self.number,
            "useCase": self.case,
            "model": self.model_sha256,
            "plan": self.plan_sha256,
            "entries": list(self.entries),
            "startedBy": self.started_by,
            "finishedOn": self.finished,
            "commit": self.commit,
            "mode": self.mode,
            "outcome": self.outcome.value,
            "gates": [opinion.to_dict() for opinion in self.opinions],
            "differs": list(self.differs),
        }


def find_attempts(log: Log, data: DataVersion) -> tuple[Attempt, ...]:
    """Return the attempts on the same data, in the order in which they were first trained.

    Those of other use cases are found as far as the log was read for them.
    """
    # Verdicts and decisions are handed out from their side, each entry looked at once: asked from
    # each attempt's side, the work would grow with attempts times entries.
    candidates = tuple(_candidates(log, data))
    if candidates:
        _hand_out_verdicts(log, candidates)
        _hand_out_decisions(log, candidates)

    attempts: list[Attempt] = []
    before: dict[str, _Candidate] = {}
    for candidate in candidates:
        number = 1 + sum(attempt.case == candidate.case for attempt in attempts)
        # The attempt before it of its own use case: the settings of two use cases differ anyway.
        previous = before.get(candidate.case)
        attempts.append(_attempt(candidate, number, previous))
        before[candidate.case] = candidate
    return tuple(attempts)


def find_untrained(
    log: Log, case: str, data: DataVersion, attempts: Iterable[Attempt]
) -> tuple[GateOpinion, ...]:
    """Return what gates said against this very data that belongs to no attempt.

    Nothing was trained then: the data was refused, or the settings were changed first.
    """
    if not data.rows_sha256:
        return ()

    belonging = {opinion.entry for attempt in attempts for opinion in attempt.opinions}
    subject = f"{case}/{ROWS}"

    return tuple(
        _opinion(signed, (), is_superseded=False)
        for signed in log.statements(SignedVerdict, subject, data.rows_sha256)
        if _primary(signed) == subject
        and signed.predicate.outcome != Outcome.PASS
        and signed.index not in belonging
    )


@dataclass(frozen=True)
class _Belonging:
    """A verdict, and what of its configuration is not in the plan of the attempt."""

    signed: Signed[SignedVerdict]
    outside_plan: tuple[str, ...]


@dataclass
class _Candidate:
    """An attempt as far as the statements of training alone say it."""

    case: str
    model_sha256: str
    plan: Plan | None
    data: DataVersion
    trained: list[Signed[Provenance]]
    lineage: frozenset[int]
    verdicts: list[_Belonging] = field(default_factory=list)
    decisions: list[Signed[VerificationSummary]] = field(default_factory=list)

    @property
    def plan_sha256(self) -> str:
        """The digest of its plan; empty of a time before plans were sealed."""
        return self.plan.sha256 if self.plan else ""

    def artefacts(self) -> dict[str, str]:
        """Return name -> sha256 of everything that this attempt learnt from, or made."""
        signed = self.trained[-1]
        made = {subject.name: subject.sha256 for subject in signed.subjects}
        return signed.predicate.material_digests() | made

    def last_trained_before(self, index: int) -> int:
        """Return the entry by which it was last trained before another entry; -1 for none."""
        return max((item.index for item in self.trained if item.index < index), default=-1)

    def outside_plan(self, configuration: dict[str, str]) -> tuple[str, ...]:
        """Return the parts of a verdict's configuration that are not those of its plan."""
        return self.plan.differing_parts(configuration) if self.plan else ()


def _candidates(log: Log, data: DataVersion) -> Iterator[_Candidate]:
    by_identity: dict[tuple[str, str, str], _Candidate] = {}
    origins: dict[tuple[str, str], tuple[DataVersion, frozenset[int]]] = {}

    for signed in log.statements(Provenance):
        run = signed.predicate.run
        model_sha256 = signed.digest_of(f"{run.case}/{MODEL}")
        rows_sha256 = signed.predicate.material_digests().get(f"{run.case}/{ROWS}", "")
        # Whatever became of it: an attempt that nobody wanted to show is in the log by its
        # training.
        if run.stage != SEALING.name or model_sha256 is None:
            continue

        place = (run.case, rows_sha256)
        # Hundreds of attempts on the same rows have one lineage: it is walked once.
        if place not in origins:
            origins[place] = _origin(log, run.case, rows_sha256)
        origin, lineage = origins[place]
        if not origin.is_shared_with(data):
            continue

        plan = signed.predicate.plan
        identity = (run.case, model_sha256, plan.sha256 if plan else "")
        candidate = by_identity.setdefault(
            identity, _Candidate(run.case, model_sha256, plan, origin, [], lineage)
        )
        candidate.trained.append(signed)
    yield from by_identity.values()


def _origin(log: Log, case: str, rows_sha256: str) -> tuple[DataVersion, frozenset[int]]:
    """Return what rows go back to, and the entries that say so."""
    chain = examine(log, case, rows_sha256, target=ROWS, gates=())
    sources = DataVersion.of(chain).sources_sha256
    return DataVersion(rows_sha256, sources), frozenset(step.signed.index for step in chain.steps)


def _primary(signed: Signed[SignedVerdict]) -> str:
    """Return the name of the artefact by which a verdict is looked up."""
    content = signed.predicate
    subjects = SUBJECTS.get(content.gate)
    return f"{content.case}/{subjects[-1]}" if subjects else ""


def _hand_out_verdicts(log: Log, candidates: tuple[_Candidate, ...]) -> None:
    """Enter every verdict with the candidates that it belongs to, in log order: rule 3."""
    # Hundreds of attempts are made by programs: a verdict looks at those that share its artefact.
    by_artefact: dict[tuple[str, str | None], list[_Candidate]] = defaultdict(list)
    for candidate in candidates:
        for artefact in candidate.artefacts().items():
            by_artefact[artefact].append(candidate)

    for signed in log.statements(SignedVerdict):
        name = _primary(signed)
        sharing = by_artefact.get((name, signed.digest_of(name)), [])
        configuration = {item.name: item.sha256 for item in signed.predicate.configuration}
        # Rows are shared by many attempts: their verdict of `redact` or `validate` belongs to all
        # whose plan judged it, and not only to the last.
        fitting = [item for item in sharing if not item.outside_plan(configuration)]
        for item in fitting:
            item.verdicts.append(_Belonging(signed, ()))
        if sharing and not fitting:
            latest = max(sharing, key=lambda item: item.last_trained_before(signed.index))
            if latest.last_trained_before(signed.index) >= 0:
                outside_plan = latest.outside_plan(configuration)
                latest.verdicts.append(_Belonging(signed, outside_plan))


def _hand_out_decisions(log: Log, candidates: tuple[_Candidate, ...]) -> None:
    """Enter every decision with the candidate that it belongs to, in log order: rule 4."""
    by_model: dict[tuple[str, str], list[_Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_model[f"{candidate.case}/{MODEL}", candidate.model_sha256].append(candidate)

    for (name, model_sha256), sharing in by_model.items():
        # Every training in log order, and which of those that share the model it was of.
        trained = sorted(
            (item.index, number)
            for number, candidate in enumerate(sharing)
            for item in candidate.trained
        )
        for signed in log.statements(VerificationSummary, name, model_sha256):
            # The training right before it, by index: the same bytes may have been trained under two
            # plans, and the decision is about the later one.
            place = bisect_left(trained, (signed.index, 0))
            if place:
                sharing[trained[place - 1][1]].decisions.append(signed)


def _attempt(candidate: _Candidate, number: int, previous: _Candidate | None) -> Attempt:
    opinions = tuple(_opinions(candidate.verdicts))
    first = candidate.trained[0].predicate.run

    rests_on = {
        *(item.index for item in candidate.trained),
        *(item.index for item in candidate.decisions),
        *(item.signed.index for item in candidate.verdicts),
        *candidate.lineage,
    }
    return Attempt(
        number=number,
        case=candidate.case,
        model_sha256=candidate.model_sha256,
        plan_sha256=candidate.plan_sha256,
        entries=tuple(item.index for item in candidate.trained),
        started_by=first.started_by,
        finished=first.finished,
        commit=first.commit,
        mode=effective_mode(first.mode),
        outcome=_outcome(candidate.decisions, opinions),
        opinions=opinions,
        differs=_differs(candidate, previous) if previous else (),
        rests_on=frozenset(rests_on),
    )


def _outcome(
    decisions: list[Signed[VerificationSummary]], opinions: tuple[GateOpinion, ...]
) -> AttemptOutcome:
    """Return what became of it: once registered it stays that, whatever was found later."""
    if any(decision.predicate.lets_in for decision in decisions):
        return AttemptOutcome.REGISTERED
    if decisions:
        has_passed = decisions[-1].predicate.has_passed
        return AttemptOutcome.PASSED if has_passed else AttemptOutcome.BLOCKED
    # A gate that failed blocks before anybody decides: an attempt that was left lying then is no
    # open one.
    is_opposed = any(not opinion.is_superseded for opinion in opinions)
    return AttemptOutcome.BLOCKED if is_opposed else AttemptOutcome.OPEN


def _opinions(belonging: list[_Belonging]) -> Iterator[GateOpinion]:
    """Yield the verdicts that were no pass, or were judged outside the plan."""
    for place, item in enumerate(belonging):
        content = item.signed.predicate
        if content.outcome == Outcome.PASS and not item.outside_plan:
            continue

        # By a pass of the same gate within the same attempt, and not by a looser plan's: that would
        # be another attempt.
        is_superseded = any(
            later.signed.predicate.gate == content.gate
            and later.signed.predicate.outcome == Outcome.PASS
            and not later.outside_plan
            for later in belonging[place + 1 :]
        )
        yield _opinion(item.signed, item.outside_plan, is_superseded=is_superseded)


def _opinion(
    signed: Signed[SignedVerdict], outside_plan: tuple[str, ...], *, is_superseded: bool
) -> GateOpinion:
    content = signed.predicate
    checks = (*content.failed, *content.warned)
    return GateOpinion(
        content.gate, signed.index, content.outcome, checks, outside_plan, is_superseded
    )


def _differs(candidate: _Candidate, previous: _Candidate) -> tuple[str, ...]:
    """Return the names of what differs between two attempts of one use case."""
    names: list[str] = []
    if candidate.data.rows_sha256 != previous.data.rows_sha256:
        names.append("rows")
    if candidate.plan and previous.plan:
        names += previous.plan.differences(candidate.plan)
    elif candidate.plan or previous.plan:
        names.append("plan")

    # The same plan and rows came to another model: by code or libraries, which are in no plan.
    return tuple(names) or ("code",)
