"""Start a stage's own code in a process of its own, and wait for it.

The process gets the snapshot's code, the run folder as its current one, and an environment without
the worker's credentials. On one machine and one account that is order, not defence: what the
account may read, its programs may read. `launched_stage` starts it under another account.
"""

import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tasks.formats.strict_json import parse_json
from tasks.isolated import FLAGS, STAGE
from tasks.keystore.state import KeyStoreState
from tasks.settings import environment_of_stage
from tasks.system.installation import Installation
from tasks.worker.run_folder import RunFolder

COUNTS = ("unsealed", "shredded")  # rows; what the worker cannot see from outside
MOST_REPORT_BYTES = 4096  # it needs seven hundred; a stage's code is not trusted with our memory
ENGINE_WORD = re.compile(r"[A-Za-z0-9 ._-]{1,40}")
MOST_ENGINE_WORDS = 12
SIGNALLED = 128  # a shell adds it to the number of the signal


@dataclass(frozen=True)
class StageReport:
    """What a stage says of its run: nobody else can see it, and its code is not trusted."""

    counts: Mapping[str, int] = field(default_factory=dict)
    key_store: KeyStoreState | None = None  # of a stage that opened one
    engine: Mapping[str, str] = field(default_factory=dict)  # of a stage that has one


@dataclass(frozen=True)
class StageProcess:
    """A running stage, and the pipe on which it reports."""

    pid: int
    reports: int
    isolation: ClassVar[Mapping[str, str]] = {}  # none: the same account, network and processes

    def wait(self) -> int:
        """Wait for its end; return its exit code, or 128 and its signal as a shell does."""
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return SIGNALLED - code if code < 0 else code

    def read_report(self) -> StageReport:
        """Return what the stage claims."""
        return read_report(self.reports)


def read_report(reports: int) -> StageReport:
    """Return what a stage reports on a pipe: two counts, a key store's state, its engine."""
    # The stage has ended, so what it reports is in the pipe by now. Waiting for the pipe's end
    # would be waiting for whatever it left running, which may hold the other end open for ever.
    try:
        os.set_blocking(reports, False)
        text = os.read(reports, MOST_REPORT_BYTES)
    except BlockingIOError:
        text = b""
    finally:
        os.close(reports)

    # `type(…) is int`: `true` is an instance of int, too, and no count.
    try:
        values = parse_json(text) if text else {}
        counts = {
            name: values[name]
            for name in COUNTS
            if type(values.get(name)) is int and values[name] >= 0
        }
        reported = values.get("key_store")
        engine = {
            name: text
            for name, text in values.get("engine", {}).items()
            if isinstance(text, str) and ENGINE_WORD.fullmatch(name) and ENGINE_WORD.fullmatch(text)
        }
        return StageReport(
            counts,
            KeyStoreState.from_dict(reported) if reported else None,
            engine if len(engine) <= MOST_ENGINE_WORDS else {},
        )
    # What is no report claims nothing: counts are then absent in the evidence, and a key store that
    # is not named is not recorded.
    except (ValueError, AttributeError):
        return StageReport()


def start_stage(
    stage: str, case: str, run: RunFolder, snapshot: Path, installation: Installation
) -> StageProcess:
    """Start the stage's own code in the run folder."""
    reports, pipe = os.pipe()
    os.set_inheritable(pipe, True)
    # Everything but what the table of variables withholds, since libraries have variables of their
    # own. Under the service the environment is made from nothing (`tasks.service.launcher`).
    environment = environment_of_stage(os.environ) | installation.settings.stage_secrets()
    environment |= {
        # The default lies in the checkout, which is not the stage's current folder.
        "PORTCULLIS_HOME": str(installation.home),
        "PORTCULLIS_REPORT_FD": str(pipe),
        "PORTCULLIS_WORKER_PID": str(os.getpid()),
    }
    command = [sys.executable, *FLAGS, str(snapshot / "tasks" / "isolated.py"), STAGE]

    # Ctrl-C is held back until the process has arranged for it (tasks/stages/process.py): an
    # interpreter that is still starting would print a traceback.
    with _standing_in(run.descriptor):
        child = os.posix_spawn(
            sys.executable, [*command, stage, case], environment, setsigmask=[signal.SIGINT]
        )
    os.close(pipe)
    return StageProcess(child, reports)


@contextmanager
def _standing_in(descriptor: int) -> Iterator[None]:
    """Make an open folder the current one: a child begins where its parent stands."""
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fchdir(descriptor)
        yield
    finally:
        os.fchdir(before)
        os.close(before)
