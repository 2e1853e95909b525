"""`python -m tasks.sealed show <use case> <stage>`: look at sealed rows, under an audit event."""

import argparse
import os
import sys
from pathlib import Path

from tasks.errors import ConfigError, PortcullisError
from tasks.formats.shown import withhold_texts
from tasks.secrets.opening import open_with_secrets
from tasks.system.installation import Installation


def main(arguments: list[str]) -> int:
    """Run one command; exit 2 with one line for what a person can mend."""
    parser = argparse.ArgumentParser(prog="python -m tasks.sealed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="print rows of a sealed dataset; the read is audited")
    show.add_argument("use_case", metavar="use-case")
    show.add_argument("stage", help="the stage that wrote it, for example `redact`")
    show.add_argument("--name", default="rows", help="the dataset's name (default: rows)")
    show.add_argument("--rows", type=_count, default=5, help="how many rows (default: 5)")
    show.add_argument("--columns", help="only these, separated by commas")
    show.add_argument("--why", help="the reason, for the audit; asked for on a terminal")
    options = parser.parse_args(arguments)
    try:
        _show(options, open_with_secrets(Path(), os.environ))
    except PortcullisError as error:
        sys.stderr.write(f"portcullis: {error}\n")
        return error.exit_code
    except BrokenPipeError:  # `| head`
        # Python flushes standard output once more at its end, and would report the same error again
        # (Python's documentation of `signal`, "Note on SIGPIPE").
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _count(text: str) -> int:
    """Return a count of rows; a negative one would show all rows of a group but so many."""
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least one row")
    return count


def _ask_why() -> str:
    """Ask for the reason; who ends the input has changed their mind, and reads nothing."""
    try:
        return input("Why? (for the audit) ")
    except EOFError:
        raise ConfigError(
            "show", expected="a reason", found="the end of the input", remedy="Nothing was read."
        ) from None


def _show(options: argparse.Namespace, installation: Installation) -> None:
    # Late, so that `--help` and a misspelt option need no pandas.
    from tasks.sealed.reader import read_dataset

    why = options.why or (_ask_why() if sys.stdin.isatty() else "") or "not said"
    opened = read_dataset(
        options.use_case,
        options.stage,
        options.name,
        why=why,
        rows=options.rows,
        installation=installation,
    )
    frame = opened.frame
    if options.columns:
        columns = options.columns.split(",")
        if not set(columns) <= set(frame.columns):
            raise ConfigError(
                "--columns",
                expected="columns that the dataset has",
                found="others",
                remedy="Leave it out: all columns are shown.",
            )
        frame = frame[columns]
    sys.stdout.write(frame.to_string(max_colwidth=60) + "\n")
    # Here, and not when the process ends: a reader that has gone is noticed inside `main`.
    sys.stdout.flush()
    if opened.shredded:
        sys.stderr.write(f"{opened.shredded:,} rows of erased subjects among those looked at\n")


if __name__ == "__main__":
    # Before anything is read: an error of pandas may quote a cell, and Python prints it.
    withhold_texts(os.environ)
    sys.exit(main(sys.argv[1:]))
