"""Prefect's API for the length of one command.

Started as `python -m flows.serving.temporary_api <socket descriptor> <parent process id>`.

Prefect would start one by itself, in the process group of the command: Ctrl-C would end it before
the flow, which would then try for minutes to report to nobody. This one is out of the terminal's
reach, ends with the process that started it, and serves a socket that is bound already, so that two
releases that start at once never take each other's port. They share a database, and wait for one
another there.
"""

import fcntl
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from flows.serving.environment import settle_imports
from flows.serving.prefect_settings import check_prefect_settings
from tasks.errors import ConfigError
from tasks.formats.shown import kind_of_error
from tasks.plain_text import one_line
from tasks.system.machine_faults import explain_machine
from tasks.system.processes import die_with_parent


def main(descriptor: int, parent: int) -> None:
    """Serve on an inherited socket until ended, as Prefect's own temporary server would."""
    die_with_parent(parent)
    settle_imports()  # before the first import of Prefect
    try:
        check_prefect_settings()
    except ConfigError:
        signal.pause()  # the flow meets the same and says it, and then this is ended
    import uvicorn
    from prefect.server.api.server import create_app

    from flows.serving.server import use_waiting_sqlite
    from tasks.system.installation import Installation

    installation = Installation.open(Path(), os.environ)

    class OneStartAtATime(uvicorn.Server):
        """A server whose start no other server of this installation shares.

        Two that start at once would both create the tables of a new database, and one would fail.
        """

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            with (installation.home / "prefect-start.lock").open("w") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                await super().startup(sockets)

    use_waiting_sqlite()
    app = create_app(ephemeral=True, final=True)
    config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    # uvicorn's own account of a failed start is a traceback that holds the database's address, and
    # that of a failed request is a hundred lines, twice.
    for name in ("uvicorn.error", "prefect.server"):
        logging.getLogger(name).addFilter(one_line_of_failure)
    with socket.socket(fileno=descriptor) as listener:
        OneStartAtATime(config).run(sockets=[listener])


def one_line_of_failure(record: logging.LogRecord) -> bool:
    """Let a log record through, or in the place of a traceback one line with its last error."""
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        cause = explain_machine(record.exc_info[1])
        found = str(cause) if cause else kind_of_error(record.exc_info[1])
        record.msg = f"a request to Prefect's server failed: {one_line(found)}"
        record.args = ()
        record.exc_info = None
    elif "Traceback" in text:
        last = text.strip().rpartition("\n")[2].partition(":")[0]
        sys.stderr.write(
            f"portcullis: Prefect's server: expected a database that it can open; found {last}. "
            "Mend or unset PREFECT_API_DATABASE_CONNECTION_URL, or make room for PREFECT_HOME.\n"
        )
        return False

    return True


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
