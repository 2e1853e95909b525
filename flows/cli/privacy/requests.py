"""`./portcullis requests`: data subjects' requests against their term, and models to retrain."""

import argparse
from pathlib import Path

from tasks.plain_text import one_line
from tasks.system.installation import Installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, help="where the page goes (default: the state folder)"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Print the tables and write the page; 2 where a request is past its term."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tasks.config.sources import today
    from tasks.erasure import status as pages
    from tasks.erasure.journal import open_journal

    day = today(installation.settings)
    status = pages.read_status(open_journal(installation), day, installation)

    console = Console(highlight=False, markup=False, emoji=False)
    tables = (
        ("Requests", pages.REQUEST_HEAD, pages.request_rows(status)),
        ("Models to be trained again", pages.MODEL_HEAD, pages.model_rows(status)),
        ("Legal holds", pages.HOLD_HEAD, pages.hold_rows(status)),
    )
    for title, head, rows in tables:
        table = Table(title=title if rows else f"{title}: none", title_justify="left")
        for name in head if rows else ():
            table.add_column(name)
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        console.print(table)

    path = pages.write_status_page(status, options.out or installation.home / "requests")
    # Not wrapped: a path that is broken into two lines cannot be copied.
    console.print(f"  {path}", soft_wrap=True)
    return 2 if status.overdue else 0
