"""One server of the stack as a process: started, watched, and ended with the one that started it.

Each runs in a session of its own, so that Ctrl-C reaches the command alone, and dies with the
command even where that is killed.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from pathlib import Path

from tasks.errors import ServiceError
from tasks.system.processes import end_with_parent

START_SECONDS = 120.0
GRACE_SECONDS = 15.0  # SeaweedFS takes more than four to end in good order (ADR 104)
POLL_SECONDS = 0.1
ANSWER_SECONDS = 2.0


@dataclass
class ServerProcess:
    """A program that serves until it is ended.

    Attributes:
        name: What people call it, in one word.
        command: Holds no secret: every account of the machine can list it.
        log: Where its output goes; begun anew at each start, for this account alone.
        environment: All that it finds there.
        folder: Where it works.
        account: Which account it runs as, where root starts it.
        ends_by: The signal after which it ends in good order, soon, and whoever is connected.
        first_line: What it reads from standard input, and nobody else can.
        held: Descriptors that it keeps open until it ends, with the locks that are on them.
    """

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    folder: Path
    account: str | None = None
    ends_by: signal.Signals = signal.SIGTERM
    first_line: bytes = b""
    held: tuple[int, ...] = ()
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Start it, and return at once."""
        # Anew at each start: what an earlier one wrote explains nothing. For this account alone: a
        # server's log may quote what it was asked.
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

        with os.fdopen(descriptor, "wb") as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.folder,
                user=self.account,
                group=pwd.getpwnam(self.account).pw_gid if self.account else None,
                extra_groups=[] if self.account else None,
                stdin=subprocess.PIPE if self.first_line else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self.held,
                # One system call, after the account was changed, which would take it back.
                preexec_fn=partial(end_with_parent, self.ends_by),
            )

        if self._process.stdin is not None:
            try:
                with self._process.stdin as stream:
                    stream.write(self.first_line + b"\n")
            except BrokenPipeError:
                pass  # it has ended: `wait_until` says so

    def problem(self) -> str | None:
        """Return how it ended, or None while it runs."""
        code = self._process.poll() if self._process is not None else None
        if code is None:
            return None
        return f"it ended with exit code {code}" if code >= 0 else f"signal {-code} ended it"

    def wait_until(self, answers: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until it answers.

        Raises:
            ServiceError: It has ended, or does not answer in time.
        """
        deadline = time.monotonic() + seconds

        while not answers():
            # Looked for first: one that has ended will not answer, however long it is waited for.
            ended = self.problem()
            if ended or time.monotonic() > deadline:
                raise ServiceError(
                    self.name,
                    expected="a server that answers",
                    found=ended or f"none after {seconds:g} s",
                    remedy=f"Its own messages are in {self.log}.",
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it, and whatever is left of its session."""
        process = self._process
        if process is None:
            return

        if process.poll() is None:
            # To the server alone, which ends its own children in good order.
            process.send_signal(self.ends_by)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)

        # A server's children are of its session: those that it leaves behind end with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

        process.wait()
        self._process = None


class StackServer(ABC):
    """A server of the stack that is one process; each says by itself when it answers."""

    _process: ServerProcess

    def start(self) -> None:
        """Start it, and return at once."""
        self._process.start()

    def hold(self, descriptor: int) -> None:
        """Have it keep a descriptor open: a lock on that lasts as long as the server does."""
        self._process.held = (descriptor,)

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            ServiceError: It does not.
        """
        self._process.wait_until(self._answers)

    def problem(self) -> str | None:
        """Return how it ended, or None while it runs."""
        return self._process.problem()

    def stop(self) -> None:
        """End it; its data stay."""
        self._process.stop()

    @abstractmethod
    def _answers(self) -> bool:
        """Say whether it answers; asked again and again until it does."""


def is_answering(address: str) -> bool:
    """Say whether a server answers at an address of its own that is there as soon as it works."""
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_SECONDS):
            return True
    except (OSError, HTTPException):  # the second of whatever speaks no HTTP
        return False


def plain_environment(home: Path, **more: str) -> dict[str, str]:
    """Return what every server of the stack finds: nothing of the caller's but PATH."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        # Not the folder that all accounts share: nobody else can put a file there before a server
        # does.
        "TMPDIR": str(home),
        **more,
    }


def own_folder(folder: Path, account: str | None = None) -> Path:
    """Make a folder for this account alone, or for the one that a server runs as."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        shutil.chown(folder, account, pwd.getpwnam(account).pw_gid)
    # Again: the mode above is cut by the umask, and a folder that was there has its own.
    folder.chmod(0o700)
    return folder
