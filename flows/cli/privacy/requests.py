"""`./portcullis requests`: data subjects' requests against their term, and models to retrain."""

import argparse
import sys
from pathlib import Path

from tasks.plain_text import one_line
from tasks.system.installation import Installation

WIDE = 10_000  # columns: no cell is broken or cut

EXAMPLES = """\
each morning, or from a monitor:
  ./portcullis requests || echo "a request is past its term"
  ./portcullis erase --retry REQUEST              one that was set aside, once its cause is mended

exit codes: 0 every request is within its term; 2 one is past it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        type=Path,
        help="the folder for the page that says the same (default: `requests` of the state folder)",
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Print the tables and write the page; 2 where a request is past its term."""
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
    status = pages.read_status(journal, day, installation)

    # Piped, nobody looks at columns: an id has to stay in one piece.
    width = None if sys.stdout.isatty() else WIDE
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    tables = (
        ("Requests", pages.REQUEST_HEAD, pages.request_rows(status)),
        ("Models to be trained again", pages.MODEL_HEAD, pages.model_rows(status)),
        ("Legal holds", pages.HOLD_HEAD, pages.hold_rows(status)),
    )
    for title, head, rows in tables:
        table = Table(title=title if rows else f"{title}: none", title_justify="left")
        for name in head if rows else ():
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        console.print(table)

    path = pages.write_status_page(status, options.out or installation.home / "requests")
    # Not wrapped: a path that is broken into two lines cannot be copied.
    console.print(f"  {path}", soft_wrap=True)
    return 2 if status.overdue else 0
