"""Run one stage of the data path for DVC, and sign for it: `python -m tasks <stage> <use case>`.

This process is the worker. It starts the stage's own code in a process that has no signing
credentials, digests what lies on disk before and after, and appends the signed statements to the
ledger. A stage that nobody signed for has failed.

Exit codes: 0 done (whatever the verdict), 2 something a person can mend, 3 a shut gate, 4 a
service, 1 a bug.
"""

import os
import signal
import sys
from pathlib import Path

# Ctrl-C on `dvc repro` reaches the worker and the stage's process as well as DVC. Both end at once
# and without a traceback: outputs and statements appear whole or not at all, so nothing has to be
# tidied up on the way out. It stands before the other imports, which take a second.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from tasks.errors import ConfigError, PortcullisError, RefusedError
from tasks.path import STAGES
from tasks.settings import environment_of_stage
from tasks.system.installation import Installation
from tasks.system.processes import die_with_parent

MOST_REPORT_BYTES = 4096  # two counts need sixty; a stage's code is not trusted with our memory
SIGNALLED = 128  # a shell adds it to the number of the signal


def main(arguments: list[str]) -> int:
    """Run the stage, sign for it, and return the process's exit code."""
    if len(arguments) != 2 or arguments[0] not in STAGES:
        print(
            f"usage: python -m tasks <stage> <use case>\nstages: {' '.join(STAGES)}",
            file=sys.stderr,
        )
        return 2
    die_with_parent()
    from tasks.clearance import attest_stage

    stage, case = arguments
    code_folder = Path(__file__).resolve().parents[1]
    if code_folder != Path.cwd().resolve():
        # The code in the current folder would be signed for, and this is other code: PYTHONPATH,
        # PYTHONSAFEPATH or an installed copy came first.
        return _fail(
            stage,
            ConfigError(
                f"python -m tasks {stage}",
                expected=f"the code of the checkout that it is started in, {Path.cwd()}",
                found=f"that of {code_folder}",
                remedy="Unset PYTHONPATH and PYTHONSAFEPATH, or start it in that checkout.",
            ),
        )

    # `look` comes before the stage's code can change anything. `observe` digests the inputs while
    # that code runs, so that it costs no time of its own; `attest` then finds whatever has changed.
    try:
        installation = Installation.open(Path(), os.environ)
        before = attest_stage.look(stage, case, installation)
        child, reports = _start_stage(stage, case)
        observed = attest_stage.observe(before, os.urandom(16).hex())
    except PortcullisError as error:
        return _fail(stage, error)
    exit_code = _wait_for(child)
    counts = _read_counts(reports)

    # Also a stage that failed is signed for. Its own exit code then says more than ours.
    try:
        for problem in attest_stage.attest(observed, counts, exit_code):
            print(f"{stage}: {problem}", file=sys.stderr)
    except PortcullisError as error:
        return _fail(stage, error) if exit_code == 0 else exit_code
    return exit_code


def _start_stage(stage: str, case: str) -> tuple[int, int]:
    """Start the stage's own code; return its process and the pipe that it reports to."""
    reports, pipe = os.pipe()
    os.set_inheritable(pipe, True)
    environment = environment_of_stage(os.environ)
    environment |= {"PORTCULLIS_REPORT_FD": str(pipe), "PORTCULLIS_WORKER_PID": str(os.getpid())}
    command = [sys.executable, "-m", "tasks.stages.process", stage, case]

    # Ctrl-C is held back until the process has arranged for it (tasks/stages/process.py): an
    # interpreter that is still starting would print a traceback.
    child = os.posix_spawn(sys.executable, command, environment, setsigmask=[signal.SIGINT])
    os.close(pipe)
    return child, reports


def _wait_for(child: int) -> int:
    """Wait for the stage's process; return its exit code, or 128 and its signal as a shell does."""
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return SIGNALLED - code if code < 0 else code


def _read_counts(reports: int) -> dict[str, int]:
    """Return the counts that the stage claims: two known names, whole numbers, or nothing."""
    import json

    from tasks.clearance.attest_stage import COUNTS

    with os.fdopen(reports, "rb") as pipe:
        text = pipe.read(MOST_REPORT_BYTES)

    # `type(…) is int`: `true` is an instance of int, too, and no count.
    try:
        values = json.loads(text) if text else {}
        return {
            name: values[name]
            for name in COUNTS
            if type(values.get(name)) is int and values[name] >= 0
        }
    except (ValueError, AttributeError):
        return {}


def _fail(stage: str, error: PortcullisError) -> int:
    """Report to the runner, or the terminal, why the stage has failed; return the exit code."""
    from tasks.pipeline.channel import CHANNEL_VARIABLE, Channel

    with Channel.to_parent(stage, os.environ.get(CHANNEL_VARIABLE, "")) as channel:
        if isinstance(error, RefusedError):
            channel.report_refusals(error.refusals)
        else:
            channel.report_failure(str(error), error.exit_code)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
