"""`./portcullis ui`: a Prefect server, the deployments of prefect.yaml and a worker, on 127.0.0.1."""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import ConfigError, ServiceError

POOL = "portcullis"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--port", type=int, default=4200, help="the server's port on 127.0.0.1 (default 4200; 0: a free one)"
    )
    parser.add_argument("--wait-seconds", type=float, default=120, help="how long the server may take to answer")


def main(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that starts this in the background has SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    port = options.port or free_port()
    if _is_taken(port):  # else it would be the other server that answers, and is given these deployments
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
        "PORTCULLIS_ROOT": str(Path.cwd()),
        "PREFECT_CLI_PROMPT": "false",
    }
    serve = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with _process([sys.executable, "-m", "flows.server", *serve], environment) as server:
        _wait_for(f"{address}/api/health", server, options.wait_seconds)
        _run_prefect(["work-pool", "create", POOL, "--type", "process", "--overwrite"], environment)
        _run_prefect(["deploy", "--all"], environment)
        with _process(_prefect_command(["worker", "start", "--pool", POOL]), environment) as worker:
            print(
                f"\nOpen {address}/deployments and start `release`. Ctrl-C ends the server and its worker.\n",
                flush=True,
            )
            return _until_one_ends(server, worker)


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a long-lived prefect process in its own session (one under a shell's job control ignores SIGTERM)."""
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _run_prefect(arguments: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(_prefect_command(arguments), env=environment, capture_output=True, text=True, check=False)
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
