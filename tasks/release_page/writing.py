"""Write the page of a release, and its record, from what lies in a workspace."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.config.words import words_of
from tasks.errors import PortcullisError
from tasks.formats.strict_json import read_json
from tasks.path import DOSSIER
from tasks.release_page.composing import PICTURES, ReleaseFacts, compose_release
from tasks.release_page.gates import GateRow, gate_rows, report_pages
from tasks.release_page.record import FOLDER, ReleaseRecord, write_record
from tasks.reports import write_page

MODEL = "model"  # the word for it among digests


def write_release_page(
    record: ReleaseRecord, workspace: Path, case_values: Mapping[str, Any]
) -> Path:
    """Write record and page of a release; return the page's path.

    Args:
        record: What the release came to.
        workspace: Whose `data/` holds its verdicts and pages.
        case_values: The use case, resolved: what it is called and for, and its words.
    """
    rows = gate_rows(record.case, workspace, record.reached)
    data = workspace / "data" / record.case
    pages = frozenset(report_pages(record.case, workspace, record.reached))
    facts = ReleaseFacts(
        title=str(case_values.get("title", record.case)),
        purpose=str(case_values.get("purpose", "")),
        words=words_of(case_values),
        digests=digests_of(rows),
        registered_as="" if record.is_blocked else _registered_as(data),
        pages=pages,
        is_listed=True,
        # Asked of the folder, as pictures are: a link that leads nowhere is worse than none.
        has_dossier=(data / DOSSIER / "index.html").is_file(),
        pictures=frozenset(
            f"{stage}/{file}"
            for stage, file, _, _ in PICTURES
            if stage in pages and (data / stage / "page" / file).is_file()
        ),
    )
    write_record(replace(record, model_sha256=facts.digests.get(MODEL, "")), workspace)
    return write_page(data / FOLDER, compose_release(record, rows, facts))


def digests_of(rows: tuple[GateRow, ...]) -> dict[str, str]:
    """Return the digests of what was judged, by a word for people."""
    about: dict[str, str] = {}
    for row in rows:
        if row.verdict is not None:
            # Verdicts of one release are about the same bytes: `decide` refuses where they are not.
            about |= row.verdict.about
    names = {MODEL: "train/model", "rows it learnt from": "redact/rows.parquet"}
    return {word: about[name] for word, name in names.items() if name in about}


def _registered_as(data: Path) -> str:
    """Return name and alias in the registry, from the receipt; empty where that cannot be read."""
    try:
        receipt = read_json(data / "register" / "receipt.json", remedy="Run the release again.")
    except (PortcullisError, OSError):
        return ""
    match receipt:
        case {"name": str(name), "alias": str(alias)}:
            return f"{name}@{alias}"
    return ""
