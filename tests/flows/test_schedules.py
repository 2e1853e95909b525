"""Schedules under `./portcullis ui`: they fire, one run of a deployment at a time, and go on after an interruption."""

import itertools
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
RELEASE = f"release-{CASE}"
ERASE_DUE = "erase-due"
EVERY_SECONDS = 20
WATCHED_SECONDS = 120  # Prefect's scheduler comes round every minute, and every five seconds for new deployments
PATIENCE_SECONDS = 300
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
COMPLAINT = re.compile(r"\b(?:ERROR|CRITICAL)\b|Traceback|Unexpected error in|(?i:failed)")
SCHEDULED = re.compile(r"prefect\.server\.services\.scheduler - Scheduled \d+ runs")


@dataclass(frozen=True)
class Ui:
    """A running `ui` command: its process, where it answers, and the file of all that its processes print."""

    process: subprocess.Popen[bytes]
    address: str
    log_path: Path

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Ask Prefect's API."""
        answer = httpx.request(method, f"{self.address}/api{path}", json=body if method == "POST" else None, timeout=60)
        return answer.raise_for_status().json()

    def start(self, name: str) -> str:
        """Start a deployment as a person does, and return the run's id."""
        run = self.ask("POST", f"/deployments/{self._deployment_id(name)}/create_flow_run")
        return str(run["id"])

    def runs(self, name: str, *state_types: str) -> list[dict[str, Any]]:
        """Return the runs of a deployment that are in one of some states, in the order in which they were due."""
        of = {"deployment_id": {"any_": [self._deployment_id(name)]}, "state": {"type": {"any_": state_types}}}
        runs: list[dict[str, Any]] = self.ask("POST", "/flow_runs/filter", flow_runs=of, sort="EXPECTED_START_TIME_ASC")
        return runs

    def scheduled_runs(self, name: str, *state_types: str) -> list[dict[str, Any]]:
        """Return those of them that the server's own scheduler made."""
        runs = self.runs(name, *state_types)
        return [run for run in runs if run["auto_scheduled"] and run["created_by"]["type"] == "SCHEDULE"]

    def state_names(self, run_id: str) -> list[str]:
        """Return the names of all states in which a run has been, the latest last."""
        states = self.ask("GET", f"/flow_run_states/?flow_run_id={run_id}")
        return [state["name"] for state in sorted(states, key=lambda state: str(state["timestamp"]))]

    def stages(self, run_id: str) -> dict[str, str]:
        """Return how each stage of a release ended."""
        tasks = self.ask("POST", "/task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        return {task["name"]: task["state_name"] for task in tasks}

    def descendants(self) -> list[psutil.Process]:
        """Return the processes that `ui` has started, and those that they have."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something, as long as `ui` runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert self.process.poll() is None, f"ui ended: {self.log_path.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"no {what} in time: {self.log_path.read_text()[-4000:]}"
            time.sleep(0.3)

    def _deployment_id(self, name: str) -> str:
        flow = "release" if name == RELEASE else name
        return str(self.ask("GET", f"/deployments/name/{flow}/{name}")["id"])


@pytest.fixture
def scheduled(workspace: Workspace) -> Workspace:
    """A workspace in which a release and the nightly erasure are due every few seconds."""
    path = workspace.root / "prefect.yaml"
    values = yaml.safe_load(path.read_text())
    for deployment in values["deployments"]:
        if deployment["name"] in (RELEASE, ERASE_DUE):
            deployment["schedules"] = [{"interval": EVERY_SECONDS}]
    path.write_text(yaml.safe_dump(values))
    return workspace


def test_schedules_fire_one_run_at_a_time_and_no_service_complains(scheduled: Workspace, tmp_path: Path) -> None:
    with running(scheduled, tmp_path / "ui.log", end=signal.SIGINT) as ui:
        began = time.monotonic()
        by_hand = {ui.start(RELEASE), ui.start(RELEASE)}  # beside the scheduled ones: somebody has to wait
        ui.wait_until(lambda: len(ui.scheduled_runs(RELEASE, *ENDED)) >= 2, "second scheduled release")
        ui.wait_until(lambda: len(ui.scheduled_runs(ERASE_DUE, *ENDED)) >= 1, "scheduled erase-due")
        ui.wait_until(lambda: by_hand <= {run["id"] for run in ui.runs(RELEASE, *ENDED)}, "end of those by hand")
        time.sleep(max(0.0, WATCHED_SECONDS - (time.monotonic() - began)))

        releases = ui.runs(RELEASE, *ENDED)
        erasures = ui.runs(ERASE_DUE, *ENDED)
        waited = [run for run in releases if "AwaitingConcurrencySlot" in ui.state_names(run["id"])]
        stages = ui.stages(ui.scheduled_runs(RELEASE, "COMPLETED")[1]["id"])

    assert {run["state_type"] for run in (*releases, *erasures)} == {"COMPLETED"}
    assert {run["state"]["message"] for run in erasures} == {"nothing to do"}
    assert stages.pop("admit") == "Completed"  # agreements expire without any file changing: it always runs
    assert set(stages.values()) == {"Unchanged"}

    assert waited, "no release had to wait for another"
    in_order = sorted(releases, key=lambda run: str(run["start_time"]))
    assert all(before["end_time"] <= after["start_time"] for before, after in itertools.pairwise(in_order))

    lines = ui.log_path.read_text().splitlines()
    assert [line for line in lines if COMPLAINT.search(line)] == []
    assert len([line for line in lines if SCHEDULED.search(line)]) >= WATCHED_SECONDS / 10


def test_a_release_that_was_interrupted_blocks_none_that_comes_after(scheduled: Workspace, tmp_path: Path) -> None:
    with running(scheduled, tmp_path / "first.log", end=signal.SIGTERM) as ui:
        ui.wait_until(lambda: bool(ui.scheduled_runs(RELEASE, "RUNNING")), "scheduled release under way")
        (interrupted,) = ui.scheduled_runs(RELEASE, "RUNNING")

    with running(scheduled, tmp_path / "second.log", end=signal.SIGHUP) as ui:
        assert ui.state_names(interrupted["id"])[-2:] == ["Running", "Crashed"]
        ui.wait_until(lambda: bool(ui.scheduled_runs(RELEASE, "COMPLETED")), "scheduled release after it")


def test_a_second_ui_of_one_installation_is_refused(scheduled: Workspace, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows", "ui", "--port"]
    with running(scheduled, tmp_path / "ui.log", end=signal.SIGINT) as ui:
        other_port = scheduled.run(*command, "0", check=False)
        same_port = scheduled.run(*command, ui.address.rpartition(":")[2], check=False)

    assert (other_port.returncode, same_port.returncode) == (2, 2)
    assert "others that are running" in other_port.stderr
    assert "expected one on which nobody listens" in same_port.stderr


@contextmanager
def running(workspace: Workspace, log_path: Path, end: signal.Signals) -> Iterator[Ui]:
    """Run `ui` until the block ends, then send it a signal: nothing that it has started may outlive it."""
    environment = workspace.environment(PREFECT_SERVER_LOGGING_LEVEL="INFO", PYTHONUNBUFFERED="1")
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", "ui", "--port", "0"],
            cwd=workspace.root,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    ui = Ui(process, "", log_path)
    try:
        ui.wait_until(lambda: "\nOpen http" in log_path.read_text(), "server")
        (url,) = re.findall(r"^Open (http\S+)/deployments", log_path.read_text(), re.MULTILINE)
        yield Ui(process, url, log_path)
    finally:
        started = ui.descendants()
        process.send_signal(end)
        exit_code = process.wait(timeout=90)
    assert exit_code == 130
    assert len(started) >= 2, "server and worker were not among the processes that were watched"
    assert psutil.wait_procs(started, timeout=5)[1] == []
