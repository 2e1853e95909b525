"""`./portcullis release-hold`: end a hold; an erasure that waited for it goes on by itself."""

import argparse

from flows.cli.privacy.erase import read_identifiers
from tasks.system.installation import Installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("use_case", metavar="use-case")
    parser.add_argument(
        "--subject", metavar="ID", required=True, help="the identifier; `-` reads standard input"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Release every hold on a person."""
    from tasks.config.cases import load_case
    from tasks.config.sources import today
    from tasks.erasure.erasing import release_hold

    load_case(options.use_case, installation.workspace)
    (identifier,) = read_identifiers(options.subject, None)
    count, completed = release_hold(
        identifier, installation=installation, day=today(installation.settings)
    )
    print(f"{count} holds released")
    for request in completed:
        print(f"{request.request_id}: {request.state}; what was kept is destroyed")
    return 0
