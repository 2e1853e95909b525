"""Weigh what has to be answered: by evidence, by people's signed answers, or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from tasks.attestation.predicates.consent import RequirementAnswer, subject_of
from tasks.dossier.claims import AnswerStanding, Claim, Missing, NotApplicable, Statable
from tasks.dossier.evidence.case_evidence import CaseEvidence
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.governance import Governance, Provision, Requirement
from tasks.path import SEALING
from tasks.verifier.in_force.law import count_people
from tasks.verifier.statement_index import Signed

PEOPLE_FOR_TWO = 2


@dataclass(frozen=True)
class WeighedRequirement:
    """A requirement, and how it stands.

    Attributes:
        requirement: What is asked.
        provision: The law that asks it.
        is_ahead: Whether that law is not yet in force on the day of the release.
        claims: What evidence says, one for each reference.
        answer: What counts: a claim where it is answered.
    """

    requirement: Requirement
    provision: Provision
    is_ahead: bool
    claims: tuple[Claim, ...]
    answer: Statable

    @property
    def standing(self) -> AnswerStanding:
        """How it stands."""
        return self.answer.standing


@dataclass(frozen=True)
class Readiness:
    """How much of what is required is answered with evidence."""

    answered: int
    required: int

    @classmethod
    def of(cls, weighed: Iterable[WeighedRequirement]) -> "Readiness":
        """Count those that apply."""
        rows = [row for row in weighed if row.standing is not AnswerStanding.NOT_APPLICABLE]
        return cls(sum(row.standing.is_answer for row in rows), len(rows))

    @property
    def ratio(self) -> float:
        """The share, to three digits: 1 where nothing is required."""
        return round(self.answered / self.required, 3) if self.required else 1.0

    @property
    def text(self) -> str:
        """Return it as people read it."""
        return f"{self.answered} of {self.required} answered with evidence ({self.ratio:.0%})"


def weigh_requirements(
    governance: Governance, profile: str, evidence: CaseEvidence
) -> tuple[WeighedRequirement, ...]:
    """Return every requirement of a profile, weighed.

    What a law asks that is no longer in force on the day of the release is left out; what one asks
    that is not yet in force is marked, and counts apart.
    """
    # Without anything signed there is no day: law that has a first one is then ahead.
    day = date.fromisoformat(evidence.day) if evidence.day else date.min
    two_people = frozenset(governance.profiles[profile].second_person)

    return tuple(
        _weigh(row, governance.law[row.law], evidence, day, is_two=row.owner in two_people)
        for row in governance.required_by(profile)
        if not governance.law[row.law].is_past(day)
    )


def due_of(due_days: int, evidence: CaseEvidence, provision: Provision | None = None) -> str:
    """Return until when something is owed; never before the law that asks it is in force."""
    if not evidence.first_day:
        return ""
    # From the first decision of the use case, and not from this one: each release would else put it
    # off.
    due = date.fromisoformat(evidence.first_day) + timedelta(days=due_days)
    if provision is not None and provision.valid_from is not None:
        due = max(due, provision.valid_from)
    return due.isoformat()


def _weigh(
    row: Requirement, provision: Provision, evidence: CaseEvidence, day: date, *, is_two: bool
) -> WeighedRequirement:
    due = due_of(row.due_days, evidence, provision)
    lookups = [evidence.find(name) for name in row.evidence]
    claims = tuple(item for item in lookups if isinstance(item, Claim))
    lacking = tuple(item for item in lookups if isinstance(item, Lacking))

    answer = _answer(row, claims, lacking, evidence, due, is_two=is_two)
    return WeighedRequirement(row, provision, provision.is_ahead(day), claims, answer)


def _answer(
    row: Requirement,
    claims: tuple[Claim, ...],
    lacking: tuple[Lacking, ...],
    evidence: CaseEvidence,
    due: str,
    *,
    is_two: bool,
) -> Statable:
    # Said by the register, with its reason, and not by whoever is asked. It counts in neither
    # number of readiness.
    if row.not_applicable:
        return NotApplicable(row.not_applicable, row.owner)

    # 1. What evidence has to say comes first: nobody signs over what is not there.
    if lacking:
        return Missing(lacking[0].reason, row.owner, due)
    contrary = [claim for claim in claims if claim.is_against]
    # Some requirements ask that something holds, others that it is shown: there a failed check is
    # an answer, and the control map says that it was not passed.
    if row.is_pass_needed and contrary:
        references = tuple(ref for claim in contrary for ref in claim.references)
        return Claim(contrary[0].text, references, is_against=True)

    # 2. What a person has to say.
    references = tuple(dict.fromkeys(ref for claim in claims for ref in claim.references))
    if row.kind == "fact":
        return Claim("; ".join(claim.text for claim in claims), references)

    # 3. Both together: a person's text stands on what it was signed for and on what evidence says.
    signed = read_answers(row, evidence, is_two=is_two)
    if isinstance(signed, Claim):
        return Claim(signed.text, (*signed.references, *references))
    state = "evidence is there, and nobody has signed for it" if claims else "nobody has answered"
    gap = signed.what or state
    return Missing(gap, row.owner, due, signed.is_stale, (*signed.references, *references))


def read_answers(row: Requirement, evidence: CaseEvidence, *, is_two: bool) -> Claim | Missing:
    """Return what people have answered to a requirement: the latest answer that counts.

    A claim where it is to these words and about this data, by a person whose key is enrolled under
    the name in it, and by a second person where the profile asks for one.
    """
    subject = subject_of(evidence.case, row.id)
    answers = [
        signed
        for signed in evidence.log.statements(RequirementAnswer, subject)
        if signed.predicate.requirement == row.id and _is_their_own(signed)
    ]
    if not answers:
        return Missing("", row.owner)

    # By the log's order and by no clock. Whoever answers last has the last word, also where that
    # answer is stale: an earlier one must not come back to life.
    latest = answers[-1]
    if reason := _why_stale(latest, row, evidence):
        return Missing(reason, row.owner, "", True, (evidence.refer(latest),))

    # Two people who answer sign the same text.
    digest = latest.digest_of(subject)
    same = [
        signed
        for signed in answers
        if signed.digest_of(subject) == digest and not _why_stale(signed, row, evidence)
    ]
    by_person = {signed.predicate.person: signed for signed in same}
    # By identity: two keys of one person, or two names that share a login, are one.
    people = count_people(signed.key for signed in by_person.values())
    if is_two and people < PEOPLE_FOR_TWO:
        gap = f"answered by {latest.predicate.person}; a second person has to sign the same text"
        return Missing(gap, row.owner, "", False, (evidence.refer(latest),))

    who = ", ".join(
        f"{signed.predicate.person}, {signed.predicate.capacity}, {signed.predicate.given_on[:10]}"
        for signed in by_person.values()
    )
    references = tuple(evidence.refer(signed) for signed in by_person.values())
    return Claim(f"{latest.predicate.text} ({who})", references)


def rows_name(case: str) -> str:
    """Return the name of the data that an answer is about: what the model learnt from."""
    return f"{case}/{SEALING.made_from}"


def _is_their_own(signed: Signed[RequirementAnswer]) -> bool:
    """Say whether the name in an answer is the one that the key is enrolled under."""
    # The name in the predicate is what the signer says. The enrolment is signed by the root key.
    return signed.key.is_of_person and signed.key.holder == signed.predicate.person


def _why_stale(signed: Signed[RequirementAnswer], row: Requirement, evidence: CaseEvidence) -> str:
    # By digest: a register that asks for more under the same id has not been answered.
    if signed.predicate.requirement_sha256 != row.sha256:
        return "answered when it was asked in other words"

    name = rows_name(evidence.case)
    if signed.digest_of(name) != evidence.chain.artefacts().get(name):
        return "answered about other data"
    return ""
