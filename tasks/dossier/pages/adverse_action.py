"""What a person who is declined is told, and how it was tried that this is why.

No sample letter stands here: what a notice says is a person's to sign for (RGB-9a, FCR-615).
"""

from tasks.dossier.claims import Claim
from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable
from tasks.dossier.evidence import Lacking
from tasks.dossier.pages.model_card import check_table
from tasks.dossier.subject import DossierSubject

NAME = "adverse-action"
OWNER = "compliance-officer"
HEAD = ("Question", "Answer")


def compose_adverse_action(subject: DossierSubject) -> DossierPage:
    """Return the page."""
    parts = subject.governance.profiles[subject.profile].parts
    chapters = [_reasons(subject), _tried(subject), _replay(subject)]
    if "us-credit" in parts:
        chapters.append(_notices(subject))
    return DossierPage(
        name=NAME,
        title="Reasons for a decline",
        lead="Which reasons were given, how often, and what was measured of them.",
        chapters=tuple(chapters),
    )


def _reasons(subject: DossierSubject) -> Chapter:
    fields = ("reasons", "declined_rows", "reason_map_version", "people_behind_each_value")
    found = subject.evidence.read_artefact("explain/report.json", *fields)
    if isinstance(found, Lacking):
        row = AnsweredRow(("Reasons",), subject.settle(found, OWNER))
        return Chapter("Reasons", parts=(DossierTable(HEAD, (row,)),))

    report, reference = found
    said = (reference,)
    compared = f"composites, each value from at least {report['people_behind_each_value']} people"
    facts = (
        AnsweredRow(("Map of reasons",), Claim(f"version {report['reason_map_version']}", said)),
        AnsweredRow(
            ("Declined rows that were explained",), Claim(str(report["declined_rows"]), said)
        ),
        AnsweredRow(("Compared with",), Claim(compared, said)),
    )
    counts = tuple(
        AnsweredRow((code,), Claim("counted", said), (str(count),))
        for code, count in sorted(report["reasons"].items(), key=lambda item: (-item[1], item[0]))
    )
    table = DossierTable(
        ("Reason, by code", "Declined applicants who are told it", "Evidence"), counts
    )
    return Chapter("Reasons", parts=(DossierTable(HEAD, facts), table))


def _tried(subject: DossierSubject) -> Chapter:
    return Chapter(
        "How it was tried that these are the reasons",
        parts=(check_table(subject, "explain", "What the gate of explanations judged"),),
    )


def _replay(subject: DossierSubject) -> Chapter:
    rows = (subject.field("Every explanation is committed to", "explanations", OWNER),)
    return Chapter(
        "One decision, years later",
        text=("One explanation is proven to the person it is about, and nobody else's is shown.",),
        parts=(DossierTable(HEAD, rows),),
        commands=(f"./portcullis prove {subject.case} --help",),
    )


def _notices(subject: DossierSubject) -> Chapter:
    rows = (
        subject.requirement_field("The notice of adverse action", "RGB-9a"),
        subject.requirement_field("Score and key factors, apart from it", "FCR-615"),
    )
    return Chapter("Notices", parts=(DossierTable(HEAD, rows),))
