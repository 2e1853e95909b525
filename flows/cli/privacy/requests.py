"""`./portcullis requests`: requests of data subjects against their term, and models to be trained again."""

import argparse
from pathlib import Path

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

    from tasks.config.sources import today
    from tasks.erasure import status as page
    from tasks.erasure.journal import open_journal

    found = page.read_status(open_journal(installation), today(installation.settings), installation)
    console = Console(highlight=False)
    tables = (
        ("Requests", page.REQUESTS, page.request_rows(found)),
        ("Models to be trained again", page.MODELS, page.model_rows(found)),
        ("Legal holds", page.HOLDS, page.hold_rows(found)),
    )
    for title, head, rows in tables:
        table = Table(title=title if rows else f"{title}: none", title_justify="left")
        for name in head if rows else ():
            table.add_column(name)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    path = page.write_status_page(found, options.out or installation.home / "requests")
    console.print(f"  {path}", soft_wrap=True)
    return 2 if found.overdue else 0
