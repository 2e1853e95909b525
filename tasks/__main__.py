"""DVC's only door: `python -m tasks <stage> <use case>` runs one stage of the data path.

Exit codes: 0 done (whatever the verdict), 2 something a person can mend, 3 a shut gate, 4 a service, 1 a bug.
"""

import ctypes
import importlib
import os
import signal
import sys

from tasks.errors import PortcullisError, RefusedError
from tasks.pipeline.channel import Channel

PATH = (
    "admit",  # may these sources be used today, and have they changed?
    "ingest",  # join them, keep what is declared, seal it
    "redact",  # take names away; gate: what leaked
    "validate",  # gate: is the data fit
    "train",  # refuses behind a shut gate; gate: is the model any good
    "explain",  # gate: are its reasons stable, faithful and free of proxies
    "fairness",  # gate: whom does it disadvantage
    "decide",  # weigh every verdict
    "register",  # open the registry, or leave it shut
)


def main(arguments: list[str]) -> int:
    """Run the stage and return the process's exit code."""
    if len(arguments) != 2 or arguments[0] not in PATH:
        print(f"usage: python -m tasks <stage> <use case>\nstages: {' '.join(PATH)}", file=sys.stderr)
        return 2
    stage, case = arguments
    _die_with_parent()
    with Channel.to_parent(stage) as channel:
        try:
            _run(stage, case)
        except RefusedError as refusal:
            channel.refused(refusal.lines)
            return refusal.exit_code
        except PortcullisError as error:
            channel.failed(str(error), error.exit_code)
            return error.exit_code
        except Exception as error:
            channel.failed(_without_values(error), 1)
            return 1
    return 0


def _run(stage: str, case: str) -> None:
    from tasks.work import Work

    importlib.import_module(f"tasks.{stage}.stage").run(Work(stage, case))


def _without_values(error: BaseException) -> str:
    """Return an unexpected error's type and place; its text may quote a personal value and stays here.

    `PORTCULLIS_DEBUG=1` shows the text too: for development on invented data.
    """
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    places = " <- ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    shown = f": {error}" if os.environ.get("PORTCULLIS_DEBUG") == "1" else " (its text is withheld: PORTCULLIS_DEBUG=1)"
    return f"{type(error).__name__} at {places}{shown}"


def _die_with_parent() -> None:
    """Ask Linux to kill this stage when its runner dies, so that no orphan writes into a retry's outputs."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
