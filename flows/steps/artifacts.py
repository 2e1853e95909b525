"""Publish a release in Prefect for people: the gate table, links to reports, and plots."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from prefect.artifacts import create_image_artifact, create_markdown_artifact

from flows.steps.markdown import as_markdown
from flows.steps.stages import verdict_of
from tasks.errors import EvidenceError
from tasks.gates import Outcome
from tasks.path import SUBJECTS

MOST_PLOTS = 4  # of a stage: an artifact holds its picture as base64 in Prefect's database
SIGNS = {
    Outcome.PASS: "✅ pass",
    Outcome.FAIL: "⛔ fail",
    Outcome.UNDECIDED: "⚠️ undecided",
}


@dataclass(frozen=True)
class GateRow:
    """A row of the gate table; texts only."""

    gate: str
    outcome: str
    checks: str
    first_refusal: str

    def cells(self) -> tuple[str, str, str, str]:
        """Return the cells in the order of the table's headings."""
        return self.gate, self.outcome, self.checks, self.first_refusal


def gate_rows(case: str, workspace: Path) -> list[GateRow]:
    """Return one row per gate: how many checks it made, and the first of its refusals, if any."""
    return [_gate_row(gate, case, workspace) for gate in SUBJECTS]


def _gate_row(gate: str, case: str, workspace: Path) -> GateRow:
    # A run that was stopped early leaves verdicts of earlier runs, which may be of an older form.
    try:
        verdict = verdict_of(gate, case, workspace)
    except EvidenceError:
        return GateRow(gate, "— not readable", "0", "of an older form; the next run replaces it")
    if verdict is None:
        return GateRow(gate, "— not run", "0", "")

    refusals = verdict.refusals()
    more = f" (+{len(refusals) - 1} more)" if len(refusals) > 1 else ""
    first = refusals[0].text + more if refusals else ""
    return GateRow(gate, SIGNS[verdict.outcome], str(len(verdict.checks)), first)


def report_pages(case: str, workspace: Path) -> dict[str, Path]:
    """Return the pages that the stages of `case` have written, by stage."""
    pages = {stage: workspace / "data" / case / stage / "page" / "index.html" for stage in SUBJECTS}
    pages["validate"] = workspace / "data" / case / "validate" / "docs" / "index.html"
    return {stage: page.absolute() for stage, page in pages.items() if page.is_file()}


def publish_artifacts(
    case: str,
    lines: tuple[str, ...],
    workspace: Path,
    attempts: tuple[str, ...] = (),
    *,
    is_blocked: bool,
) -> None:
    """Publish the gate table with links to the reports, and the plots of the report pages.

    Args:
        case: A use case.
        lines: The refusals of a blocked release, or the outcome of a release that was not blocked.
        workspace: Where the verdicts and pages are.
        attempts: What is known of every attempt on the same data, a line each.
        is_blocked: Whether a gate kept the model out of the registry.
    """
    # Prefect's keys hold lower-case letters, digits and dashes only.
    key = case.replace("_", "-")
    heading = "## ⛔ Blocked: nothing was registered" if is_blocked else "## ✅ Registered"
    table = ["| gate | outcome | checks | first refusal |", "|---|---|---|---|"]
    table += [
        f"| {' | '.join(as_markdown(cell) for cell in row.cells())} |"
        for row in gate_rows(case, workspace)
    ]
    items = [f"- {as_markdown(line)}" for line in lines]
    # A URI has no character of Markdown's but brackets, and no `>` at all: it is percent-encoded.
    pages = [
        f"- {stage}: [{as_markdown(str(page))}](<{page.as_uri()}>)"
        for stage, page in report_pages(case, workspace).items()
    ]
    listed = [f"- {as_markdown(line)}" for line in attempts]
    tried = ["", "### Attempts on the same data", "", *listed] if attempts else []
    create_markdown_artifact(
        key=f"gates-{key}",
        markdown="\n".join(
            [heading, "", *table, "", *items, *tried, "", "### Reports", "", *pages]
        ),
        description=f"Every gate's verdict about {case}",
    )

    for stage, page in report_pages(case, workspace).items():
        for plot in sorted(page.parent.glob("*.png"))[:MOST_PLOTS]:
            picture = "data:image/png;base64," + b64encode(plot.read_bytes()).decode()
            name = f"{key}-{stage}-{plot.stem}".lower().replace("_", "-")
            create_image_artifact(
                image_url=picture, key=name, description=f"{case}, {stage}: {plot.stem}"
            )
