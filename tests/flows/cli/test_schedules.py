"""Schedules under `./portcullis ui`: they fire, one run of a deployment at a time, and go on."""

import itertools
import re
import signal
import time
from pathlib import Path

import pytest
import yaml

from tasks.path import PATH
from tests.flows.running_ui import ENDED, running
from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
RELEASE = f"release-{CASE}"
ERASE_DUE = "erase-due"
EVERY_SECONDS = 40  # longer than a release that has nothing to do
# Prefect's scheduler comes round every minute, and every five seconds for new deployments.
WATCHED_SECONDS = 75
COMPLAINT = re.compile(r"\b(?:ERROR|CRITICAL)\b|Traceback|Unexpected error in|(?i:failed)")
SCHEDULED = re.compile(r"prefect\.server\.services\.scheduler - Scheduled \d+ runs")


def schedule(workspace: Workspace, *deployments: str) -> None:
    """Let deployments be due again and again."""
    path = workspace.root / "prefect.yaml"
    values = yaml.safe_load(path.read_text())
    for deployment in values["deployments"]:
        if deployment["name"] in deployments:
            deployment["schedules"] = [{"interval": EVERY_SECONDS}]
    path.write_text(yaml.safe_dump(values))


def test_schedules_fire_one_run_at_a_time_and_no_service_complains(
    workspace: Workspace, tmp_path: Path
) -> None:
    schedule(workspace, RELEASE, ERASE_DUE)
    with running(workspace, tmp_path / "ui.log", PREFECT_SERVER_LOGGING_LEVEL="INFO") as ui:
        began = time.monotonic()
        # At once, and beside the scheduled ones: somebody has to wait.
        by_hand = {ui.start(RELEASE), ui.start(RELEASE)}
        ui.wait_until(lambda: len(ui.scheduled_runs(ERASE_DUE, *ENDED)) >= 1, "scheduled erase-due")
        ui.end_schedules(ERASE_DUE)  # each run is a process that takes seconds
        ui.wait_until(
            lambda: len(ui.scheduled_runs(RELEASE, *ENDED)) >= 2, "second scheduled release"
        )
        ui.wait_until(
            lambda: by_hand <= {run["id"] for run in ui.runs(RELEASE, *ENDED)},
            "end of those by hand",
        )
        time.sleep(max(0.0, WATCHED_SECONDS - (time.monotonic() - began)))
        (scratch,) = {
            Path(process.environ()["TMPDIR"])
            for process in ui.descendants()
            if "worker" in process.cmdline()
        }
        assert scratch.stat().st_mode & 0o077 == 0, (
            "another account's worker would meet this one's files"
        )
        assert list(scratch.glob("runner_storage/*"))

        releases = ui.runs(RELEASE, *ENDED)
        erasures = ui.runs(ERASE_DUE, *ENDED)
        waited = [run for run in releases if "AwaitingConcurrencySlot" in ui.state_names(run["id"])]
        stages = ui.stages(ui.scheduled_runs(RELEASE, "COMPLETED")[1]["id"])

    assert {run["state_type"] for run in (*releases, *erasures)} == {"COMPLETED"}
    assert {run["state"]["message"] for run in erasures} == {"nothing to do"}
    # Agreements expire and vulnerabilities become known without any file changing.
    always = {stage.name for stage in PATH if stage.is_always_run}
    assert {stages.pop(stage) for stage in always} == {"Completed"}
    assert set(stages.values()) == {"Unchanged"}

    assert waited, "no release had to wait for another"
    in_order = sorted(releases, key=lambda run: str(run["start_time"]))
    assert all(
        before["end_time"] <= after["start_time"] for before, after in itertools.pairwise(in_order)
    )

    lines = ui.log_path.read_text().splitlines()
    assert [line for line in lines if COMPLAINT.search(line)] == []
    assert len([line for line in lines if SCHEDULED.search(line)]) >= WATCHED_SECONDS / 10


def test_a_release_that_was_interrupted_blocks_none_that_comes_after(
    workspace: Workspace, tmp_path: Path
) -> None:
    # The release alone: each run of another deployment is a process that takes seconds.
    schedule(workspace, RELEASE)
    with running(workspace, tmp_path / "first.log", end=signal.SIGTERM) as ui:
        ui.wait_until(
            lambda: bool(ui.scheduled_runs(RELEASE, "RUNNING")), "scheduled release under way"
        )
        (interrupted,) = ui.scheduled_runs(RELEASE, "RUNNING")

    with running(workspace, tmp_path / "second.log", end=signal.SIGHUP) as ui:
        assert ui.state_names(interrupted["id"])[-2:] == ["Running", "Crashed"]
        ui.wait_until(
            lambda: bool(ui.scheduled_runs(RELEASE, "COMPLETED")), "scheduled release after it"
        )
