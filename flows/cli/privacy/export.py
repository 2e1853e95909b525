"""`./portcullis export`: all that is held about one person, as JSON (GDPR Art. 15 and 20)."""

import argparse
import json
import sys
from pathlib import Path

from flows.cli.privacy.erase import read_identifiers
from tasks.formats.new_file import require_new_file, write_new_file
from tasks.system.installation import Installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "use_case", metavar="use-case", help="the use case that the request is about"
    )
    parser.add_argument(
        "--subject", metavar="ID", required=True, help="the identifier; `-` reads standard input"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="a new file, readable by you alone (default: print)",
    )
    parser.add_argument(
        "--why", default="request of the data subject", help="the reason, for the audit"
    )
    parser.add_argument(
        "--custodian",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="with two, restricted records too",
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Write everything about one person; whatever use case holds it."""
    from tasks.access.export import export_person
    from tasks.config.cases import load_case
    from tasks.config.sources import today
    from tasks.keystore.custodians import read_private_key

    load_case(options.use_case, installation.workspace)
    # First, since what follows is a reading that stays in the audit log.
    if options.out is not None:
        require_new_file(options.out)
    (identifier,) = read_identifiers(options.subject, None)
    pairs = [argument.partition("=") for argument in options.custodian]
    custodians = [
        (name, read_private_key(installation.settings.from_caller(path))) for name, _, path in pairs
    ]

    person = export_person(
        identifier,
        why=options.why,
        day=today(installation.settings),
        installation=installation,
        custodians=custodians,
    )
    text = json.dumps(person, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if options.out is None:
        sys.stdout.write(text)
        return 0

    write_new_file(options.out, text.encode(), mode=0o600)
    datasets = len(person["held"])
    print(
        f"{options.out}: {datasets} datasets; send it to the person, then delete it",
        file=sys.stderr,
    )
    return 0
