"""`./portcullis ui`: a Prefect server, the deployments of prefect.yaml and a worker, on 127.0.0.1."""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from tasks.errors import ConfigError, ServiceError
from tasks.system.installation import Installation

POOL = "portcullis"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--port",
        type=int,
        default=4200,
        help="the server's port on 127.0.0.1 (default 4200; 0: a free one)",
    )
    parser.add_argument(
        "--wait-seconds", type=float, default=120, help="how long the server may take to answer"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Serve until interrupted."""
    _listen_to_signals()
    port = options.port or free_port()
    if _is_taken(
        port
    ):  # else it would be the other server that answers, and is given these deployments
        raise ConfigError(
            f"port {port} of 127.0.0.1",
            expected="one on which nobody listens",
            found="one that answers",
            remedy="End what listens there, or give another one: `--port 0` finds a free one.",
        )
    address = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PORTCULLIS_ROOT": str(installation.workspace.absolute()),
        "PREFECT_CLI_PROMPT": "false",
    }
    serve = [
        sys.executable,
        "-m",
        "flows.serving.server",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    work = _prefect_command(["worker", "start", "--pool", POOL])
    with (
        _only_here(installation) as lock,
        _process(serve, environment, lock) as server,
        _scratch() as scratch,
    ):
        _wait_for(f"{address}/api/health", server, options.wait_seconds)
        _run_prefect(["work-pool", "create", POOL, "--type", "process", "--overwrite"], environment)
        _run_prefect(["deploy", "--all"], environment)
        _end_interrupted_runs(f"{address}/api")
        with _process(work, environment | {"TMPDIR": scratch}, lock) as worker:
            print(
                f"\nOpen {address}/deployments and start `release`. Ctrl-C ends the server and its worker.\n",
                flush=True,
            )
            return _until_one_ends(server, worker)


def _listen_to_signals() -> None:
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # a shell that starts this in the background has SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    if (
        signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    ):  # a closed terminal; `nohup` ignores it, and so it stays
        signal.signal(signal.SIGHUP, signal.default_int_handler)


@contextlib.contextmanager
def _only_here(installation: Installation) -> Iterator[int]:
    """Hold the lock of this installation's `ui`; server and worker inherit it, so that it lasts as long as they do."""
    with (installation.home / "ui.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                "`./portcullis ui`",
                expected="one server and one worker of this installation",
                found="others that are running",
                remedy="Use those, or end them first.",
            ) from error
        yield stream.fileno()


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    """Give the worker a folder for temporary files that is nobody else's.

    Prefect's worker keeps its own below `runner_storage` in the folder that all accounts share: where
    another account has run one, it cannot even start (`prefect/runner/runner.py`, `_tmp_dir`, in 3.8.8).
    """
    with tempfile.TemporaryDirectory(prefix="portcullis-", ignore_cleanup_errors=True) as folder:
        yield folder


@contextlib.contextmanager
def _process(
    command: list[str], environment: dict[str, str], lock: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a long-lived prefect process in its own session (one under a shell's job control ignores SIGTERM)."""
    process = subprocess.Popen(command, env=environment, start_new_session=True, pass_fds=(lock,))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _end_interrupted_runs(api: str) -> None:
    """Say of runs that were under way when their worker ended that they crashed, and free the slots that they hold.

    Nobody else would. Who holds a deployment's only slot is known to the server's memory alone, which ended with it
    (`prefect/server/concurrency/lease_storage/memory.py`, in 3.8.8), while the database goes on counting the slot as
    taken: every later run of that deployment, scheduled ones included, would wait for it for ever.
    """
    under_way = {
        "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}},
        "work_pools": {"name": {"any_": [POOL]}},
    }
    message = "Its worker ended before it did. Start it again: it goes on where it stopped."
    crashed = {"type": "CRASHED", "name": "Crashed", "message": message}
    for run in _post(f"{api}/flow_runs/filter", under_way):
        _post(f"{api}/flow_runs/{run['id']}/set_state", {"state": crashed, "force": True})


def _post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except OSError as error:
        raise ServiceError(
            "Prefect server",
            expected=f"an answer at {url}",
            found=str(error),
            remedy="Its own words are above.",
        ) from error


def _run_prefect(arguments: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        _prefect_command(arguments), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServiceError(
            f"prefect {' '.join(arguments)}",
            expected="exit 0",
            found=f"exit {done.returncode}",
            remedy=(done.stderr or done.stdout)[-2000:],
        )


def _prefect_command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


def _wait_for(url: str, server: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.3)
    raise ServiceError(
        "Prefect server",
        expected=f"an answer at {url} within {seconds:g} s",
        found="none",
        remedy="Its own words are above; is the port taken?",
    )


def _until_one_ends(*processes: subprocess.Popen[bytes]) -> int:
    while all(process.poll() is None for process in processes):
        time.sleep(0.5)
    return 1


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
