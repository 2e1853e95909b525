"""The impact assessment of GDPR 35(7)(a) to (d), with the diagram of data flow."""

from itertools import pairwise

from tasks.dossier.claims import Claim
from tasks.dossier.content import (
    AnsweredRow,
    Chapter,
    DossierPage,
    DossierTable,
    FlowDiagram,
    FlowNode,
)
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.subject import DossierSubject
from tasks.path import PATH

NAME = "impact-assessment"
OFFICER = "data-protection-officer"
# The stages that a model's lineage runs through, in the order of the path, each in a column.
LINEAGE = tuple(stage.name for stage in PATH if stage.product)
STEP_COLUMNS = {stage: column for column, stage in enumerate(LINEAGE, start=1)}
INFERENCE = "inference"
HEAD = ("Question", "Answer")
# Risks to people that each model of this kind has; their likelihood and severity are a person's.
RISKS = (
    ("Somebody learns whom a row is about", ("gate:redact",)),
    ("A group is disadvantaged", ("gate:fairness", "gate:subgroups")),
    ("A feature stands in for a protected attribute", ("check:explain.proxy",)),
    ("A person cannot learn why", ("gate:explain", "explanations")),
    ("A decision is wrong because the data is", ("gate:validate",)),
    ("What was to be erased goes on having an effect", ("erasures",)),
)


def compose_impact_assessment(subject: DossierSubject) -> DossierPage:
    """Return the page."""
    return DossierPage(
        name=NAME,
        title="Data protection impact assessment",
        lead="GDPR 35(7)(a) to (d). Measures are shown with what the release measured of them; "
        "likelihood, severity and the advice of the data protection officer are people's.",
        chapters=(
            _processing(subject),
            _necessity(subject),
            _risks(subject),
            _signed_for(subject, "(d) Measures", "Measures signed for", "DPIA-7d"),
            _signed_for(subject, "Advice of the data protection officer", "GDPR 35(2)", "DPIA-2"),
        ),
    )


def _processing(subject: DossierSubject) -> Chapter:
    description = subject.requirement_field("Description signed for", "DPIA-7a")
    return Chapter(
        "(a) The processing, and its purposes",
        parts=(draw_flow(subject), DossierTable(HEAD, (description,))),
    )


def _necessity(subject: DossierSubject) -> Chapter:
    rows = (
        subject.requirement_field("Assessment", "DPIA-7b"),
        subject.field("Columns are an allow-list", "declared:columns", OFFICER),
        subject.requirement_field("Minimisation", "GDP-25"),
    )
    return Chapter("(b) Necessity and proportionality", parts=(DossierTable(HEAD, rows),))


def _risks(subject: DossierSubject) -> Chapter:
    risks = tuple(_risk(subject, text, names) for text, names in RISKS)
    judgement = subject.requirement_field("Likelihood and severity", "DPIA-7c")
    return Chapter(
        "(c) Risks to people",
        text=("What evidence says of each; likelihood and severity are DPIA-7c.",),
        parts=(
            DossierTable(("Risk", "What the release measured"), risks),
            DossierTable(HEAD, (judgement,)),
        ),
    )


def _signed_for(subject: DossierSubject, heading: str, label: str, requirement: str) -> Chapter:
    """Return a chapter that one person's answer fills, or leaves open."""
    row = subject.requirement_field(label, requirement)
    return Chapter(heading, parts=(DossierTable(HEAD, (row,)),))


def _risk(subject: DossierSubject, text: str, names: tuple[str, ...]) -> AnsweredRow:
    lookups = [subject.evidence.find(name) for name in names]

    # A risk of which half is measured is not measured: the gap is shown, and not the half.
    lacking = [item for item in lookups if isinstance(item, Lacking)]
    if lacking:
        return AnsweredRow((text,), subject.settle(lacking[0], OFFICER))

    claims = [item for item in lookups if isinstance(item, Claim)]
    references = tuple(ref for claim in claims for ref in claim.references)
    # One measure that failed is enough: a risk is as open as its worst evidence says.
    is_against = any(claim.is_against for claim in claims)
    measured = "; ".join(claim.text for claim in claims)
    return AnsweredRow((text,), Claim(measured, tuple(dict.fromkeys(references)), is_against))


def draw_flow(subject: DossierSubject) -> FlowDiagram:
    """Return the diagram: each party, each step with its entry, and what comes after.

    Parties are those of the sources that were signed for. A step that no statement speaks of is
    drawn as a gap.
    """
    parties: list[FlowNode] = []
    admitted = subject.evidence.read_artefact("admit/sources.json")
    if not isinstance(admitted, Lacking):
        sources, named = admitted
        for row, (name, source) in enumerate(sources.items()):
            lines = (source["owner"], source["role"].replace("_", " "))
            parties.append(FlowNode(name, lines, "party", 0, row, named))

    # Each step level with the middle of the parties, so that arrows meet from both sides.
    middle = max(len(parties) - 1, 0) // 2
    steps: list[FlowNode] = []
    for stage in LINEAGE:
        step = subject.evidence.step(stage)
        reference = subject.evidence.refer(step.signed) if step else None
        kind = "step" if step else "gap"
        words = _step_lines(stage, is_known=step is not None)
        steps.append(FlowNode(stage, words, kind, STEP_COLUMNS[stage], middle, reference))

    # Always a gap: what the model is used for happens after the last entry.
    use = ("use of the model:", "no evidence here")
    steps.append(FlowNode(INFERENCE, use, "gap", len(LINEAGE) + 1, middle))

    arrows = (*((party, steps[0]) for party in parties), *pairwise(steps))
    words_of_arrows = "; ".join(f"{start.name} → {end.name}" for start, end in arrows)
    return FlowDiagram("Data flow", (*parties, *steps), arrows, words_of_arrows)


def _step_lines(stage: str, *, is_known: bool) -> tuple[str, ...]:
    short = {
        "admit": ("agreements and", "fingerprints"),
        "ingest": ("join, allow-list,", "sealed rows"),
        "redact": ("names taken away,", "pseudonyms"),
        "train": ("the model, by", "its digest"),
    }[stage]
    return short if is_known else ("no signed", "statement")
