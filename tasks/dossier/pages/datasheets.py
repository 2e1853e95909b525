"""A datasheet for the data that the model learnt from: the questions of Gebru et al. 2021.

What evidence answers has its entries; motivation, consent and maintenance are people's.
"""

from tasks.dossier.claims import Claim, Reference, Statable
from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.subject import DossierSubject

NAME = "datasheets"
OWNER = "data-owner"
HEAD = ("Question", "Answer")
# Of the seven groups of questions, those that no file answers: each is owed by the data's owner.
MOTIVATION = (
    "For what purpose was it collected?",
    "Who collected it, and who paid for it?",
)
USES = (
    "For which uses is it not fit?",
    "Is it handed on, and under which terms?",
    "Who keeps it up to date, and how are errors mended?",
)


def compose_datasheets(subject: DossierSubject) -> DossierPage:
    """Return the page."""
    return DossierPage(
        name=NAME,
        title="Datasheet of the data",
        lead="The questions of Gebru et al. 2021, for the data that the model learnt from. "
        "What only its owner knows stays open until they sign.",
        chapters=(
            _owed(subject, "Motivation", MOTIVATION),
            _composition(subject),
            _collection(subject),
            _preparation(subject),
            _owed(subject, "Uses, distribution and maintenance", USES),
        ),
    )


def _owed(subject: DossierSubject, heading: str, questions: tuple[str, ...]) -> Chapter:
    # Owed and not left out: a question that is not on the sheet would seem never to have been
    # asked.
    rows = tuple(AnsweredRow((text,), subject.owed("", OWNER)) for text in questions)
    return Chapter(heading, parts=(DossierTable(HEAD, rows),))


def _composition(subject: DossierSubject) -> Chapter:
    # Named, so that a report of an older stage, which lacks one of them, is a gap and no KeyError.
    fields = ("rows", "group_rows", "label_shares", "missing_ratio")
    validation = subject.evidence.read_artefact("validate/report.json", *fields)
    if isinstance(validation, Lacking):
        row = AnsweredRow(("Rows, people, labels",), subject.settle(validation, OWNER))
        return Chapter("Composition", parts=(DossierTable(HEAD, (row,)),))

    report, reference = validation
    rows = (
        _said("How many rows?", f"{report['rows']:,}", reference),
        _said("Which share has each label?", _shares(report["label_shares"]), reference),
        *(
            _said(
                f"How many people of each group: {subject.words.label_of(attribute)}?",
                "; ".join(f"{group}: {count:,}" for group, count in groups.items()),
                reference,
            )
            for attribute, groups in report["group_rows"].items()
        ),
        _said("What is missing?", _missing(subject, report["missing_ratio"]), reference),
    )
    return Chapter("Composition", parts=(DossierTable(HEAD, rows),))


def _shares(shares: dict[str, float]) -> str:
    return "; ".join(f"{label}: {share:.1%}" for label, share in shares.items())


def _missing(subject: DossierSubject, ratios: dict[str, float]) -> str:
    parts = [
        f"{subject.words.label_of(column)}: {ratio:.1%}"
        for column, ratio in sorted(ratios.items(), key=lambda item: (-item[1], item[0]))
        # Columns without a gap are left out, or a table of hundreds of zeros would hide the few
        # that count.
        if ratio > 0
    ]
    return "; ".join(parts) or "nothing"


def _collection(subject: DossierSubject) -> Chapter:
    admitted = subject.evidence.read_artefact("admit/sources.json")
    if isinstance(admitted, Lacking):
        row = AnsweredRow(("From whom does it come?",), subject.settle(admitted, OWNER))
        return Chapter("Collection", parts=(DossierTable(HEAD, (row,)),))

    sources, reference = admitted
    rows = [
        _said(f"From whom does {name} come, and on what basis?", _origin(source), reference)
        for name, source in sources.items()
    ]
    rows.append(AnsweredRow(("Were the people told?",), _told(subject)))
    return Chapter("Collection", parts=(DossierTable(HEAD, tuple(rows)),))


def _origin(source: dict[str, str]) -> str:
    return f"{source['owner']}; {source['legal_basis']}; agreement {source['agreement']}"


def _told(subject: DossierSubject) -> Statable:
    return subject.requirement_field("", "GDP-13").answer


def _preparation(subject: DossierSubject) -> Chapter:
    rows = [subject.field("Personal data taken away", "gate:redact", OWNER)]

    ingestion = subject.evidence.read_artefact(
        "ingest/report.json", "dropped", "erased_rows", "rows"
    )
    if isinstance(ingestion, Lacking):
        rows.append(AnsweredRow(("Joined, and left out",), subject.settle(ingestion, OWNER)))
    else:
        report, reference = ingestion
        dropped = ", ".join(report["dropped"]) or "none"
        rows.append(_said("Columns that were left out", dropped, reference))
        erased = f"{report['erased_rows']:,} of {report['rows']:,}"
        rows.append(_said("Rows of people who were erased", erased, reference))

    rows.append(subject.field("Fit to learn from", "gate:validate", OWNER))
    return Chapter("Preparation", parts=(DossierTable(HEAD, tuple(rows)),))


def _said(question: str, text: str, reference: Reference) -> AnsweredRow:
    return AnsweredRow((question,), Claim(text, (reference,)))
