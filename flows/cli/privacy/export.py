"""`./portcullis export`: all that is held about one person, as JSON (GDPR Art. 15 and 20)."""

import argparse
import json
import os
import sys
from pathlib import Path

from flows.cli.privacy.erase import read_identifiers
from tasks.errors import ConfigError
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
    (identifier,) = read_identifiers(options.subject, None)
    pairs = [argument.partition("=") for argument in options.custodian]
    custodians = [(name, read_private_key(Path(path))) for name, _, path in pairs]

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

    # Made with its mode, and only if there is none: nobody else can open it at any moment.
    try:
        descriptor = os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            str(options.out),
            expected="no such file: nothing is written over",
            found="one",
            remedy="Choose another name, or remove it yourself.",
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    datasets = len(person["held"])
    print(
        f"{options.out}: {datasets} datasets; send it to the person, then delete it",
        file=sys.stderr,
    )
    return 0
