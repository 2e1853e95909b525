"""The impact assessment of GDPR 35(7)(a) to (d), with the diagram of data flow."""

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
    field = subject.requirement_field
    risks = tuple(_risk(subject, text, names) for text, names in RISKS)
    return DossierPage(
        name=NAME,
        title="Data protection impact assessment",
        lead="GDPR 35(7)(a) to (d). Measures are shown with what the release measured of them; "
        "likelihood, severity and the advice of the data protection officer are people's.",
        chapters=(
            Chapter(
                "(a) The processing, and its purposes",
                parts=(
                    draw_flow(subject),
                    DossierTable(HEAD, (field("Description signed for", "DPIA-7a"),)),
                ),
            ),
            Chapter(
                "(b) Necessity and proportionality",
                parts=(
                    DossierTable(
                        HEAD,
                        (
                            field("Assessment", "DPIA-7b"),
                            subject.field("Columns are an allow-list", "declared:columns", OFFICER),
                            field("Minimisation", "GDP-25"),
                        ),
                    ),
                ),
            ),
            Chapter(
                "(c) Risks to people",
                text=("What evidence says of each; likelihood and severity are DPIA-7c.",),
                parts=(
                    DossierTable(("Risk", "What the release measured"), risks),
                    DossierTable(HEAD, (field("Likelihood and severity", "DPIA-7c"),)),
                ),
            ),
            Chapter(
                "(d) Measures",
                parts=(DossierTable(HEAD, (field("Measures signed for", "DPIA-7d"),)),),
            ),
            Chapter(
                "Advice of the data protection officer",
                parts=(DossierTable(HEAD, (field("GDPR 35(2)", "DPIA-2"),)),),
            ),
        ),
    )


def _risk(subject: DossierSubject, text: str, names: tuple[str, ...]) -> AnsweredRow:
    found = [subject.evidence.find(name) for name in names]
    lacking = [item for item in found if isinstance(item, Lacking)]
    if lacking:
        return AnsweredRow((text,), subject.settle(lacking[0], OFFICER))
    claims = [item for item in found if isinstance(item, Claim)]
    references = tuple(ref for claim in claims for ref in claim.references)
    is_against = any(claim.is_against for claim in claims)
    said = "; ".join(claim.text for claim in claims)
    return AnsweredRow((text,), Claim(said, tuple(dict.fromkeys(references)), is_against))


def draw_flow(subject: DossierSubject) -> FlowDiagram:
    """Return the diagram: each party, each step with its entry, and what comes after.

    Parties are those of the sources that were signed for. A step that no statement speaks of is
    drawn as a gap.
    """
    nodes: list[FlowNode] = []
    arrows: list[tuple[str, str]] = []
    found = subject.evidence.read_artefact("admit/sources.json")
    if not isinstance(found, Lacking):
        sources, named = found
        for row, (name, source) in enumerate(sources.items()):
            lines = (source["owner"], source["role"].replace("_", " "))
            nodes.append(FlowNode(name, lines, "party", 0, row, named))
            arrows.append((name, "admit"))

    middle = max(len(nodes) - 1, 0) // 2
    before = ""
    for stage in LINEAGE:
        step = subject.evidence.step(stage)
        reference = subject.evidence.refer(step.signed) if step else None
        kind = "step" if step else "gap"
        words = _step_lines(stage, is_known=step is not None)
        nodes.append(FlowNode(stage, words, kind, STEP_COLUMNS[stage], middle, reference))
        if before:
            arrows.append((before, stage))
        before = stage
    use = ("use of the model:", "no evidence here")
    nodes.append(FlowNode(INFERENCE, use, "gap", len(LINEAGE) + 1, middle))
    arrows.append((before, INFERENCE))
    said = "; ".join(f"{start} → {end}" for start, end in arrows)
    return FlowDiagram("Data flow", tuple(nodes), tuple(arrows), said)


def _step_lines(stage: str, *, is_known: bool) -> tuple[str, ...]:
    short = {
        "admit": ("agreements and", "fingerprints"),
        "ingest": ("join, allow-list,", "sealed rows"),
        "redact": ("names taken away,", "pseudonyms"),
        "train": ("the model, by", "its digest"),
    }[stage]
    return short if is_known else ("no signed", "statement")
