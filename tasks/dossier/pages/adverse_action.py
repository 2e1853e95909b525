"""What a person who is declined is told, and how it was tried that this is why.

Where the law of the United States asks for notices, `notices` adds a sample.
"""

from tasks.dossier.claims import Claim, Reference
from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.pages.model_card import check_table
from tasks.dossier.pages.notices import compose_notices
from tasks.dossier.subject import DossierSubject

NAME = "adverse-action"
OWNER = "compliance-officer"
HEAD = ("Question", "Answer")
COUNTS_HEAD = (
    "Code",
    "Reason, in the words of the map",
    "Declined applicants who are told it",
    "Evidence",
)


def compose_adverse_action(subject: DossierSubject) -> DossierPage:
    """Return the page."""
    parts = subject.governance.profiles[subject.profile].parts
    # By the profile's parts: 12 CFR 1002 and the FCRA bind nobody elsewhere.
    notices = compose_notices(subject) if "us-credit" in parts else ()
    return DossierPage(
        name=NAME,
        title="Reasons for a decline",
        lead="Which reasons were given, how often, and what was measured of them.",
        chapters=(_reasons(subject), *notices, _tried(subject), _replay(subject)),
    )


def _reasons(subject: DossierSubject) -> Chapter:
    fields = ("reasons", "declined_rows", "reason_map_version", "people_behind_each_value")
    looked_up = subject.evidence.read_artefact("explain/report.json", *fields)
    if isinstance(looked_up, Lacking):
        row = AnsweredRow(("Reasons",), subject.settle(looked_up, OWNER))
        return Chapter("Reasons", parts=(DossierTable(HEAD, (row,)),))

    report, reference = looked_up
    references: tuple[Reference, ...] = (reference,)
    version = f"version {report['reason_map_version']}"
    declined = str(report["declined_rows"])
    compared = f"composites, each value from at least {report['people_behind_each_value']} people"
    facts = (
        AnsweredRow(("Map of reasons",), Claim(version, references)),
        AnsweredRow(("Declined rows that were explained",), Claim(declined, references)),
        AnsweredRow(("Compared with",), Claim(compared, references)),
    )

    # Without the map's file a code still counts: it stands there without its words.
    reason_map = subject.evidence.read_case_file("explain", "reasons")
    words: dict[str, str] = {}
    if not isinstance(reason_map, Lacking):
        values, worded_by = reason_map
        words = {reason["code"]: str(reason["text"]) for reason in values["reasons"]}
        references = (reference, worded_by)

    counts = tuple(
        # The most frequent first; codes of the same count by name, so that the same evidence gives
        # the same bytes.
        AnsweredRow((code,), Claim("counted", references), (words.get(code, ""), str(count)))
        for code, count in sorted(report["reasons"].items(), key=lambda item: (-item[1], item[0]))
    )
    return Chapter("Reasons", parts=(DossierTable(HEAD, facts), DossierTable(COUNTS_HEAD, counts)))


def _tried(subject: DossierSubject) -> Chapter:
    return Chapter(
        "How it was tried that these are the reasons",
        parts=(check_table(subject, "explain", "What the gate of explanations judged"),),
    )


def _replay(subject: DossierSubject) -> Chapter:
    rows = (subject.field("Every explanation is committed to", "explanations", OWNER),)
    return Chapter(
        "One decision, years later",
        text=(
            "One explanation is proven to the person it is about, and nobody else's is shown. "
            "ROW is the row of the application. --replay decides it again, by the model and the "
            "person's sealed row, and writes nothing unless the bytes are those committed to.",
        ),
        parts=(DossierTable(HEAD, rows),),
        commands=(f"./portcullis prove {subject.case} --decision ROW --replay --output proof.zip",),
    )
