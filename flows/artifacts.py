"""What a release leaves in Prefect for people to see: the gate table, where the reports are, and their plots."""

from base64 import b64encode
from pathlib import Path

from prefect.artifacts import create_image_artifact, create_markdown_artifact

from flows.stages import verdict_of
from tasks.gates import Outcome
from tasks.gates.decision import SUBJECTS

SIGNS = {Outcome.PASS: "✅ pass", Outcome.FAIL: "⛔ fail", Outcome.UNDECIDED: "⚠️ undecided"}


def gate_rows(case: str, workspace: Path) -> list[tuple[str, str, str, str]]:
    """Return one row per gate: name, outcome, how many checks it made, and its first refusal if any."""
    rows = []
    for gate in SUBJECTS:
        verdict = verdict_of(gate, case, workspace)
        if verdict is None:
            rows.append((gate, "— not run", "0", ""))
            continue
        refusals = verdict.refusals()
        more = f" (+{len(refusals) - 1} more)" if len(refusals) > 1 else ""
        rows.append(
            (
                gate,
                SIGNS[verdict.outcome],
                str(len(verdict.checks)),
                refusals[0] + more if refusals else "",
            )
        )
    return rows


def report_pages(case: str, workspace: Path) -> dict[str, Path]:
    """Return the pages that the stages of `case` have written, by stage."""
    pages = {stage: workspace / "data" / case / stage / "page" / "index.html" for stage in SUBJECTS}
    pages["validate"] = workspace / "data" / case / "validate" / "docs" / "index.html"
    return {stage: page.absolute() for stage, page in pages.items() if page.is_file()}


def publish_artifacts(case: str, refusals: tuple[str, ...], workspace: Path) -> None:
    """Publish the gate table with the reports' places, and the figures of the report pages."""
    key = case.replace("_", "-")
    head = "## ⛔ Blocked: nothing was registered" if refusals else "## ✅ Registered"
    table = ["| gate | outcome | checks | first refusal |", "|---|---|---|---|"]
    table += [
        f"| {' | '.join(_cell(cell) for cell in row)} |" for row in gate_rows(case, workspace)
    ]
    lines = [f"- {_cell(line)}" for line in refusals]
    pages = [
        f"- {stage}: [{page}]({page.as_uri()})"
        for stage, page in report_pages(case, workspace).items()
    ]
    markdown = "\n".join([head, "", *table, "", *lines, "", "### Reports", "", *pages])
    create_markdown_artifact(
        key=f"gates-{key}", markdown=markdown, description=f"Every gate's verdict about {case}"
    )
    for stage, page in report_pages(case, workspace).items():
        for plot in sorted(page.parent.glob("*.png"))[:4]:
            picture = "data:image/png;base64," + b64encode(plot.read_bytes()).decode()
            name = f"{key}-{stage}-{plot.stem}".lower().replace("_", "-")
            create_image_artifact(
                image_url=picture, key=name, description=f"{case}, {stage}: {plot.stem}"
            )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
