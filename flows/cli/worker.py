"""`./portcullis worker`: the service that releases commits for others; see docs/enforced.md."""

import argparse
import logging
from pathlib import Path

from tasks.system.installation import Installation

CONFIG = Path("/etc/portcullis/worker.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--config",
        type=Path,
        default=CONFIG,
        metavar="FILE",
        help=f"the administrator's file (default: {CONFIG})",
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Serve until a signal ends it."""
    del installation  # the service has folders of its own
    from tasks.service.daemon import serve

    logging.basicConfig(level=logging.INFO, format="portcullis: %(message)s")
    serve(options.config)
    return 0
