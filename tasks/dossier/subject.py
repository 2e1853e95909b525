"""What every page of one dossier is made from, and how a page asks for evidence."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from tasks.config.words import Words
from tasks.dossier.answering import Readiness, WeighedRequirement, due_of
from tasks.dossier.claims import Claim, Missing, Statable
from tasks.dossier.content import AnsweredRow
from tasks.dossier.evidence.case_evidence import CaseEvidence
from tasks.dossier.evidence.lacking import Lookup
from tasks.dossier.governance import Governance

DUE_DAYS = 30  # of a field of a page that no requirement has
OWNER_OF_REGISTER = "compliance-officer"


@dataclass(frozen=True)
class DossierSubject:
    """One model, what evidence says of it, and what has to be answered about it.

    `title` and `purpose` are the use case's own words for itself; pages show them as declared.
    """

    title: str
    purpose: str
    profile: str
    governance: Governance
    evidence: CaseEvidence
    weighed: tuple[WeighedRequirement, ...]
    words: Words
    profile_title: str = ""

    @property
    def case(self) -> str:
        """The use case."""
        return self.evidence.case

    @cached_property
    def day(self) -> date:
        """The day of the release, by what was signed."""
        # Without anything signed there is no day. On the first of all days every law with a
        # beginning is ahead, so that no page claims to meet one.
        return date.fromisoformat(self.evidence.day) if self.evidence.day else date.min

    @property
    def required(self) -> tuple[WeighedRequirement, ...]:
        """What has to be answered today."""
        return tuple(row for row in self.weighed if not row.is_ahead)

    @property
    def ahead(self) -> tuple[WeighedRequirement, ...]:
        """What will have to be, by law that is not yet in force."""
        return tuple(row for row in self.weighed if row.is_ahead)

    @property
    def readiness(self) -> Readiness:
        """How much of what has to be answered today is."""
        return Readiness.of(self.required)

    def settle(self, found: Lookup, owner: str, due_days: int = DUE_DAYS) -> Statable:
        """Return an answer: what was found, or that it is missing, whose it is and until when."""
        if isinstance(found, Claim):
            return found
        return Missing(found.reason, owner, due_of(due_days, self.evidence))

    def owed(self, what: str, owner: str, due_days: int = DUE_DAYS) -> Missing:
        """Return that a person has to answer, and nobody has."""
        return Missing(what, owner, due_of(due_days, self.evidence))

    def field(self, label: str, name: str, owner: str) -> AnsweredRow:
        """Return a row: a label, and what a reference leads to."""
        return AnsweredRow((label,), self.settle(self.evidence.find(name), owner))

    def requirement_field(self, label: str, requirement_id: str) -> AnsweredRow:
        """Return a row that one requirement answers; it is owed where the profile has it not.

        A bank's own register may have dropped it: the page's question stays, and is owed.
        """
        for row in self.weighed:
            if row.requirement.id == requirement_id:
                return AnsweredRow((label,), row.answer)
        by_id = {row.id: row for row in self.governance.requirements}
        if requirement_id not in by_id:
            missing = f"the register of requirements has no {requirement_id}"
            return AnsweredRow((label,), self.owed(missing, OWNER_OF_REGISTER))

        requirement = by_id[requirement_id]
        missing = f"{requirement_id} is no part of this profile"
        return AnsweredRow((label,), self.owed(missing, requirement.owner, requirement.due_days))
