"""Run a flow for a command, attend it, and end it in time with its API and all that it started.

There are three processes, because each of them may have to end the others:

- the command, which only waits; Ctrl-C, SIGTERM and a closed terminal reach it alone;
- the flow, in a session of its own: DVC ignores SIGINT while a stage runs, and Prefect reports an
  interruption only while its API is still there;
- Prefect's API, if none is configured: `flows/serving/temporary_api.py`.

All of them die with the command, even if it is killed.
"""

import contextlib
import json
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
from http.client import HTTPException
from types import FrameType
from typing import Any

from flows.serving.ports import HOST
from flows.serving.prefect_folder import check_prefect_folder, prefect_folder
from tasks.errors import ServiceError
from tasks.settings import Settings

Process = subprocess.Popen[bytes]

# A flow that was asked to end takes a second, and a person waits no longer than five in all. A flow
# whose API is gone gets less: it cannot report anything, and only has to release DVC's locks.
GRACE_SECONDS = 2.0
DEAF_GRACE_SECONDS = 1.0
SERVER_GRACE_SECONDS = 1.5
CRASH_SECONDS = 0.5

ANSWER_SECONDS = 5.0
# The first start on a new home creates Prefect's database: 19 s on a slow machine.
STARTUP_SECONDS = 120.0
POLL_SECONDS = 0.1
PING_SECONDS = 1.0
# In a row, and each of them a refused connection: then nobody listens any more.
LOST_PINGS = 2

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Requests of a flow that starts while the API is not serving yet wait in the socket.
BACKLOG = 128


@dataclass
class PrefectApi:
    """Prefect's API as a flow uses it: its URL, and its process if it is this command's own."""

    url: str
    process: Process | None = None
    _lost_pings: int = 0
    _pinged_seconds: float = 0.0

    def problem(self) -> str | None:
        """Return what is wrong with the API, or None; cheap, since it is called ten times a second.

        Only a dead server counts. A slow server does not, nor a name server that fails for a while.
        """
        if self.process is not None:
            code = self.process.poll()
            return None if code is None else f"it ended with exit code {code}"

        if time.monotonic() - self._pinged_seconds < PING_SECONDS:
            return None

        self._pinged_seconds = time.monotonic()
        refusal = find_refusal(self.url, PING_SECONDS)
        is_refused = refusal == ConnectionRefusedError.__name__
        self._lost_pings = self._lost_pings + 1 if is_refused else 0
        return refusal if self._lost_pings >= LOST_PINGS else None


@contextmanager
def open_api(settings: Settings) -> Iterator[PrefectApi]:
    """Yield the API that is configured, or one that lasts as long as this block.

    Raises:
        ConfigError: Prefect could not keep its files where the environment sends it.
        ServiceError: An API is configured and does not answer. Nothing was begun.
    """
    # Asked before a server is started, which would end in a traceback of its database.
    check_prefect_folder(settings)
    if url := find_configured_url(settings):
        if refusal := find_refusal(url, ANSWER_SECONDS):
            raise ServiceError(
                f"Prefect's API {without_secrets(url)}",
                expected="an answer",
                found=refusal,
                remedy="Start that server, or unset PREFECT_API_URL: "
                "a release then brings its own.",
            )
        yield PrefectApi(url)
        return

    # The socket is bound before the server starts, so that two releases that start at once never
    # get the same port.
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(BACKLOG)
        port = listener.getsockname()[1]
        module = [sys.executable, "-m", "flows.serving.temporary_api"]
        process = subprocess.Popen(
            [*module, str(listener.fileno()), str(os.getpid())],
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    try:
        yield PrefectApi(f"http://{HOST}:{port}/api", process)
    finally:
        end_session(process, SERVER_GRACE_SECONDS)


def require_tracking_server(settings: Settings) -> None:
    """Refuse a release whose model registry nobody answers for; a database is asked when it opens.

    Raises:
        ServiceError: MLFLOW_TRACKING_URI names a server, and none answers there.
    """
    url = settings.tracking_uri
    if not url.startswith(("http://", "https://")):
        return

    if refusal := find_refusal(url, ANSWER_SECONDS):
        raise ServiceError(
            f"MLflow's server {without_secrets(url)}",
            expected="an answer",
            found=refusal,
            remedy="Start that server, or unset MLFLOW_TRACKING_URI: "
            "the registry is then a database of this installation.",
        )


def find_configured_url(settings: Settings) -> str | None:
    """Return the API that the environment names, or else the active profile in `$PREFECT_HOME`."""
    if settings.prefect_api_url:
        return settings.prefect_api_url

    profiles_path = prefect_folder(settings) / "profiles.toml"
    try:
        values = tomllib.loads(profiles_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Prefect itself reports what is wrong with the file
        return None

    active = settings.prefect_profile or values.get("active")
    # The file is Prefect's, and Prefect complains about it: here no more is taken from it than is
    # sure.
    profiles = values.get("profiles")
    profile = profiles.get(str(active)) if isinstance(profiles, dict) else None
    url = profile.get("PREFECT_API_URL") if isinstance(profile, dict) else None
    return str(url) if url else None


def wait_for_api(
    url: str,
    seconds: float = STARTUP_SECONDS,
    *,
    process: Process | None = None,
    remedy: str = "Run the same command again; on a slow machine, start `./portcullis ui` first.",
) -> None:
    """Wait for an API that is starting.

    Args:
        url: Of the API, without `/health`.
        seconds: How long it may take.
        process: The server's, if it is known: nobody waits for a server that has ended.
        remedy: What a person can do if it does not answer.

    Raises:
        ServiceError: It did not answer in time, or it ended.
    """
    deadline = time.monotonic() + seconds
    code = None
    while time.monotonic() < deadline and code is None:
        # A bound socket that nobody serves yet keeps a request until somebody does, so the first
        # request may take all the time that is left. An answer after the deadline is none.
        refusal = find_refusal(url, deadline - time.monotonic())
        if refusal is None and time.monotonic() < deadline:
            return
        time.sleep(POLL_SECONDS)
        code = process.poll() if process is not None else None

    raise ServiceError(
        f"Prefect's API {without_secrets(url)}",
        expected=f"an answer within {seconds:g} s",
        found="none" if code is None else f"none: the server ended with exit code {code}",
        remedy=remedy,
    )


def attend_command(command: list[str], api: PrefectApi | None = None) -> int:
    """Run a command to its end; with the API that it uses, if it uses one.

    Returns:
        Its exit code, or 128 and the number of the signal that interrupted it.

    Raises:
        ServiceError: The API died under it.
    """
    environment = dict(os.environ)
    if api is not None:
        environment["PREFECT_API_URL"] = api.url
        if api.process is not None:
            # A temporary API has no pages, and Prefect would log a link to them.
            environment["PREFECT_UI_URL"] = ""

    problem = None
    with _receive_signals() as received:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            while process.poll() is None and not received:
                if api is not None and (problem := api.problem()):
                    break
                time.sleep(POLL_SECONDS)
        finally:
            grace_seconds = DEAF_GRACE_SECONDS if problem else GRACE_SECONDS
            end_session(process, grace_seconds, received)

    if received:
        return 128 + received[0]
    if api is not None and problem:
        raise ServiceError(
            f"Prefect's API {without_secrets(api.url)}",
            expected="to be there until the end",
            found=problem,
            remedy="Its own messages, if any, are above. Nothing is half-done: "
            "the same command goes on where it stopped.",
        )
    # As a shell reports a program that a signal ended.
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def crash_unfinished_runs(url: str, tag: str) -> None:
    """Set the flow runs with a tag to Crashed that are still running, as far as the API allows.

    A flow that is ended reports that itself, unless the machine is so busy that its grace is over
    first. Nobody else would: Prefect shows such a run as running for ever.
    """
    address = without_secrets(url).rstrip("/")
    unfinished = {"tags": {"all_": [tag]}, "state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
    crashed = {"type": "CRASHED", "name": "Crashed", "message": "The command was interrupted."}

    # Without Prefect's client, whose import alone takes longer than a person waits. Whatever
    # answers instead of Prefect may not hide how the release ended.
    with contextlib.suppress(OSError, HTTPException, ValueError, LookupError, TypeError):
        for run in _post(f"{address}/flow_runs/filter", {"flow_runs": unfinished}):
            _post(f"{address}/flow_runs/{run['id']}/set_state", {"state": crashed, "force": True})


def _post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=CRASH_SECONDS) as answer:
        return json.load(answer)


def end_session(process: Process, grace_seconds: float, received: list[int] | None = None) -> None:
    """End a process that leads a session, then whatever is left of its session.

    Args:
        process: Started with `start_new_session`. If it has ended in good order, nothing is done.
        grace_seconds: How long it may take to end by itself after SIGTERM.
        received: The signals received so far; a further one ends the wait at once.
    """
    code = process.poll()
    if code is not None and code >= 0:
        return

    if code is None:
        process.terminate()
        signals = received if received is not None else []
        count = len(signals)
        deadline = time.monotonic() + grace_seconds
        while process.poll() is None and time.monotonic() < deadline and len(signals) == count:
            time.sleep(POLL_SECONDS / 5)

    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _receive_signals() -> Iterator[list[int]]:
    """Record signals instead of being ended by them; the list that is yielded grows.

    SIGINT is taken even if it is ignored, as it is in what a shell starts in the background. An
    ignored SIGHUP stays ignored: that is what `nohup` is for.
    """
    received: list[int] = []

    def record(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    earlier_handlers = {}
    for number in INTERRUPTIONS:
        if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        earlier_handlers[number] = signal.signal(number, record)
    try:
        yield received
    finally:
        for number, handler in earlier_handlers.items():
            signal.signal(number, handler)


def find_refusal(url: str, seconds: float) -> str | None:
    """Return why nobody answers at a URL, or None if somebody does, whatever the answer is."""
    # Without the password: this asks whether somebody is there, and `urllib` would show it in an
    # error.
    health_url = f"{without_secrets(url).rstrip('/')}/health"
    try:
        with urllib.request.urlopen(health_url, timeout=max(seconds, POLL_SECONDS)):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except urllib.error.URLError as error:
        # Of a server behind a certificate that only Prefect's settings trust, this knows nothing.
        is_dead = isinstance(error.reason, ConnectionError | socket.gaierror | TimeoutError)
        return type(error.reason).__name__ if is_dead else None
    except TimeoutError:
        return None  # somebody listens, and is slow
    except (OSError, HTTPException, ValueError) as error:  # also one that speaks no HTTP
        return type(error).__name__


def without_secrets(url: str) -> str:
    """Return a URL as messages may show it: without user, password and query."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
