"""`./portcullis worker`: the service that releases commits for others; see docs/enforced.md."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.declaring import declare, new_app

CONFIG = Path("/etc/portcullis/worker.toml")


EXAMPLES = """\
As root, or by the unit in deploy/:
  ./portcullis worker
  ./portcullis worker --config /etc/portcullis/worker.toml
"""
app = new_app()


@declare(app, examples=EXAMPLES, reports_progress=True)
def main(
    *,
    config: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help=f"The administrator's file (default: {CONFIG}).",
            show_default=False,
        ),
    ] = CONFIG,
) -> int:
    """Serve until a signal ends it."""
    from tasks.service.daemon import serve

    # To standard error, where systemd takes it; whoever asks the service gets their own lines by
    # its socket.
    logging.basicConfig(level=logging.INFO, format="portcullis: %(message)s")
    serve(config)
    return 0
