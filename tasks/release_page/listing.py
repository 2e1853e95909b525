"""The list of releases: what every use case came to last, and every model that was decided on.

It is made of the records beside the pages of releases, which hold what the ledger says. Like these
it is for reading, and nothing reads it.
"""

from collections import Counter
from pathlib import Path

from tasks.config.cases import case_names
from tasks.notary.past_releases import PastRelease
from tasks.release_page.record import ReleaseRecord, read_record, write_shown
from tasks.reports import Link, Page, Section, Table, render_page

LIST = "index.html"
HEAD = (
    "Use case",
    "Verdict",
    "Day",
    "Model",
    "Entry",
    "Gates against it",
    "Signed by",
    "Changed settings",
)
REGISTERED = "registered"
BLOCKED = "blocked"
NONE_YET = "none on record"


def list_path(workspace: Path) -> Path:
    """Return where the list of releases of a workspace lies."""
    return workspace / "data" / LIST


def read_records(workspace: Path, cases: tuple[str, ...]) -> dict[str, ReleaseRecord | None]:
    """Return the record of the last release of each use case; None where there is none."""
    return {case: read_record(case, workspace) for case in cases}


def write_list(workspace: Path, checkout: Path) -> Path:
    """Write the list of releases; return its path.

    Args:
        workspace: Whose `data/` holds the records.
        checkout: Whose index names the use cases.
    """
    path = list_path(workspace)
    write_shown(path, render_page(compose_list(read_records(workspace, case_names(checkout)))))
    return path


def compose_list(records: dict[str, ReleaseRecord | None]) -> Page:
    """Return the page: use cases by name, then models, the latest first."""
    cases = tuple(
        (
            Link(text=case, href=f"{case}/report/index.html") if record else case,
            verdict_of_record(record),
            *_last_release(record),
        )
        for case, record in records.items()
    )
    models = tuple(_model_row(case, release) for case, release in past_releases(records))
    head = ("Use case", "Last release", "Reasons", "Version", "Digest of the model", "Rests on")
    blocked = sum(record is not None and record.is_blocked for record in records.values())
    count = f"{len(records)} use {'case' if len(records) == 1 else 'cases'}"

    return Page(
        title="Releases",
        lead=f"{count} in this checkout; the last release of {blocked} was blocked. Made with each "
        "release, from what the ledger says of its use case; it proves nothing by itself: "
        "./portcullis verify does.",
        sections=(
            Section(
                heading="The last release of each use case", parts=(Table(head=head, rows=cases),)
            ),
            Section(
                heading="Every model that was decided on",
                text=(
                    "The latest first. Settings are those of its plan that differ from the model "
                    "before it.",
                )
                if models
                else ("None so far.",),
                parts=(Table(head=HEAD, rows=models),) if models else (),
            ),
        ),
    )


def past_releases(
    records: dict[str, ReleaseRecord | None],
) -> tuple[tuple[str, PastRelease], ...]:
    """Return use case and model of every one that was decided on, the latest first."""
    found = [
        (case, release)
        for case, record in records.items()
        if record is not None
        for release in record.releases
    ]
    # Of one second by the ledger's order, so that the same records give the same bytes.
    return tuple(sorted(found, key=lambda item: (item[1].decided_on, item[1].entry), reverse=True))


def verdict_of_record(record: ReleaseRecord | None) -> str:
    """Return what a use case came to last, in a word or two."""
    if record is None:
        return NONE_YET
    return BLOCKED if record.is_blocked else REGISTERED


def _last_release(record: ReleaseRecord | None) -> tuple[str, str, str, str]:
    if record is None:
        return ("none",) * 4
    kinds = Counter(str(refusal.kind) for refusal in dict.fromkeys(record.refusals))
    reasons = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    digest = record.model_sha256[:12] or "no model"
    return reasons or "none", record.version or "none", digest, record.outcome or "nothing"


def _model_row(case: str, release: PastRelease) -> tuple[str, ...]:
    return (
        case,
        REGISTERED if release.is_registered else BLOCKED,
        release.decided_on[:10],
        release.model_sha256[:12],
        str(release.entry),
        ", ".join(release.gates) or "none",
        ", ".join(release.people) or "nobody",
        ", ".join(release.differs) or "none",
    )
