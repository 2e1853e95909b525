"""`./portcullis requests`: data subjects' requests against their term, and models to retrain."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.base.answering import print_json
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from flows.cli.privacy.request_values import request_values
from tasks.errors import ConfigError
from tasks.formats.shown import kind_of_error
from tasks.plain_text import one_line

if TYPE_CHECKING:
    from tasks.erasure.status import RequestStatus

PAST_TERM = 2
WIDE = 10_000  # columns: no cell is broken or cut

EXAMPLES = """\
Each morning, or from a monitor:
  ./portcullis requests || echo "one is late"
  ./portcullis requests --json | jq .overdue

One that was set aside, once its cause is mended:
  ./portcullis erase --retry REQUEST

Exit codes: 0 every request is within its term; 2 one is past it.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The folder for the page that says the same "
            "(default: `requests` of the state folder).",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Print the tables and write the page; 2 where a request is past its term."""
    installation = installation_of(context)
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tasks.config.sources import today
    from tasks.erasure import status as pages
    from tasks.erasure.journal import open_journal, open_known_journal
    from tasks.keystore.key_tables import open_key_tables
    from tasks.keystore.known_stores import has_tables

    day = today(installation.settings)
    # A table of no request, where the journal is lost, would be taken for an answer.
    if has_tables(installation):
        journal = open_known_journal(installation, open_key_tables(installation))
    else:
        journal = open_journal(installation)
    # Read once, for the tables, the page and the exit code: they say the same.
    status = pages.read_status(journal, day, installation)

    if is_json:
        page = _write_page(status, out or installation.home / "requests")
        print_json(_values(status, page))
        return PAST_TERM if status.overdue else 0

    # Piped, nobody looks at columns: an id has to stay in one piece.
    width = None if sys.stdout.isatty() else WIDE
    # Without markup: a basis is a person's words, and `[red]` in it would be a colour.
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    tables = (
        ("Requests", pages.REQUEST_HEAD, pages.request_rows(status)),
        ("Models to be trained again", pages.MODEL_HEAD, pages.model_rows(status)),
        ("Legal holds", pages.HOLD_HEAD, pages.hold_rows(status)),
    )
    for title, head, rows in tables:
        # Of a table without a row not even the title would be printed.
        if not rows:
            console.print(f"{title}: none")
            continue
        table = Table(title=title, title_justify="left")
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        console.print(table)

    path = _write_page(status, out or installation.home / "requests")
    # Not wrapped: a path that is broken into two lines cannot be copied.
    console.print(f"  {path}", soft_wrap=True)
    return PAST_TERM if status.overdue else 0


def _write_page(status: "RequestStatus", folder: Path) -> Path:
    from tasks.erasure.status import write_status_page

    try:
        return write_status_page(status, folder)
    except OSError as error:
        raise ConfigError(
            str(folder),
            expected="a folder that can be written to",
            found=kind_of_error(error),
            remedy="Name another with --out, or make room on its disk.",
        ) from error


def _values(status: "RequestStatus", page: Path) -> dict[str, Any]:
    from tasks.erasure.status import term_end

    return {
        "day": status.day.isoformat(),
        "requests": [
            {**request_values(request), "termEnds": term_end(request).isoformat()}
            for request in status.requests
        ],
        "overdue": [request.request_id for request in status.overdue],
        "models": [
            {
                "model": model.name,
                "version": model.version,
                "people": model.people,
                "since": model.day.isoformat(),
            }
            for model in status.models
        ],
        "holds": [
            {
                "hold": hold.hold_id,
                "useCase": hold.use_case,
                "basis": hold.basis,
                "since": hold.since.isoformat(),
                "review": hold.review.isoformat(),
                "released": hold.released.isoformat() if hold.released else None,
            }
            for hold in status.holds
        ],
        "page": str(page),
    }
