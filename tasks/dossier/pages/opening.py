"""The first page: readiness, what the release came to, what is missing, and where all else is."""

from collections import Counter

from tasks.dossier.answering import Readiness, WeighedRequirement
from tasks.dossier.claims import AnswerStanding, Claim, Missing, NotApplicable
from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable, PlainRow
from tasks.dossier.subject import DossierSubject
from tasks.path import SUBJECTS
from tasks.reports import format_number, name_columns

NAME = "index"
MOST_REASONS = 12


def compose_opening(subject: DossierSubject, pages: tuple[DossierPage, ...]) -> DossierPage:
    """Return the page; `pages` are all others, in their order."""
    is_let_in = subject.evidence.is_let_in
    state = "Registered" if is_let_in else "Not registered: this is the file of why"

    # Two counts: law that is not yet in force neither lowers today's readiness nor raises it.
    ahead = Readiness.of(subject.ahead)
    lines = [f"Readiness: {subject.readiness.text}."]
    if subject.ahead:
        lines.append(f"Of what is not yet in force: {ahead.text}.")
    lines.append(f"Profile {subject.profile}: {subject.profile_title}.")

    return DossierPage(
        name=NAME,
        title=f"{subject.title}: dossier",
        lead=f"Declared purpose: {subject.purpose}. Every claim refers to a signed entry of the "
        "ledger; what has none is shown as missing, with its owner and day.",
        banner=(state, tuple(lines), "pass" if is_let_in else "fail"),
        chapters=(
            _release(subject),
            _contents(pages),
            _gaps(subject),
            _next(subject),
        ),
    )


def _release(subject: DossierSubject) -> Chapter:
    evidence = subject.evidence
    rows = [
        subject.field("Decision", "decision", "model-owner"),
        subject.field("Model", "stage:train", "model-owner"),
        *_registered(subject),
        *(subject.field(f"Gate {gate}", f"gate:{gate}", "model-owner") for gate in _gates(subject)),
    ]
    parts = [DossierTable(("What", "Outcome"), tuple(rows))]

    # As `verify` says it: a reader must not find "refused" without the link that is at fault.
    if evidence.chain.broken:
        broken = tuple(PlainRow((refusal.text,)) for refusal in evidence.chain.broken)
        parts.append(DossierTable(("Links that do not hold",), broken))

    reasons = _reasons(subject)
    if reasons.rows:
        parts.append(reasons)
    return Chapter("The release", parts=tuple(parts))


def _registered(subject: DossierSubject) -> tuple[AnsweredRow, ...]:
    """Return where the registry has a model that was let in: the other way of its description.

    The version is made of the run that holds this dossier, so it is named by its decision.
    """
    evidence = subject.evidence
    if not evidence.is_let_in or evidence.decision is None:
        return ()
    entry = evidence.decision.index
    text = f"in MLflow, the version with the tag portcullis.log_entry = {entry}"
    return (AnsweredRow(("Registry",), Claim(text, (evidence.refer(evidence.decision),))),)


def _gates(subject: DossierSubject) -> tuple[str, ...]:
    """Return the gates, those that speak against the model first, then those that say nothing.

    A gate that broke down, or was never asked about a model, has no verdict: that is a gap.
    """
    verdicts = subject.evidence.chain.verdicts
    absent = [gate for gate in SUBJECTS if gate not in verdicts]
    order = {"fail": 0, "undecided": 1}
    judged = sorted(verdicts, key=lambda gate: order.get(verdicts[gate].outcome, 3))
    contrary = [gate for gate in judged if verdicts[gate].outcome in order]

    # Without a model most gates have nothing to judge, and their silence is no gap.
    silent = absent if subject.evidence.is_trained else []
    return (*contrary, *silent, *(gate for gate in judged if gate not in contrary))


def _reasons(subject: DossierSubject) -> DossierTable:
    """Return the checks that failed, as far as a first page has room, and how many there are."""
    rows = []
    for gate in _gates(subject):
        for check in subject.evidence.checks(gate):
            if check.outcome.value == "fail":
                claim = subject.evidence.claim_check(gate, check)
                measure = name_columns(check.measure, check.about, subject.words)
                value = "" if check.value is None else format_number(check.value)
                rows.append(AnsweredRow((measure,), claim, (value, check.limit, check.reason)))

    head = ("Checks that failed", "Value", "Limit", "Why", "Outcome")
    cut = f"{MOST_REASONS} of {len(rows)} checks that failed" if len(rows) > MOST_REASONS else ""
    return DossierTable(head, tuple(rows[:MOST_REASONS]), cut)


def _contents(pages: tuple[DossierPage, ...]) -> Chapter:
    rows = []
    for page in pages:
        counts = Counter(answer.standing for answer in page.answers())
        # An answer that is stale counts as none: somebody has to answer again.
        rows.append(
            PlainRow(
                (
                    page.title,
                    str(counts[AnswerStanding.ANSWERED]),
                    str(counts[AnswerStanding.AGAINST]),
                    str(counts[AnswerStanding.MISSING] + counts[AnswerStanding.STALE]),
                ),
                href=f"{page.name}.html",
            )
        )

    head = ("Part", "Answered", "Evidence against", "Missing")
    return Chapter("Contents", parts=(DossierTable(head, tuple(rows)),))


def _gaps(subject: DossierSubject) -> Chapter:
    owed = [row for row in subject.required if not row.standing.is_answer]
    rows = tuple(
        AnsweredRow((row.requirement.id, row.requirement.text), row.answer)
        # What speaks against it has no day, and so comes first.
        for row in sorted(owed, key=_urgency)
        if not isinstance(row.answer, NotApplicable)
    )

    return Chapter(
        "What is not answered",
        text=("What evidence speaks against, then what is owed, by its day.",) if rows else (),
        parts=(DossierTable(("Id", "What is asked", "State"), rows),) if rows else (),
    )


def _urgency(row: WeighedRequirement) -> tuple[str, str]:
    due = row.answer.due if isinstance(row.answer, Missing) else ""
    return due, row.requirement.id


def _next(subject: DossierSubject) -> Chapter:
    # What evidence alone answers, or still lacks evidence, no signature closes.
    first = next(
        (
            row
            for row in subject.required
            if isinstance(row.answer, Missing)
            and row.requirement.kind != "fact"
            and len(row.claims) == len(row.requirement.evidence)
        ),
        None,
    )
    commands = [f"./portcullis verify {subject.case}"]
    # One example and not all: the page lists every gap above, with its id.
    if first is not None:
        commands.append(f"./portcullis answer {subject.case} {first.requirement.id} --file FILE")
    return Chapter("Next", commands=tuple(commands))
