"""A sample notice of adverse action, and the disclosure of a score, which is another list.

The sample is of nobody: its reasons are those that most declined applicants are told, in the words
of the map that the model was judged with. What only a person can say in it stays missing.
"""

from collections.abc import Mapping
from typing import Any

from tasks.dossier.claims import Claim, Statable
from tasks.dossier.content import AnsweredRow, Chapter, DossierTable
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.subject import DossierSubject

OWNER = "compliance-officer"
# 12 CFR 1002.9(b)(2), comment 1: no number is fixed, and more than four are unlikely to help.
MOST_REASONS = 4
HEAD = ("Part of the notice", "As it would read, or who owes it")


def compose_notices(subject: DossierSubject) -> tuple[Chapter, ...]:
    """Return the sample of a notice, then what a consumer report asks for, apart from it."""
    notice = (
        AnsweredRow(("Creditor",), _party(subject, "controller")),
        *_reasons(subject),
        subject.requirement_field("Statement of rights, agency, and how to ask", "RGB-9a"),
    )

    # Apart: 12 CFR 1002.9 and FCRA 615(a) ask for two lists, and neither answers the other.
    disclosure = (
        AnsweredRow(("Consumer reporting agency",), _party(subject, "independent_controller")),
        subject.requirement_field("Score, its range and date, key factors, rights", "FCR-615"),
    )

    return (
        Chapter(
            "Sample notice of adverse action, 12 CFR 1002.9",
            text=(
                "A sample of nobody's application: the reasons are those that most declined "
                "applicants are told. Of a real one they are the applicant's own.",
            ),
            parts=(DossierTable(HEAD, notice),),
        ),
        Chapter(
            "Disclosure of a score, FCRA 615(a)",
            text=(
                "Another list: factors of the agency's score, which it supplies, and never the "
                "reasons above.",
            ),
            parts=(DossierTable(HEAD, disclosure),),
        ),
    )


def _party(subject: DossierSubject, role: str) -> Statable:
    """Return the parties of a role, as the worker found them in the agreements."""
    review = subject.evidence.review
    sources = review.predicate.sources if review else ()
    parties = [item.party for item in sources if item.role == role and item.party]
    if review is None or not parties:
        return subject.owed(f"no agreement in the register names a {role}", OWNER)
    return Claim(", ".join(dict.fromkeys(parties)), (subject.evidence.refer(review),))


def _reasons(subject: DossierSubject) -> tuple[AnsweredRow, ...]:
    evidence = subject.evidence
    report = evidence.read_artefact("explain/report.json", "reasons", "reason_map_version")
    reason_map = evidence.read_case_file("explain", "reasons")
    if isinstance(report, Lacking):
        return (AnsweredRow(("Principal reasons",), subject.settle(report, OWNER)),)
    if isinstance(reason_map, Lacking):
        return (AnsweredRow(("Principal reasons",), subject.settle(reason_map, OWNER)),)

    # Both stand behind a reason: one entry for how often it is told, one for its words.
    counts, told_by = report
    words, worded_by = reason_map
    texts = sample_reasons(words, counts["reasons"])
    return tuple(
        AnsweredRow((f"Principal reason {number}",), Claim(text, (told_by, worded_by)))
        for number, text in enumerate(texts, 1)
    )


def sample_reasons(reason_map: Mapping[str, Any], counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the words of the reasons that most people are told, the most frequent first."""
    by_code = {reason["code"]: str(reason["text"]) for reason in reason_map["reasons"]}
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    # A reason that nobody was told, or that has no words in the map, is none of a notice.
    return tuple(by_code[code] for code, count in ranked if count and code in by_code)[
        :MOST_REASONS
    ]
