"""Publish a release in Prefect for people: the gate table, links to reports, and plots."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
)

from flows.steps.markdown import as_markdown
from flows.steps.timings import describe_timings
from tasks.dossier.releasing import folder_of_dossier
from tasks.pipeline.runner import StageResult
from tasks.release_page.gates import gate_rows, report_pages
from tasks.release_page.listing import (
    BLOCKED,
    NONE_YET,
    REGISTERED,
    past_releases,
    verdict_of_record,
)
from tasks.release_page.record import ReleaseRecord

MOST_LISTED = 50  # models in the list of releases
SIGNS_OF_RELEASE = {
    REGISTERED: "✅ registered",
    BLOCKED: "⛔ blocked",
    NONE_YET: "— none on record",
}
MOST_PLOTS = 4  # of a stage: an artifact holds its picture as base64 in Prefect's database


def publish_artifacts(record: ReleaseRecord, workspace: Path, page: Path) -> None:
    """Publish the gate table, a link to the page of the release, and the plots of the gates.

    Args:
        record: What the release came to.
        workspace: Where the verdicts and pages are.
        page: The page of the release.
    """
    # Prefect's keys hold lower-case letters, digits and dashes only.
    # A use case's name has none of these but the underscore (`tasks/config/case_name.py`).
    key = record.case.replace("_", "-")
    create_markdown_artifact(
        key=f"gates-{key}",
        markdown=describe_release(record, workspace, page),
        description=f"Every gate's verdict about {record.case}",
    )
    create_link_artifact(
        key=f"page-{key}",
        link=page.absolute().as_uri(),
        link_text="blocked" if record.is_blocked else "registered",
        description=f"The page of this release of {record.case}, on the machine where it ran",
    )

    if (dossier := _dossier_page(record.case, workspace)).is_file():
        create_link_artifact(
            key=f"dossier-{key}",
            link=dossier.absolute().as_uri(),
            link_text="dossier",
            description=f"The dossier of this release of {record.case}: every claim with evidence",
        )

    for stage, report in report_pages(record.case, workspace, record.reached).items():
        # By name, so that two runs of one release show the same ones.
        for plot in sorted(report.parent.glob("*.png"))[:MOST_PLOTS]:
            picture = "data:image/png;base64," + b64encode(plot.read_bytes()).decode()
            name = f"{key}-{stage}-{plot.stem}".lower().replace("_", "-")
            create_image_artifact(
                image_url=picture, key=name, description=f"{record.case}, {stage}: {plot.stem}"
            )


def publish_timings(case: str, results: Sequence[StageResult]) -> None:
    """Publish what each stage of a release took."""
    create_markdown_artifact(
        key=f"timings-{case.replace('_', '-')}",
        markdown=describe_timings(results),
        description=f"What each stage of this release of {case} took; no evidence",
    )


def publish_list(records: dict[str, ReleaseRecord | None], page: Path) -> None:
    """Publish the list of releases: one artifact, whose key is the same for every use case."""
    create_markdown_artifact(
        key="releases",
        markdown=describe_releases(records, page),
        description="The last release of every use case, and every model that was decided on",
    )


def describe_releases(records: dict[str, ReleaseRecord | None], page: Path) -> str:
    """Return the list of releases as Markdown; of the models, the latest."""
    lines = ["| use case | last release | model | rests on |", "|---|---|---|---|"]
    for case, record in records.items():
        cells = (
            case,
            SIGNS_OF_RELEASE[verdict_of_record(record)],
            record.model_sha256[:12] if record else "",
            record.outcome if record else "",
        )
        lines.append(f"| {' | '.join(map(as_markdown, cells))} |")

    lines += ["", "| use case | verdict | day | model | gates against it | signed by |"]
    lines.append("|---|---|---|---|---|---|")
    for case, release in past_releases(records)[:MOST_LISTED]:
        verdict = REGISTERED if release.is_registered else BLOCKED
        row = (
            case,
            SIGNS_OF_RELEASE[verdict],
            release.decided_on[:10],
            release.model_sha256[:12],
            ", ".join(release.gates) or "none",
            ", ".join(release.people) or "nobody",
        )
        lines.append(f"| {' | '.join(map(as_markdown, row))} |")
    return "\n".join([*lines, "", _link("All releases", page)])


def describe_release(record: ReleaseRecord, workspace: Path, page: Path) -> str:
    """Return the one table of a release, and every reason against it once, as Markdown."""
    heading = "## ⛔ Blocked: nothing was registered" if record.is_blocked else "## ✅ Registered"
    rows = gate_rows(record.case, workspace, record.reached)
    pages = report_pages(record.case, workspace, record.reached)
    table = ["| gate | outcome | checks | page |", "|---|---|---|---|"]
    for row in rows:
        link = _link("page", pages[row.gate]) if row.gate in pages else ""
        cells = " | ".join(map(as_markdown, row.cells()[:3]))
        table.append(f"| {cells} | {link} |")

    # By the refusal and not by its text: two checks that say the same words are two reasons.
    reasons = [refusal.text for refusal in dict.fromkeys(record.refusals)]
    items = [f"- {as_markdown(line)}" for line in reasons or [record.outcome]]
    listed = [f"- {as_markdown(line)}" for line in record.attempts]
    tried = ["", "### Attempts on the same data", "", *listed] if listed else []
    ends = [_link("The page of this release", page)]
    if (dossier := _dossier_page(record.case, workspace)).is_file():
        ends += ["", _link("The dossier of this release", dossier)]
    return "\n".join([heading, "", *items, "", *table, *tried, "", *ends])


def _dossier_page(case: str, workspace: Path) -> Path:
    return folder_of_dossier(case, workspace) / "index.html"


def _link(text: str, page: Path) -> str:
    # A URI has no character of Markdown's but brackets, and no `>` at all: it is percent-encoded.
    return f"[{text}](<{page.absolute().as_uri()}>)"
