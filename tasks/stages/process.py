"""Inside a stage's process: run the room's code, tell the runner how it ended, and the worker what it unsealed.

The worker (`tasks/__main__.py`) starts this without its signing credentials. Started by hand it does the same work, and
nobody signs for it: what it writes clears nothing.
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as in the worker: see tasks/__main__.py
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

from tasks.errors import PortcullisError, RefusedError
from tasks.pipeline.channel import VARIABLE, Channel
from tasks.system.installation import Installation
from tasks.system.processes import die_with_parent

REPORT = "PORTCULLIS_REPORT_FD"
WORKER = "PORTCULLIS_WORKER_PID"


def main(arguments: list[str]) -> int:
    """Run the stage and return the process's exit code."""
    stage, case = arguments
    die_with_parent(int(os.environ.pop(WORKER, "0")))
    with Channel.to_parent(stage, os.environ.get(VARIABLE, "")) as channel:
        try:
            installation = Installation.open(Path(), os.environ)
        except PortcullisError as error:
            channel.failed(str(error), error.exit_code)
            return error.exit_code
        try:
            _run(stage, case, installation)
        except RefusedError as refusal:
            channel.refused(refusal.refusals)
            return refusal.exit_code
        except PortcullisError as error:
            channel.failed(str(error), error.exit_code)
            return error.exit_code
        except Exception as error:
            channel.failed(_without_values(error, is_debug=installation.settings.debug == "1"), 1)
            return 1
    return 0


def _run(stage: str, case: str, installation: Installation) -> None:
    from tasks.stages.workspace import StageRun

    stage_run = StageRun(stage, case, installation)
    stage_run.remove_drafts()
    importlib.import_module(f"tasks.stages.{stage}.stage").run(stage_run)
    if descriptor := os.environ.pop(REPORT, None):
        counts = {"unsealed": stage_run.rows_unsealed, "shredded": stage_run.rows_shredded}
        with os.fdopen(int(descriptor), "wb") as pipe:
            pipe.write(json.dumps(counts).encode())


def _without_values(error: BaseException, *, is_debug: bool) -> str:
    """Return an unexpected error's type and place; its text may quote a personal value and stays here.

    `PORTCULLIS_DEBUG=1` shows the text too: for development on invented data.
    """
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    places = " <- ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    shown = f": {error}" if is_debug else " (its text is withheld: PORTCULLIS_DEBUG=1)"
    return f"{type(error).__name__} at {places}{shown}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
