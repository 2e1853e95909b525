"""`./portcullis ui` while a test talks to it: a server and a worker on a free port."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.flows.workspace import Workspace

PATIENCE_SECONDS = 600
# Not more often: five questions a second took half a processor, of the test and of the server that
# it waits for.
ASKED_EVERY_SECONDS = 0.5
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
OPEN = re.compile(r"^Open (http\S+)/deployments ", re.MULTILINE)


@dataclass(frozen=True)
class Ui:
    """A running `ui` command: its process, its address, and the file that holds all output.

    `client` asks its API. One for all questions: to make one takes longer than most answers.
    """

    process: subprocess.Popen[bytes]
    address: str
    log_path: Path
    client: httpx.Client
    _ids: dict[str, str] = field(default_factory=dict, init=False)  # of deployments, by name

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Ask Prefect's API."""
        answer = self.client.request(method, path, json=body if method == "POST" else None)
        return answer.raise_for_status().json()

    def start(self, name: str, **parameters: Any) -> str:
        """Start a deployment with the parameters that the form asks for; return the run's id."""
        run = self.ask(
            "POST",
            f"/deployments/{self._deployment_id(name)}/create_flow_run",
            parameters=parameters,
        )
        return str(run["id"])

    @contextmanager
    def schedule(self, name: str, **schedule: Any) -> Iterator[None]:
        """Give a deployment a schedule as its page does; take it away when the block ends.

        With it go the runs that it has planned and that are not under way.
        """
        path = f"/deployments/{self._deployment_id(name)}/schedules"
        response = self.client.post(path, json=[{"active": True, "schedule": schedule}])
        (made,) = response.raise_for_status().json()
        try:
            yield
        finally:
            self.client.delete(f"{path}/{made['id']}").raise_for_status()

    def end_schedules(self, name: str) -> None:
        """Take away the schedules of a deployment; what they have started goes on."""
        deployment = self._deployment_id(name)
        for schedule in self.ask("GET", f"/deployments/{deployment}")["schedules"]:
            path = f"/deployments/{deployment}/schedules/{schedule['id']}"
            self.client.delete(path).raise_for_status()

    def wait_for_state(self, run_id: str, *state_types: str) -> dict[str, Any]:
        """Wait until a run is in one of some states, and return the state."""
        states: list[dict[str, Any]] = []

        def is_there() -> bool:
            states.append(self.ask("GET", f"/flow_runs/{run_id}")["state"])
            return states[-1]["type"] in state_types

        self.wait_until(is_there, f"run in one of {', '.join(state_types)}")
        return states[-1]

    def runs(self, name: str, *state_types: str) -> list[dict[str, Any]]:
        """Return the runs of a deployment in some states, in the order in which they were due."""
        of = {
            "deployment_id": {"any_": [self._deployment_id(name)]},
            "state": {"type": {"any_": state_types}},
        }
        runs: list[dict[str, Any]] = self.ask(
            "POST", "/flow_runs/filter", flow_runs=of, sort="EXPECTED_START_TIME_ASC"
        )
        return runs

    def scheduled_runs(self, name: str, *state_types: str) -> list[dict[str, Any]]:
        """Return those of them that the server's own scheduler made."""
        runs = self.runs(name, *state_types)
        return [
            run for run in runs if run["auto_scheduled"] and run["created_by"]["type"] == "SCHEDULE"
        ]

    def state_names(self, run_id: str) -> list[str]:
        """Return the names of all states in which a run has been, the latest last."""
        states = self.ask("GET", f"/flow_run_states/?flow_run_id={run_id}")
        return [
            state["name"] for state in sorted(states, key=lambda state: str(state["timestamp"]))
        ]

    def stages(self, run_id: str) -> dict[str, str]:
        """Return how each stage of a release ended."""
        tasks = self.ask("POST", "/task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        return {task["name"]: task["state_name"] for task in tasks}

    def descendants(self) -> list[psutil.Process]:
        """Return the processes that `ui` has started, and those that they have."""
        return _descendants(self.process)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something, as long as `ui` runs."""
        _wait_until(condition, what, self.process, self.log_path)

    def _deployment_id(self, name: str) -> str:
        if name not in self._ids:
            flow = "release" if name.startswith("release-") else name
            self._ids[name] = str(self.ask("GET", f"/deployments/name/{flow}/{name}")["id"])
        return self._ids[name]


@contextmanager
def running(
    workspace: Workspace, log_path: Path, *, end: signal.Signals = signal.SIGINT, **environment: str
) -> Iterator[Ui]:
    """Run `ui` until the block ends, then send it a signal: nothing may outlive it.

    What it prints goes to a file: a pipe that nobody reads is full after 64 KiB, and the next
    writer stands still.
    """
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", "ui", "--port", "0"],
            cwd=workspace.root,
            env=workspace.environment(PYTHONUNBUFFERED="1", **environment),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until(lambda: bool(OPEN.search(log_path.read_text())), "server", process, log_path)
        (address,) = OPEN.findall(log_path.read_text())
        with httpx.Client(base_url=f"{address}/api", timeout=60) as client:
            yield Ui(process, address, log_path, client)
    finally:
        started = _descendants(process)
        process.send_signal(end)
        try:
            process.wait(timeout=90)
        finally:
            _, left = psutil.wait_procs(started, timeout=5)
            for survivor in left:
                survivor.kill()
    assert process.returncode == 130
    assert len(started) >= 2, "server and worker were not among the processes that were watched"
    assert left == []


def _descendants(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    is_running = process.poll() is None
    return psutil.Process(process.pid).children(recursive=True) if is_running else []


def _wait_until(
    condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes], log_path: Path
) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, f"ui ended: {log_path.read_text()[-4000:]}"
        assert time.monotonic() < deadline, f"no {what} in time: {log_path.read_text()[-4000:]}"
        time.sleep(ASKED_EVERY_SECONDS)
