"""`python -m tasks.sealed show <use case> <stage>`: look at sealed rows, under an audit event."""

import argparse
import os
import sys
from pathlib import Path

from tasks.errors import PortcullisError
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
    show.add_argument("--rows", type=int, default=5, help="how many rows (default: 5)")
    show.add_argument("--columns", help="only these, separated by commas")
    show.add_argument("--why", help="the reason, for the audit; asked for on a terminal")
    options = parser.parse_args(arguments)
    try:
        _show(options, open_with_secrets(Path(), os.environ))
    except PortcullisError as error:
        sys.stderr.write(f"portcullis: {error}\n")
        return error.exit_code
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _show(options: argparse.Namespace, installation: Installation) -> None:
    from tasks.sealed.reader import read_dataset

    why = (
        options.why or (input("Why? (for the audit) ") if sys.stdin.isatty() else "") or "not said"
    )
    opened = read_dataset(
        options.use_case,
        options.stage,
        options.name,
        why=why,
        rows=options.rows,
        installation=installation,
    )
    frame = opened.frame[options.columns.split(",")] if options.columns else opened.frame
    sys.stdout.write(frame.to_string(max_colwidth=60) + "\n")
    sys.stdout.flush()
    if opened.shredded:
        sys.stderr.write(f"{opened.shredded:,} rows of erased subjects among those looked at\n")


if __name__ == "__main__":
    withhold_texts(os.environ)
    sys.exit(main(sys.argv[1:]))
