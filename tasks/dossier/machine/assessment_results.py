"""How every requirement stands, as OSCAL 1.2 assessment results.

What evidence shows is an observation with a link to the entry; a requirement that is not answered
is a finding that is not satisfied. Specification: pages.nist.gov/OSCAL.
"""

from typing import Any
from uuid import UUID, uuid5

from tasks.dossier.answering import WeighedRequirement
from tasks.dossier.claims import AnswerStanding
from tasks.dossier.machine.bill_of_materials import NAMESPACE
from tasks.dossier.subject import DossierSubject

OSCAL_VERSION = "1.2.1"


def assessment_results(subject: DossierSubject) -> dict[str, Any]:
    """Return the document. Requirements of law that is not yet in force are not in it."""
    evidence = subject.evidence
    # OSCAL asks for times; the day is all that was signed, and no clock is read.
    start = f"{evidence.day}T00:00:00Z"
    # OSCAL's findings are satisfied or not: what does not apply would have to be called one of the
    # two.
    rows = [row for row in subject.required if row.standing is not AnswerStanding.NOT_APPLICABLE]

    # All ids follow from the model, the profile and the day: made again, they are the same.
    own = uuid5(NAMESPACE, f"{evidence.chain.model_sha256} {subject.profile} {evidence.day}")
    observations = [_observation(own, row, start) for row in rows if row.answer.references]

    controls = [{"control-id": _control_id(row.requirement.id)} for row in rows]
    result: dict[str, Any] = {
        "uuid": _derived(own, "result"),
        "title": f"Dossier of {subject.case}, profile {subject.profile}",
        "description": f"Readiness: {subject.readiness.text}.",
        "start": start,
        "reviewed-controls": {"control-selections": [{"include-controls": controls}]},
        "findings": [_finding(own, row) for row in rows],
    }
    # OSCAL's lists have one item at least: an empty one is left out.
    if observations:
        result["observations"] = observations

    return {
        "assessment-results": {
            "uuid": str(own),
            "metadata": {
                "title": f"Assessment results of {subject.case}",
                "last-modified": start,
                "version": evidence.chain.model_sha256[:12],
                "oscal-version": OSCAL_VERSION,
            },
            "import-ap": {"href": "dossier.json"},
            "results": [result],
        }
    }


def _observation(own: UUID, row: WeighedRequirement, start: str) -> dict[str, Any]:
    entries = sorted({reference.entry for reference in row.answer.references})

    return {
        "uuid": _derived(own, f"observation {row.requirement.id}"),
        "description": row.answer.text,
        "methods": ["EXAMINE"],
        "collected": start,
        "relevant-evidence": [
            {
                "href": f"statements/{entry}.json",
                "description": f"entry {entry} of the ledger",
            }
            for entry in entries
        ],
    }


def _finding(own: UUID, row: WeighedRequirement) -> dict[str, Any]:
    state = "satisfied" if row.standing.is_answer else "not-satisfied"
    finding: dict[str, Any] = {
        "uuid": _derived(own, f"finding {row.requirement.id}"),
        "title": f"{row.requirement.id}: {row.requirement.clause}",
        "description": row.requirement.text,
        "target": {
            "type": "objective-id",
            "target-id": _control_id(row.requirement.id),
            "status": {"state": state, "remarks": row.answer.text},
        },
    }

    # An observation was made only of what has references: a link leads to one that is there.
    if row.answer.references:
        observed = _derived(own, f"observation {row.requirement.id}")
        finding["related-observations"] = [{"observation-uuid": observed}]
    return finding


def _control_id(requirement_id: str) -> str:
    """Return an id as OSCAL's tokens are: letters, digits, `._-`."""
    return requirement_id.lower()


def _derived(own: UUID, name: str) -> str:
    return str(uuid5(own, name))
