"""The model card: the fields of Mitchell et al. 2019, each from evidence or owed."""

from tasks.dossier.claims import Claim
from tasks.dossier.content import AnsweredRow, Chapter, DossierPage, DossierTable
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.subject import DossierSubject
from tasks.gates import Check, Outcome
from tasks.reports import format_number, name_columns

NAME = "model-card"
HEAD = ("Field", "Answer")
CHECK_HEAD = ("Measure", "Value", "95 % interval", "Limit", "Outcome")
MODEL_OWNER = "model-owner"
VALIDATOR = "model-validator"
# A reader looks for what failed: it comes first, then what is open.
GRAVEST = (Outcome.FAIL, Outcome.UNDECIDED, Outcome.PASS, Outcome.NOT_MEASURED)
# As the report of training calls them, and as people read them.
FIGURES = (
    ("auc", "AUC, out of fold"),
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced accuracy"),
    ("majority_accuracy", "accuracy of always saying the commoner label"),
    ("brier", "Brier score"),
    ("calibration_error", "calibration error"),
    ("approval_rate", "share decided favourably"),
)


def compose_model_card(subject: DossierSubject) -> DossierPage:
    """Return the page."""
    return DossierPage(
        name=NAME,
        title="Model card",
        lead="The fields of Mitchell et al. 2019. What evidence says has its entries; what a "
        "person has to say stays open until somebody signs for it.",
        chapters=(
            _details(subject),
            _uses(subject),
            _data(subject),
            _performance(subject),
            _by_group(subject),
            _limits(subject),
        ),
    )


def _details(subject: DossierSubject) -> Chapter:
    rows = (
        subject.field("Model, by digest", "stage:train", MODEL_OWNER),
        _family(subject),
        subject.field("Plan that was sealed before training", "plan", MODEL_OWNER),
        subject.field("Code and libraries", "code", MODEL_OWNER),
        subject.field("Commit", "commit", MODEL_OWNER),
        subject.field("Decision", "decision", MODEL_OWNER),
        subject.field("Approved by a second person", "approval", VALIDATOR),
        subject.field("Attempts on this data", "attempts", VALIDATOR),
    )
    return Chapter("Details", parts=(DossierTable(HEAD, rows),))


def _family(subject: DossierSubject) -> AnsweredRow:
    declared = subject.evidence.section("train")
    if isinstance(declared, Lacking):
        return AnsweredRow(("Learner",), subject.settle(declared, MODEL_OWNER))

    values, reference = declared
    # By name and not the whole section: the learner's parameters are in model.spdx.json.
    names = ("family", "mitigation", "seed", "folds", "refits")
    settings = ", ".join(f"{name}: {values[name]}" for name in names if name in values)
    return AnsweredRow(("Learner",), Claim(settings, (reference,)))


def _uses(subject: DossierSubject) -> Chapter:
    rows = (
        AnsweredRow(
            ("Intended use",),
            # Shown as declared, and still owed: the use case's own words are nobody's signature.
            subject.owed(f"declared, and unsigned: “{subject.purpose}”", "business-owner"),
        ),
        AnsweredRow(("Intended users",), subject.owed("", "business-owner")),
        AnsweredRow(("Uses that are excluded",), subject.owed("", "business-owner")),
        AnsweredRow(("Ethical considerations",), subject.owed("", "data-protection-officer")),
    )
    return Chapter("Use", parts=(DossierTable(HEAD, rows),))


def _data(subject: DossierSubject) -> Chapter:
    rows = [
        subject.field("Sources", "artefact:admit/sources.json", "data-owner"),
        subject.field("Rows that it learnt from", "stage:redact", "data-owner"),
        subject.field("Personal data taken away", "gate:redact", "data-protection-officer"),
        subject.field("Fit to learn from", "gate:validate", "data-owner"),
    ]

    report = subject.evidence.read_artefact("train/report.json", "features", "left_out", "parts")
    if isinstance(report, Lacking):
        rows.append(AnsweredRow(("Features",), subject.settle(report, MODEL_OWNER)))
    else:
        values, reference = report
        names = ", ".join(subject.words.name_of(name) for name in values["features"])
        rows.append(
            AnsweredRow((f"Features ({len(values['features'])})",), Claim(names, (reference,)))
        )
        left_out = "; ".join(f"{name}: {why}" for name, why in values["left_out"].items())
        rows.append(AnsweredRow(("Left out, and why",), Claim(left_out or "none", (reference,))))
        parts = ", ".join(f"{name} {count:,}" for name, count in values["parts"].items())
        rows.append(AnsweredRow(("Rows by part",), Claim(parts, (reference,))))
    return Chapter("Data", parts=(DossierTable(HEAD, tuple(rows)),))


def _performance(subject: DossierSubject) -> Chapter:
    report = subject.evidence.read_artefact("train/report.json", "performance")
    if isinstance(report, Lacking):
        rows: tuple[AnsweredRow, ...] = (
            AnsweredRow(("Performance",), subject.settle(report, MODEL_OWNER)),
        )
        return Chapter("Performance", parts=(DossierTable(HEAD, rows),))

    values, reference = report
    performance = values["performance"]
    rows = tuple(
        AnsweredRow(
            (label,),
            Claim("measured", (reference,)),
            (
                format_number(performance[name]),
                _interval(performance.get(f"{name}_interval")),
                "",
            ),
        )
        for name, label in FIGURES
        if name in performance
    )

    return Chapter(
        "Performance",
        text=("Out of fold: of people whom no model that scored them has learnt from.",),
        parts=(
            DossierTable(CHECK_HEAD, rows, "Figures of training"),
            check_table(subject, "train", "What the gate of training judged"),
        ),
    )


def _by_group(subject: DossierSubject) -> Chapter:
    return Chapter(
        "By group",
        text=(
            "Every group towards its privileged group, with the interval that was judged. What is "
            "undecided is no pass.",
        ),
        parts=(
            check_table(subject, "fairness", "Declared groups"),
            check_table(subject, "subgroups", "Subgroups that were searched"),
        ),
    )


def check_table(subject: DossierSubject, gate: str, title: str) -> DossierTable:
    """Return every check of a gate with value, interval and limit; what fails comes first."""
    checks = subject.evidence.checks(gate)
    if not checks:
        verdict = subject.evidence.find_gate(gate)
        row = AnsweredRow((title,), subject.settle(verdict, VALIDATOR))
        return DossierTable(HEAD, (row,), title)

    # `sorted` keeps the order of equals: within an outcome, checks stay as the gate has them.
    ordered = sorted(checks, key=lambda check: GRAVEST.index(check.outcome))
    rows = tuple(_check_row(subject, gate, check) for check in ordered)
    return DossierTable(CHECK_HEAD, rows, title)


def _check_row(subject: DossierSubject, gate: str, check: Check) -> AnsweredRow:
    return AnsweredRow(
        (name_columns(check.measure, check.about, subject.words),),
        subject.evidence.claim_check(gate, check),
        (
            # Said and not left blank: a blank cell would read as a figure that was forgotten.
            "not measured" if check.value is None else format_number(check.value),
            _interval(check.interval),
            check.limit,
        ),
    )


def _interval(interval: tuple[float, float] | list[float] | None) -> str:
    if not interval:
        return ""
    return f"{format_number(interval[0])} to {format_number(interval[1])}"


def _limits(subject: DossierSubject) -> Chapter:
    rows: list[AnsweredRow] = []
    for gate, verdict in subject.evidence.chain.verdicts.items():
        undecided = len(verdict.content.warned)
        unmeasured = sum(
            check.outcome is Outcome.NOT_MEASURED for check in subject.evidence.checks(gate)
        )

        # Against the model, although nothing failed: what is undecided or unmeasured is no pass.
        if undecided or unmeasured:
            text = f"{undecided} checks undecided, {unmeasured} not measured"
            reference = subject.evidence.refer(verdict.signed)
            rows.append(AnsweredRow((f"gate {gate}",), Claim(text, (reference,), is_against=True)))

    rows.append(subject.field("Noise of reasons", "gate:explain", VALIDATOR))
    rows.append(
        AnsweredRow(
            ("Limits that the figures do not show",),
            subject.owed("a person's judgement", VALIDATOR),
        )
    )
    return Chapter("Limits", parts=(DossierTable(HEAD, tuple(rows)),))
