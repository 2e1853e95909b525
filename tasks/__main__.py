"""Run one stage of the data path for DVC, and sign for it: `python -m tasks <stage> <use case>`.

This process is the worker (`tasks.worker`). DVC starts it by `tasks/isolated.py`, so that nothing
but this package is imported from the checkout; started without, it starts itself again that way. A
stage that nobody signed for has failed.

Exit codes: 0 done (whatever the verdict), 2 something a person can mend, 3 a shut gate, 4 a
service, 1 a bug.
"""

import os
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

# Ctrl-C on `dvc repro` reaches the worker and the stage's process as well as DVC. Both end at once
# and without a traceback: outputs and statements appear whole or not at all, so nothing has to be
# tidied up on the way out. It stands before the other imports, which take a second.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from tasks.config.case_name import check_case_name
from tasks.errors import ConfigError, PortcullisError, RefusedError
from tasks.formats.shown import withhold_texts
from tasks.isolated import FLAGS
from tasks.path import STAGES
from tasks.secrets.opening import open_with_secrets
from tasks.system.machine_faults import explain_machine
from tasks.system.processes import die_with_parent, hide_from_others

if TYPE_CHECKING:
    from tasks.pipeline.channel import Channel


def main(arguments: list[str]) -> int:
    """Run the stage, sign for it, and return the process's exit code."""
    if len(arguments) != 2 or arguments[0] not in STAGES:
        print(
            f"usage: python -m tasks <stage> <use case>\nstages: {' '.join(STAGES)}",
            file=sys.stderr,
        )
        return 2
    die_with_parent()
    # Its environment holds the token that signs, and the stage's process has the same account.
    hide_from_others()
    stage, case = arguments
    # Before anything is looked up by it. DVC has given it to a shell already, and that is why
    # dvc.yaml holds checked names alone (tasks/pipeline/dvc_file.py).
    try:
        check_case_name(case, "use case")
    except ConfigError as error:
        return _fail(stage, error)

    code_folder = Path(__file__).resolve().parents[1]
    if code_folder != Path.cwd().resolve():
        # The code in the current folder would be signed for, and this is other code: an installed
        # copy came first, or another checkout's file was started.
        return _fail(
            stage,
            ConfigError(
                f"python -m tasks {stage}",
                expected=f"the code of the checkout that it is started in, {Path.cwd()}",
                found=f"that of {code_folder}",
                remedy="Start it in that checkout.",
            ),
        )

    # Late: a mistyped name is said before the imports, which take longer than anything else here.
    from tasks.worker.running import run_stage

    installation = None
    try:
        installation = open_with_secrets(Path(), os.environ)
        exit_code, lines = run_stage(stage, case, installation)
    except PortcullisError as error:
        return _fail(stage, error)
    except Exception as error:
        cause = explain_machine(error, installation)
        if cause is None:
            raise
        return _fail(stage, cause)
    if lines:
        with _channel(stage) as channel:
            for line in lines:
                channel.report_progress(line)
    return exit_code


def _channel(stage: str) -> "AbstractContextManager[Channel]":
    from tasks.pipeline.channel import CHANNEL_VARIABLE, Channel

    return Channel.to_parent(stage, os.environ.get(CHANNEL_VARIABLE, ""), is_stage=False)


def _fail(stage: str, error: PortcullisError) -> int:
    """Report to the runner, or the terminal, why the stage has failed; return the exit code."""
    with _channel(stage) as channel:
        if isinstance(error, RefusedError):
            channel.report_refusals(error.refusals)
        else:
            channel.report_failure(str(error), error.exit_code)
    return error.exit_code


def _start_isolated() -> None:
    """Become the same process by `tasks/isolated.py`; see there."""
    isolated = Path(__file__).with_name("isolated.py")
    command = [sys.executable, *FLAGS, str(isolated), "tasks", *sys.argv[1:]]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    if not sys.flags.isolated:
        _start_isolated()
    withhold_texts(os.environ)
    sys.exit(main(sys.argv[1:]))
