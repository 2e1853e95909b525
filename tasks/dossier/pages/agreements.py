"""The register of agreements and the records of processing, from what `admit` signed for."""

from datetime import date
from typing import Any

from tasks.dossier.claims import Claim, Reference
from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable
from tasks.dossier.evidence import Lacking
from tasks.dossier.subject import DossierSubject

AGREEMENTS = "agreements"
PROCESSING = "processing"
LEGAL = "legal"
OFFICER = "data-protection-officer"
# What Art. 28(3) asks of a contract with a processor, in words of ours.
CLAUSES = (
    ("(a)", "processes on documented instructions only"),
    ("(b)", "people are bound to confidentiality"),
    ("(c)", "security of processing"),
    ("(d)", "sub-processors by permission only"),
    ("(e)", "helps with the rights of people"),
    ("(f)", "helps with security, breaches and impact assessments"),
    ("(g)", "deletes or returns everything at the end"),
    ("(h)", "proves all this, and allows audits"),
)
ROLES_WITH_CONTRACT = ("processor",)
# Values of a declaration or an artefact with the statement that names them, or why there are none.
Looked = tuple[Any, Reference] | Lacking


def compose_agreements(subject: DossierSubject) -> DossierPage:
    """Return the page of agreements: one a source, and each clause that a contract needs."""
    found = subject.evidence.read_artefact("admit/sources.json")
    if isinstance(found, Lacking):
        missing = AnsweredRow(("sources",), subject.settle(found, LEGAL))
        chapters: tuple[Chapter, ...] = (
            Chapter("Agreements", parts=(DossierTable(("Source", "Answer"), (missing,)),)),
        )
    else:
        sources, reference = found
        rows = tuple(
            AnsweredRow(
                (name,),
                _in_force(subject, source, reference),
                (
                    source["owner"],
                    source["role"].replace("_", " "),
                    source["legal_basis"],
                    source["agreement"],
                    source["expires"],
                ),
            )
            for name, source in sources.items()
        )
        head = ("Source", "Party", "Role", "Legal basis", "Agreement", "Expires", "On the day")
        chapters = (
            Chapter(
                "Agreements",
                text=(
                    "What each source is used by. The day is that of the release; a source whose "
                    "agreement has lapsed is not read at all.",
                ),
                parts=(DossierTable(head, rows),),
            ),
            *(
                _clauses(subject, name, source)
                for name, source in sources.items()
                if source["role"] in ROLES_WITH_CONTRACT
            ),
        )
    return DossierPage(
        name=AGREEMENTS,
        title="Register of agreements",
        lead="Parties, roles and legal bases, as they were signed for when the sources were read.",
        chapters=chapters,
    )


def _in_force(subject: DossierSubject, source: dict[str, str], reference: Reference) -> Claim:
    is_lapsed = date.fromisoformat(source["expires"]) < subject.day
    text = "lapsed" if is_lapsed else "in force"
    return Claim(text, (reference,), is_against=is_lapsed)


def _clauses(subject: DossierSubject, name: str, source: dict[str, str]) -> Chapter:
    rows = tuple(
        AnsweredRow(
            (f"GDPR 28(3){letter}", text),
            subject.owed(f"the clause's place in {source['agreement']}, and the file", LEGAL),
        )
        for letter, text in CLAUSES
    )
    return Chapter(
        f"Clauses of the contract with the processor of {name}",
        text=("The files of agreements are not in evidence yet, so every clause is open.",),
        parts=(DossierTable(("Clause", "What it says", "Where"), rows),),
    )


def compose_processing(subject: DossierSubject) -> DossierPage:
    """Return the records of processing, Art. 30(1)(a) to (g), and retention."""
    evidence = subject.evidence
    sources = evidence.read_artefact("admit/sources.json")
    columns = evidence.section("columns")
    rows = [
        _controller(subject, sources),
        subject.requirement_field("(b) purposes, and their legal basis", "GDP-6"),
        _people(subject, columns),
        AnsweredRow(("(d) recipients",), subject.owed("", OFFICER)),
        AnsweredRow(("(e) transfers to third countries",), subject.owed("", OFFICER)),
        _retention(subject),
        subject.requirement_field("(g) security of processing", "GDP-32"),
    ]
    erased = (
        subject.field("Erasures on record", "erasures", OFFICER),
        subject.field("List that each run asks", "artefact:admit/erasures.json", OFFICER),
    )
    return DossierPage(
        name=PROCESSING,
        title="Records of processing",
        lead="What the controller keeps under GDPR 30(1).",
        chapters=(
            Chapter("Record", parts=(DossierTable(("GDPR 30(1)", "Answer"), tuple(rows)),)),
            Chapter("Erasure", parts=(DossierTable(("Field", "Answer"), erased),)),
        ),
    )


def _controller(subject: DossierSubject, sources: Looked) -> AnsweredRow:
    label = ("(a) controller",)
    if isinstance(sources, Lacking):
        return AnsweredRow(label, subject.settle(sources, OFFICER))
    values, reference = sources
    owners = [source["owner"] for source in values.values() if source["role"] == "controller"]
    if not owners:
        return AnsweredRow(label, subject.owed("no source's owner is the controller", OFFICER))
    return AnsweredRow(label, Claim(", ".join(dict.fromkeys(owners)), (reference,)))


def _people(subject: DossierSubject, columns: Looked) -> AnsweredRow:
    label = ("(c) people and data: declared columns by role",)
    if isinstance(columns, Lacking):
        return AnsweredRow(label, subject.settle(columns, OFFICER))
    values, reference = columns
    roles: dict[str, int] = {}
    for column in values.values():
        roles[column["role"]] = roles.get(column["role"], 0) + 1
    text = ", ".join(f"{role.replace('_', ' ')} {count}" for role, count in sorted(roles.items()))
    return AnsweredRow(label, Claim(text, (reference,)))


def _retention(subject: DossierSubject) -> AnsweredRow:
    label = ("(f) how long it is kept",)
    found = subject.evidence.section("erasure")
    if isinstance(found, Lacking):
        return AnsweredRow(label, subject.settle(found, OFFICER))
    values, reference = found
    kept = "; ".join(
        f"{name}: {rule['months']} months ({rule['basis']})"
        for name, rule in values.get("keep", {}).items()
    )
    if not kept:
        return AnsweredRow(label, subject.owed("no period is declared", OFFICER))
    return AnsweredRow(label, Claim(kept, (reference,)))
