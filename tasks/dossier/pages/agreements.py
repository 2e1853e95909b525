"""The register of agreements and the records of processing, from what `admit` signed for."""

from typing import Any

from tasks.agreements.clauses import ASSOCIATE_CLAUSES, BY_ROLE
from tasks.attestation.agreement_review import ReviewedSource
from tasks.dossier.claims import Claim, Reference, Statable
from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.subject import DossierSubject

AGREEMENTS = "agreements"
PROCESSING = "processing"
LEGAL = "legal"
OFFICER = "data-protection-officer"
UNKNOWN = 99  # the place of a clause that the law does not list: behind those that it does
# Values of a declaration or an artefact with the statement that names them, or why there are none.
Looked = tuple[Any, Reference] | Lacking


def compose_agreements(subject: DossierSubject) -> DossierPage:
    """Return the page of agreements: one a source, and each clause that the law asks for.

    What stands on it is what the worker found when the data was admitted, and has signed.
    """
    review = subject.evidence.review
    if review is None:
        missing = subject.owed(
            "no signed review of the agreements that the data was read by", LEGAL
        )
        rows = (AnsweredRow(("sources",), missing),)
        chapters: tuple[Chapter, ...] = (
            Chapter("Agreements", parts=(DossierTable(("Source", "Answer"), rows),)),
        )
    else:
        reference = subject.evidence.refer(review)
        sources = review.predicate.sources
        chapters = (
            _register(subject, sources, review.predicate.day, reference),
            *(_clauses(source, reference) for source in sources if source.clauses),
        )

    return DossierPage(
        name=AGREEMENTS,
        title="Register of agreements",
        lead="By which agreements the data may be used, as the worker found when it was read. "
        "A clause that is missing, or an agreement that has expired, stops the release there.",
        chapters=chapters,
    )


def _register(
    subject: DossierSubject, sources: tuple[ReviewedSource, ...], day: str, reference: Reference
) -> Chapter:
    rows = tuple(
        AnsweredRow(
            (source.source,),
            _standing(subject, source, day, reference),
            _figures(source),
        )
        for source in sources
    )

    # Two days: a release may come long after its data was read, and an agreement end between.
    head = ("Source", "Party", "Role", "Agreement", "Expires", "Signed file", "On the day")
    return Chapter(
        "Agreements",
        text=(
            f"Judged on {day}, by the clock of the machine that read the data. Whether each is in "
            "force is said for the day of the release, too.",
        ),
        parts=(DossierTable(head, rows),),
    )


def _figures(source: ReviewedSource) -> tuple[str, ...]:
    """Return what the register says; nothing of an agreement that it does not have."""
    # Such a row is owed, and a row that is owed has no figures.
    if not source.sha256 and not source.faults:
        return ()
    return (
        source.party or "not in the register",
        source.role.replace("_", " "),
        source.agreement,
        source.expires or "not in the register",
        f"{source.file_sha256[:12]}…" if source.file_sha256 else "none",
    )


def _standing(
    subject: DossierSubject, source: ReviewedSource, day: str, reference: Reference
) -> Statable:
    """Return whether an agreement let its source be used, by the day of the release too."""
    if faults := (*source.faults, *source.lapses):
        return Claim("; ".join(faults), (reference,), is_against=True)
    if not source.sha256:
        return subject.owed(f"a file of {source.agreement} in the register", LEGAL)
    # Days in ISO 8601 compare as texts. Without an end the text is empty, and so before every day.
    if source.expires < subject.evidence.day:
        text = f"in force on {day}, expired on the day of the release"
        return Claim(text, (reference,), is_against=True)

    return Claim("in force, every clause in place", (reference,))


def _clauses(source: ReviewedSource, reference: Reference) -> Chapter:
    asked = {
        **BY_ROLE.get(source.role, {}),
        **ASSOCIATE_CLAUSES,
    }

    # In the law's order: what was signed has its keys in that of the alphabet.
    order = {clause: number for number, clause in enumerate(asked)}
    ordered = sorted(source.clauses.items(), key=lambda item: order.get(item[0], UNKNOWN))
    rows = tuple(
        AnsweredRow(
            (clause, asked.get(clause, "")),
            Claim(place, (reference,))
            if place
            else Claim("missing", (reference,), is_against=True),
        )
        for clause, place in ordered
    )
    tables = [DossierTable(("Clause", "What it says", "Place in the text"), rows)]

    # "none" is a claim, too: the agreement was read, and agrees to nobody else and no transfer.
    others = (
        *(("Sub-processor", text) for text in source.subprocessors or ("none",)),
        *(("Transfer", text) for text in source.transfers or ("none",)),
    )
    stated = tuple(AnsweredRow((label,), Claim(text, (reference,))) for label, text in others)
    tables.append(DossierTable(("Who else, and where", "As agreed"), stated))
    return Chapter(f"Clauses of {source.agreement}, with {source.party}", parts=tuple(tables))


def compose_processing(subject: DossierSubject) -> DossierPage:
    """Return the records of processing, Art. 30(1)(a) to (g), and retention."""
    evidence = subject.evidence
    sources = evidence.read_artefact("admit/sources.json")
    columns = evidence.section("columns")

    # One row a letter of the article, in its order; (d) is a person's, whatever evidence says.
    rows = [
        _controller(subject, sources),
        subject.requirement_field("(b) purposes, and their legal basis", "GDP-6"),
        _people(subject, columns),
        AnsweredRow(("(d) recipients",), subject.owed("", OFFICER)),
        _transfers(subject),
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
    # By the declared role: a processor's name in the controller's place would be a wrong record.
    owners = [source["owner"] for source in values.values() if source["role"] == "controller"]
    if not owners:
        return AnsweredRow(label, subject.owed("no source's owner is the controller", OFFICER))
    return AnsweredRow(label, Claim(", ".join(dict.fromkeys(owners)), (reference,)))


def _people(subject: DossierSubject, columns: Looked) -> AnsweredRow:
    label = ("(c) people and data: declared columns by role",)
    if isinstance(columns, Lacking):
        return AnsweredRow(label, subject.settle(columns, OFFICER))

    # Counted by role: the columns are named in the declaration that the row refers to.
    values, reference = columns
    roles: dict[str, int] = {}
    for column in values.values():
        roles[column["role"]] = roles.get(column["role"], 0) + 1
    text = ", ".join(f"{role.replace('_', ' ')} {count}" for role, count in sorted(roles.items()))
    return AnsweredRow(label, Claim(text, (reference,)))


def _transfers(subject: DossierSubject) -> AnsweredRow:
    label = ("(e) transfers to other countries, by agreement",)
    review = subject.evidence.review
    # One source without an agreement may take its data anywhere: what the others say is no answer
    # then.
    stated = review is not None and all(item.sha256 for item in review.predicate.sources)
    if review is None or not stated:
        return AnsweredRow(
            label, subject.owed("a source has no agreement in the register", OFFICER)
        )

    transfers = [text for item in review.predicate.sources for text in item.transfers]
    text = "; ".join(dict.fromkeys(transfers)) or "none is agreed"
    return AnsweredRow(label, Claim(text, (subject.evidence.refer(review),)))


def _retention(subject: DossierSubject) -> AnsweredRow:
    label = ("(f) how long it is kept",)
    erasure = subject.evidence.section("erasure")
    if isinstance(erasure, Lacking):
        return AnsweredRow(label, subject.settle(erasure, OFFICER))

    values, reference = erasure
    periods = "; ".join(
        f"{name}: {rule['months']} months ({rule['basis']})"
        for name, rule in values.get("keep", {}).items()
    )
    if not periods:
        return AnsweredRow(label, subject.owed("no period is declared", OFFICER))
    return AnsweredRow(label, Claim(periods, (reference,)))
