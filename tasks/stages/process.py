"""The process of one stage: run the stage's code, and report how it ended.

The runner hears how it ended, and the worker how many rows were unsealed. The worker
(`tasks.worker`) starts this without its signing credentials, by `tasks/isolated.py`, in a folder of
the run's own. Started by hand it does the same work, and nobody signs for it: what it writes clears
nothing.
"""

import importlib
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

if __name__ == "__main__":
    # As in the worker, which holds Ctrl-C back until this line: see tasks/__main__.py.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

from tasks.config.case_name import check_case_name
from tasks.errors import PortcullisError, RefusedError
from tasks.formats.shown import describe_fault, is_debug_asked_for, withhold_texts
from tasks.path import SEALING
from tasks.pipeline.channel import CHANNEL_VARIABLE, Channel
from tasks.system.installation import Installation
from tasks.system.machine_faults import explain_machine
from tasks.system.memory import give_memory_back
from tasks.system.processes import die_with_parent
from tasks.under_way import under_way

STAGE_NAME = re.compile(r"[a-z]{1,20}")
REPORT_VARIABLE = "PORTCULLIS_REPORT_FD"
WORKER_VARIABLE = "PORTCULLIS_WORKER_PID"

# Those that hold all rows and make many tables of them, one after the other.
LEAN_STAGES = frozenset({"ingest", "validate", "train", "explain"})
# Those that only unseal and seal where an engine has workers. Where they compute themselves, memory
# that is given back is asked for again with every matrix, which takes longer.
LEAN_BESIDE_WORKERS = frozenset({"redact"})


def main(arguments: list[str], terminal: TextIO | None = None) -> int:
    """Run the stage and return the process's exit code.

    Lines go to the runner, or else to `terminal`; to standard error, if that is left out.
    """
    # Before anything is imported by the name: `tasks.stages.<name>.stage` is code that runs.
    if len(arguments) != 2 or not STAGE_NAME.fullmatch(arguments[0]):
        (terminal or sys.stderr).write("usage: python -m tasks.stages.process <stage> <use case>\n")
        return PortcullisError.exit_code
    stage, case = arguments
    die_with_parent(int(os.environ.pop(WORKER_VARIABLE, "0")))

    runner = os.environ.get(CHANNEL_VARIABLE, "")
    with Channel.to_parent(stage, runner, terminal=terminal) as channel:
        try:
            check_case_name(case, "use case")
            installation = Installation.open(Path(), os.environ)
        except PortcullisError as error:
            channel.report_failure(str(error), error.exit_code)
            return error.exit_code

        try:
            _run(stage, case, installation, channel)
        except RefusedError as refusal:
            # Refusals one by one, and first: they are an answer, and other errors are faults.
            channel.report_refusals(refusal.refusals)
            return refusal.exit_code
        except PortcullisError as error:
            channel.report_failure(str(error), error.exit_code)
            return error.exit_code
        except Exception as error:
            if _is_model_error(error):
                channel.report_failure(str(error), PortcullisError.exit_code)
                return PortcullisError.exit_code
            # A full disk or a lost server by its cause, before the class of some library's
            # exception.
            if cause := explain_machine(error, installation):
                channel.report_failure(str(cause), cause.exit_code)
                return cause.exit_code
            is_debug = is_debug_asked_for(os.environ)
            channel.report_failure(describe_fault(error, is_debug=is_debug), 1)
            return 1
    return 0


def _run(stage: str, case: str, installation: Installation, channel: Channel) -> None:
    from tasks.stages.workspace import StageRun

    stage_run = StageRun(stage, case, installation)
    stage_run.remove_drafts()
    if stage == SEALING.name:
        # Stages do not import each other: the gate's forecast is handed to the one that trains.
        stage_run.foretell = importlib.import_module("tasks.stages.fairness.foretelling").foretell
    if stage in LEAN_STAGES or (
        stage in LEAN_BESIDE_WORKERS and stage_run.engine_params.root.kind != "one_process"
    ):
        give_memory_back()
    with under_way("loading libraries"):
        # One stage's libraries alone: imports are most of a small run's time.
        module = importlib.import_module(f"tasks.stages.{stage}.stage")
    module.run(stage_run)
    channel.rows = stage_run.most_rows

    # Only a stage that has ended well reports.
    if descriptor := os.environ.pop(REPORT_VARIABLE, None):
        report: dict[str, Any] = {
            "unsealed": stage_run.rows_unsealed,
            "shredded": stage_run.rows_shredded,
        }
        if stage_run.has_engine:
            report["engine"] = stage_run.engine.describe()
        if stage_run.has_opened_keys:
            # What it has come to by now: the worker holds the ledger, and perhaps no key store.
            from tasks.keystore.state import read_state

            report["key_store"] = read_state(stage_run.keys, stage_run.installation).to_dict()
        with os.fdopen(int(descriptor), "wb") as pipe:
            pipe.write(json.dumps(report).encode())


def _is_model_error(error: Exception) -> bool:
    """Say whether `tasks.model` raised it: that package stands alone, so its errors are its own.

    It is not imported for this: most stages do not use it, and it brings numpy and pydantic.
    """
    errors = sys.modules.get("tasks.model.errors")
    return errors is not None and isinstance(error, errors.ModelError)


def silence_libraries() -> TextIO:
    """Send standard output and error to the null device; return a stream to where errors went.

    This process holds people's rows in plain text, and its standard streams end on terminals, in
    logs and in Prefect's database. Libraries write there past every rule of ours: C++ prints,
    log handlers of their own, processes that they start, which inherit the descriptors. So nothing
    in this process is connected to them but what is returned, for this project's own lines.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
    with Path(os.devnull).open("wb") as null_device:
        os.dup2(null_device.fileno(), 1)
        os.dup2(null_device.fileno(), 2)

    return terminal


def _run_quietly(arguments: list[str]) -> int:
    """Run the stage with its libraries silenced, unless `PORTCULLIS_DEBUG=1`."""
    terminal = None if is_debug_asked_for(os.environ) else silence_libraries()
    withhold_texts(os.environ, terminal)
    return main(arguments, terminal)


if __name__ == "__main__":
    sys.exit(_run_quietly(sys.argv[1:]))
