"""Run a flow for a command, attend it, and end it in time: with its API, and with everything that it started.

Three processes, because each of them may have to end the others:

- the command, which does nothing but wait; Ctrl-C, SIGTERM and a closed terminal reach it alone;
- the flow, in a session of its own: DVC ignores SIGINT while a stage runs, and Prefect reports an interruption only
  while its API is still there;
- Prefect's API, if none is configured: `flows/temporary_api.py`.

All of them die with the command, also where it is killed.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tasks.errors import ServiceError
from tasks.settings import Settings

GRACE_SECONDS = (
    3.0  # for a flow that was asked to end: it takes one; a person waits no longer than five
)
DEAF_GRACE_SECONDS = 1.0  # for one whose API is gone
SERVER_GRACE_SECONDS = 1.5
ANSWER_SECONDS = 5.0
STARTUP_SECONDS = (
    120.0  # the first start on a new home makes Prefect's database: 19 s on a slow machine
)
POLL_SECONDS = 0.1
PING_SECONDS = 1.0
LOST_PINGS = 2  # one after another, each of them refused: nobody listens any more
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Api:
    """Prefect's API as a flow finds it: its URL, and its process where it is this command's own."""

    url: str
    process: "subprocess.Popen[bytes] | None" = None
    _lost: int = 0
    _pinged: float = 0.0

    def problem(self) -> str | None:
        """Say what is wrong with it, cheaply: asked ten times a second. Only a dead server counts, not a slow one."""
        if self.process is not None:
            code = self.process.poll()
            return None if code is None else f"it ended with exit code {code}"

        if time.monotonic() - self._pinged < PING_SECONDS:
            return None
        self._pinged = time.monotonic()
        refusal = _refusal(self.url, PING_SECONDS)
        is_gone = (
            refusal == ConnectionRefusedError.__name__
        )  # a name server that hiccups is no dead API
        self._lost = self._lost + 1 if is_gone else 0
        return refusal if self._lost >= LOST_PINGS else None


@contextmanager
def prefect_api(settings: Settings) -> Iterator[Api]:
    """Give the API that is configured, or one that lasts as long as this block.

    Raises:
        ServiceError: One is configured and does not answer. Nothing was begun.
    """
    if url := configured_url(settings):
        if refusal := _refusal(url, ANSWER_SECONDS):
            raise ServiceError(
                f"Prefect's API {_shown(url)}",
                expected="an answer",
                found=refusal,
                remedy="Start that server, or unset PREFECT_API_URL: a release then brings its own.",
            )
        yield Api(url)
        return

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        port = listening.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "flows.serving.temporary_api",
            str(listening.fileno()),
            str(os.getpid()),
        ]
        process = subprocess.Popen(command, pass_fds=[listening.fileno()], start_new_session=True)
    try:
        yield Api(f"http://127.0.0.1:{port}/api", process)
    finally:
        end(process, SERVER_GRACE_SECONDS)


def configured_url(settings: Settings) -> str | None:
    """Return the API that the environment names, or else the active profile in `$PREFECT_HOME`."""
    if settings.prefect_api_url:
        return settings.prefect_api_url
    profiles = Path(settings.prefect_home or Path.home() / ".prefect") / "profiles.toml"
    try:
        values = tomllib.loads(profiles.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Prefect itself says what is wrong with it
        return None
    active = settings.prefect_profile or values.get("active")
    profile = values.get("profiles", {}).get(active, {})
    return str(profile["PREFECT_API_URL"]) if profile.get("PREFECT_API_URL") else None


def wait_until_it_answers(url: str, seconds: float = STARTUP_SECONDS) -> None:
    """Wait for an API that is starting.

    Raises:
        ServiceError: It did not answer in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # A socket that nobody serves yet keeps the question until somebody does: there is mostly just one.
        if _refusal(url, deadline - time.monotonic()) is None and time.monotonic() < deadline:
            return
        time.sleep(POLL_SECONDS)
    raise ServiceError(
        f"Prefect's API {_shown(url)}",
        expected=f"an answer within {seconds:g} s",
        found="none",
        remedy="Run the same command again; where the machine is that slow, start `./portcullis ui` before.",
    )


def attend(command: list[str], api: Api) -> int:
    """Run a command that uses the API, to its end; return its exit code, or 128 and the signal that interrupted it.

    Raises:
        ServiceError: The API died under it.
    """
    environment = os.environ | {"PREFECT_API_URL": api.url}
    if api.process is not None:
        environment["PREFECT_UI_URL"] = ""  # it has no pages: a link to them would lead nowhere
    problem = None
    with _interruptions() as received:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            while process.poll() is None and not received:
                if problem := api.problem():
                    break
                time.sleep(POLL_SECONDS)
        finally:
            # Without its API a flow cannot report anything, and would try to for minutes; it can let go of DVC's locks.
            end(process, DEAF_GRACE_SECONDS if problem else GRACE_SECONDS, impatient=received)

    if received:
        return 128 + received[0]
    if problem:
        raise ServiceError(
            f"Prefect's API {_shown(api.url)}",
            expected="to be there until the end",
            found=problem,
            remedy="Its own words, if any, are above. Nothing is half-done: the same command goes on where it stopped.",
        )
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def end(
    process: "subprocess.Popen[bytes]", grace_seconds: float, impatient: list[int] | None = None
) -> None:
    """End a process that leads a session, then whatever is left of its session.

    Args:
        process: What was started with `start_new_session`. One that has ended in good order is left alone.
        grace_seconds: How long it may take to end by itself after SIGTERM.
        impatient: The signals received so far; another one that comes meanwhile ends the patience.
    """
    code = process.poll()
    if code is not None and code >= 0:
        return

    if code is None:
        count = len(impatient or ())
        process.terminate()
        deadline = time.monotonic() + grace_seconds
        while (
            process.poll() is None and time.monotonic() < deadline and len(impatient or ()) == count
        ):
            time.sleep(POLL_SECONDS / 5)

    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """Note signals instead of being ended by them; the list that is given grows.

    SIGINT is taken also where it is ignored, as it is in what a shell starts in the background. An ignored SIGHUP stays
    ignored: that is what `nohup` is for.
    """
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {}
    for number in INTERRUPTIONS:
        if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        before[number] = signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refusal(url: str, seconds: float) -> str | None:
    """Return why nobody answers at a URL, or None where somebody does, whatever the answer is."""
    try:
        with urllib.request.urlopen(
            f"{_shown(url).rstrip('/')}/health", timeout=max(seconds, POLL_SECONDS)
        ):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except urllib.error.URLError as error:
        reason = error.reason
        is_dead = isinstance(reason, ConnectionError | socket.gaierror | TimeoutError)
        return (
            type(reason).__name__ if is_dead else None
        )  # a certificate that only Prefect knows is no dead server
    except TimeoutError:
        return None  # somebody listens, and is slow
    except (OSError, ValueError) as error:
        return type(error).__name__


def _shown(url: str) -> str:
    """Return a URL as messages may show it: without what may be a password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
