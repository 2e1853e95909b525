"""`./portcullis ui`: a Prefect server, the deployments of prefect.yaml, and a worker; 127.0.0.1."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Annotated, Any

import typer

from flows.cli.base.declaring import declare, installation_of, new_app
from flows.serving.attending import end_session, wait_for_api
from flows.serving.interrupting import listen_to_signals
from flows.serving.ports import HOST, LAST_PORT, find_free_port, is_port_taken, server_command
from flows.serving.prefect_folder import check_prefect_folder
from tasks.errors import ConfigError, ServiceError
from tasks.formats.shown import kind_of_error
from tasks.system.installation import Installation

POOL = "portcullis"
PORT = 4200  # Prefect's own default
STARTUP_SECONDS = 120.0
MOST_STARTUP_SECONDS = 24 * 3600.0  # a socket's time-out has no room for `inf`
GRACE_SECONDS = 20.0  # a worker first ends the runs that it has started
ANSWER_SECONDS = 60.0
# Each of Prefect's commands imports it and asks a server of this machine: seconds, or on a slow
# machine a minute. One that a server keeps waiting would hold the lock of `ui` for ever.
COMMAND_SECONDS = 600.0
POLL_SECONDS = 0.5
MOST_MESSAGE_CHARACTERS = 2000


EXAMPLES = """\
On this machine, until Ctrl-C:
  ./portcullis ui
  ./portcullis ui --port 0     # on a free port
"""
app = new_app()


@declare(app, examples=EXAMPLES, reports_progress=True)
def main(
    context: typer.Context,
    *,
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            min=0,
            max=LAST_PORT,
            help=f"The server's port on {HOST}; 0 takes a free one.",
        ),
    ] = PORT,
    wait_seconds: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=MOST_STARTUP_SECONDS,
            help="How long the server may take to answer.",
        ),
    ] = STARTUP_SECONDS,
) -> int:
    """Serve until interrupted."""
    installation = installation_of(context)
    check_prefect_folder(installation.settings)
    listen_to_signals()
    port = port or find_free_port()
    # If another server answered on that port, it would get these deployments.
    if is_port_taken(port):
        raise ConfigError(
            f"port {port} of {HOST}",
            expected="a port on which nobody listens",
            found="a server that answers",
            remedy="End it, or choose another port: `--port 0` finds a free one.",
        )

    address = f"http://{HOST}:{port}"
    environment = {
        **os.environ,
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # `prefect.yaml` has its worker change into this folder; a deployment keeps it as it is now.
        "PORTCULLIS_ROOT": str(installation.workspace.absolute()),
        # `prefect deploy` asks where it runs on a terminal (`is_interactive`, `prefect/cli/deploy`,
        # in 3.8.8), and nobody waits there for its questions.
        "PREFECT_CLI_PROMPT": "false",
    }
    work = _prefect_command(["worker", "start", "--pool", POOL])

    with (
        _lock_installation(installation) as lock,
        _run_in_background(server_command(port), environment, lock) as server,
        _make_scratch_folder() as scratch,
    ):
        # In this order: a deployment needs its pool, and runs whose worker is gone hold slots that
        # those of the new worker would wait for.
        wait_for_api(
            f"{address}/api",
            wait_seconds,
            process=server,
            remedy="Its own messages are above. On a slow machine, raise `--wait-seconds`.",
        )
        _run_prefect(["work-pool", "create", POOL, "--type", "process", "--overwrite"], environment)
        _run_prefect(["deploy", "--all"], environment)

        # Before there is a worker again: whatever counts as running now has lost its own.
        _end_interrupted_runs(f"{address}/api")
        with _run_in_background(work, environment | {"TMPDIR": scratch}, lock) as worker:
            print(
                f"\nOpen {address}/deployments and start `release`. "
                "Ctrl-C ends the server and its worker.\n",
                flush=True,
            )
            return _wait_for_an_end(server, worker)


@contextlib.contextmanager
def _lock_installation(installation: Installation) -> Iterator[int]:
    """Hold the lock of this installation's `ui`, and yield its file descriptor.

    Server and worker inherit it, so that the lock lasts as long as they do.
    """
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
def _make_scratch_folder() -> Iterator[str]:
    """Yield a folder for the worker's temporary files that belongs to nobody else.

    Prefect's worker keeps its own below `runner_storage` in the folder that all accounts share. If
    another account has run a worker, it cannot even start (`prefect/runner/runner.py`, `_tmp_dir`,
    in 3.8.8).
    """
    with tempfile.TemporaryDirectory(prefix="portcullis-", ignore_cleanup_errors=True) as folder:
        yield folder


@contextlib.contextmanager
def _run_in_background(
    command: list[str], environment: dict[str, str], lock: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Prefect process as long as this block lasts.

    It gets a session of its own: under a shell's job control it would ignore SIGTERM.
    """
    process = subprocess.Popen(command, env=environment, start_new_session=True, pass_fds=(lock,))
    try:
        yield process
    finally:
        end_session(process, GRACE_SECONDS)


def _end_interrupted_runs(api: str) -> None:
    """Set runs whose worker ended before they did to Crashed, and so free the slots that they hold.

    Nobody else would. Who holds a deployment's only slot is known to the server's memory alone,
    which ended with it (`prefect/server/concurrency/lease_storage/memory.py`, in 3.8.8), while the
    database goes on counting the slot as taken: every later run of that deployment, scheduled runs
    included, would wait for it for ever.
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
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return json.load(answer)
    except (OSError, HTTPException, ValueError) as error:  # the last of what is no JSON
        raise ServiceError(
            "Prefect server",
            expected=f"an answer at {url}",
            found=kind_of_error(error),
            remedy="Its own messages are above.",
        ) from error


def _run_prefect(arguments: list[str], environment: dict[str, str]) -> None:
    try:
        result = subprocess.run(
            _prefect_command(arguments),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(
            f"prefect {' '.join(arguments)}",
            expected=f"an end within {COMMAND_SECONDS:.0f} s",
            found="none, and it was ended",
            remedy="The server's own messages are above; start `./portcullis ui` again.",
        ) from error

    if result.returncode:
        raise ServiceError(
            f"prefect {' '.join(arguments)}",
            expected="exit 0",
            found=f"exit {result.returncode}",
            remedy=(result.stderr or result.stdout)[-MOST_MESSAGE_CHARACTERS:],
        )


def _prefect_command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


def _wait_for_an_end(*processes: subprocess.Popen[bytes]) -> int:
    """Wait until a process ends; it is a failure, since none of them should."""
    while all(process.poll() is None for process in processes):
        time.sleep(POLL_SECONDS)
    return 1
