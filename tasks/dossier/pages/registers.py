"""Pages that are registers: requirements by part, threats, law, and the entries referred to."""

from tasks.attestation.predicates.predicate import Predicate
from tasks.dossier.answering import WeighedRequirement, due_of
from tasks.dossier.claims import Claim, Missing
from tasks.dossier.content import (
    AnsweredRow,
    Chapter,
    DossierPage,
    DossierTable,
    PlainRow,
)
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.evidence.ledger_facts import find_tests
from tasks.dossier.governance import Provision, ThreatRow
from tasks.dossier.subject import DossierSubject
from tasks.verifier.statement_index import Signed

CONTROLS = "controls"
THREATS = "threats"
LAW = "law"
EVIDENCE = "evidence"
ENTRY_HEAD = ("Entry", "Kind", "About", "Signed on (UTC)", "By", "Envelope, sha256")
THREAT_HEAD = ("Threat", "MITRE ATLAS", "Control", "Tests", "What is left", "Last result")
PART_TITLES = {
    "gdpr": "General Data Protection Regulation",
    "ai-act": "AI Act, high-risk systems",
    "consumer-credit": "Consumer credit, European Union",
    "us-credit": "Credit, United States",
    "model-risk": "Model risk",
    "hipaa": "Health information",
    "us-privacy": "Privacy, United States",
    "frameworks": "NIST AI RMF 1.0 and ISO/IEC 42001, Annex A",
}


def part_page_name(part: str) -> str:
    """Return the name of the page of a part."""
    return f"part-{part}"


def compose_part(subject: DossierSubject, part: str) -> DossierPage:
    """Return the page of one part: each clause, and what answers it."""
    rows = tuple(row for row in subject.weighed if row.requirement.part == part)
    ahead = [row.provision for row in rows if row.is_ahead]
    lead = "Each clause in words of ours, and what answers it."
    if ahead:
        lead += f" Not yet in force: from {ahead[0].valid_from}; it does not count today."

    return DossierPage(
        name=part_page_name(part),
        title=PART_TITLES[part],
        lead=lead,
        # A part that is ahead cites what is not in force, and its lead says so.
        is_about_law=bool(ahead),
        chapters=(Chapter("Requirements", parts=(_requirement_table(rows),)),),
    )


def _requirement_table(rows: tuple[WeighedRequirement, ...]) -> DossierTable:
    return DossierTable(
        ("Clause", "What is asked", "Id", "Answer"),
        tuple(
            AnsweredRow(
                (row.requirement.clause, row.requirement.text, row.requirement.id), row.answer
            )
            for row in rows
        ),
    )


def compose_controls(subject: DossierSubject) -> DossierPage:
    """Return the control map: every requirement of every part, by how it stands."""
    chapters = []
    for part in subject.governance.profiles[subject.profile].parts:
        rows = tuple(row for row in subject.weighed if row.requirement.part == part)
        table = DossierTable(
            ("Control", "Law or framework", "Status", "Evidence"),
            tuple(
                AnsweredRow((row.requirement.id, row.requirement.clause, _status(row)), row.answer)
                for row in rows
            ),
        )
        chapters.append(Chapter(PART_TITLES[part], parts=(table,)))

    return DossierPage(
        name=CONTROLS,
        title="Control map",
        lead="Met, gap or not applicable, for every requirement of the profile.",
        chapters=tuple(chapters),
        is_about_law=True,
    )


def _status(row: WeighedRequirement) -> str:
    if isinstance(row.answer, Claim):
        status = "gap: evidence against" if row.answer.is_against else "met"
        # It asks that something is shown, and what is shown has failed: a bare "met" would mislead.
        if not row.answer.is_against and any(claim.is_against for claim in row.claims):
            status = "met: shown, and not passed"
    elif isinstance(row.answer, Missing):
        status = "gap"
    else:
        status = str(row.standing)
    # It counts in no number of today, and is shown to be prepared for.
    return f"{status}, ahead" if row.is_ahead else status


def compose_threats(subject: DossierSubject) -> DossierPage:
    """Return the threat model: what stands against each threat, what tries it, what is left."""
    threats = subject.governance.threats
    chapters = []
    for kind in dict.fromkeys(threat.stride for threat in threats):
        own = tuple(threat for threat in threats if threat.stride == kind)
        tried = tuple(_tried_row(subject, threat) for threat in own)
        parts = [DossierTable(THREAT_HEAD, tried)]

        # What the project's tests try, and what this release measured, are two kinds of evidence.
        measured = tuple(_measured_row(subject, threat) for threat in own if threat.evidence)
        if measured:
            parts.append(DossierTable(("Threat", "In this release"), measured))
        chapters.append(Chapter(kind, parts=tuple(parts)))

    return DossierPage(
        name=THREATS,
        title="Threats: STRIDE for machine learning",
        lead="Each threat with its control and the tests that try it. Their last result comes from "
        "a signed run of the tests on the very code of this release; without one it is a gap.",
        chapters=tuple(chapters),
    )


def _tried_row(subject: DossierSubject, threat: ThreatRow) -> AnsweredRow:
    """Return a threat, and how its tests ended the last time."""
    labels = (
        threat.text,
        ", ".join(threat.atlas) or "none",
        threat.control,
        "\n".join(map(_test_in_words, threat.tests)) or "no test",
        threat.residual,
    )

    # A control that nothing tries is a claim of ours: it stays a gap until a test is written.
    if not threat.tests:
        due = due_of(threat.due_days, subject.evidence)
        return AnsweredRow(labels, Missing("no test tries it", threat.owner, due))
    # All of a threat's tests or none: one that did not run leaves the control untried in that
    # place.
    tests = find_tests(subject.evidence, threat.tests)
    return AnsweredRow(labels, subject.settle(tests, threat.owner, threat.due_days))


def _measured_row(subject: DossierSubject, threat: ThreatRow) -> AnsweredRow:
    """Return what the release itself measured of a threat."""
    lookups = [subject.evidence.find(name) for name in threat.evidence]
    lacking = [item for item in lookups if isinstance(item, Lacking)]
    if lacking:
        answer = subject.settle(lacking[0], threat.owner, threat.due_days)
        return AnsweredRow((threat.text,), answer)

    claims = [item for item in lookups if isinstance(item, Claim)]
    references = tuple(dict.fromkeys(ref for claim in claims for ref in claim.references))
    text = "; ".join(claim.text for claim in claims)
    is_against = any(claim.is_against for claim in claims)
    return AnsweredRow((threat.text,), Claim(text, references, is_against=is_against))


def _test_in_words(test: str) -> str:
    """Return a test as a sentence, after the file that it stands in: their names are sentences."""
    file, _, name = test.rpartition("/")[2].partition("::")
    words = name.removeprefix("test_").replace("_s_", "'s_").replace("_", " ")
    return f"• {file}: {words}"


def compose_law(subject: DossierSubject) -> DossierPage:
    """Return what changes next, what is in force, and what no longer is."""
    law = tuple(subject.governance.law.values())
    day = subject.day

    # The next to change first. What has no first day is never ahead, so `day` stands for none.
    ahead = sorted(
        (row for row in law if row.is_ahead(day)), key=lambda row: (row.valid_from or day, row.id)
    )
    current = [row for row in law if row.is_current(day)]
    past = sorted((row for row in law if row.is_past(day)), key=lambda row: str(row.valid_to))

    return DossierPage(
        name=LAW,
        title="Law, and what changes next",
        lead=f"As of {day.isoformat()}, the day of the release. Rows marked “unverified” were "
        "collected from secondary sources; counsel has to check them.",
        is_about_law=True,
        chapters=(
            Chapter("What changes next", parts=(_law_table(tuple(ahead)),)),
            Chapter("In force", parts=(_law_table(tuple(current)),)),
            Chapter(
                "No longer in force",
                text=("None of these is cited as current anywhere in the dossier.",),
                parts=(_law_table(tuple(past)),),
            ),
        ),
    )


def _law_table(rows: tuple[Provision, ...]) -> DossierTable:
    head = ("Source", "What it says", "Where", "From", "Until", "Kind", "Checked")
    return DossierTable(head, tuple(map(_law_row, rows)))


def _law_row(row: Provision) -> PlainRow:
    # A provision without a first day is in force, and says that nobody has established the day.
    since = row.valid_from.isoformat() if row.valid_from else "day not established"
    until = row.valid_to.isoformat() if row.valid_to else ""
    checked = "by counsel" if row.verified else "unverified"

    cells = (row.source, row.text, row.jurisdiction, since, until, row.status, checked)
    return PlainRow(cells, anchor=f"law-{row.id}")


def compose_evidence(
    subject: DossierSubject, statements: tuple[Signed[Predicate], ...]
) -> DossierPage:
    """Return the list of entries that pages refer to: what each is, and who signed it."""
    head = subject.evidence.log.head

    # Each row has an anchor: every reference on every page leads to it.
    rows = tuple(
        PlainRow(
            (
                f"entry {signed.index}",
                # Kind and version: the whole URI is in the statement, and would take half the row.
                "/".join(signed.statement.predicate_type.split("/")[-2:]),
                "\n".join(item.name for item in signed.subjects),
                signed.predicate.signed_on.replace("T", " ").removesuffix("Z") or "not said",
                f"{signed.key.holder or 'a worker'}, key {signed.key.public.keyid[:12]}…",
                signed.envelope_sha256[:12] + "…",
            ),
            anchor=f"entry-{signed.index}",
            href=f"statements/{signed.index}.json",
        )
        for signed in statements
    )

    return DossierPage(
        name=EVIDENCE,
        title="Evidence",
        lead=f"The entries that this dossier refers to, of ledger {head.origin}. Each lies as text "
        "under statements/, and signed, with its proof of inclusion, in bundle.zip.",
        chapters=(
            Chapter(
                "Check all of it, offline",
                text=(
                    "In a fresh environment with Python 3.11 or newer and cryptography. KEYID is "
                    "the id of the ledger's root key: ask the bank for it, and not this folder.",
                ),
                commands=("python check-dossier.pyz . --root KEYID",),
            ),
            Chapter(
                "Entries",
                parts=(DossierTable(ENTRY_HEAD, rows),),
            ),
        ),
    )
