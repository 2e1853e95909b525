"""`./portcullis ui` as a person meets it: a server, schedules, a form; three ways to one model."""

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tasks.formats.digests import sha256_of
from tests.flows.running_ui import ENDED, Ui, running
from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
RELEASE = f"release-{CASE}"
SHOWN_WITHIN_MS = 30_000
# Prefect's scheduler may miss the first time, and the second has to be far enough behind it.
EVERY_SECONDS = 90


@pytest.fixture(scope="module")
def fresh(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A checkout in which nothing has run, with the secrets, keys and registry of `released`."""
    workspace = released.copy(tmp_path_factory.mktemp("fresh"))
    forget_runs(workspace)
    return workspace


@pytest.fixture(scope="module")
def ui(fresh: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """The running `ui` command: one server and one worker for all tests of this file."""
    with running(fresh, tmp_path_factory.mktemp("log") / "ui.log") as ui:
        yield ui


@pytest.fixture
def page(chromium_path: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1400, "height": 1000})
        browser.close()


def forget_runs(workspace: Workspace) -> None:
    """Take a checkout back to where no stage has run: no output, no lock file, no cache of DVC's.

    Without its cache DVC has to run every stage: there is nothing that it could restore.
    """
    (workspace.root / "dvc.lock").unlink()
    for folder in (workspace.path(""), workspace.root / ".dvc/cache", workspace.root / ".dvc/tmp"):
        shutil.rmtree(folder)


def result_of(workspace: Workspace) -> dict[str, str]:
    """Return what a release has ended with: digests of the lock file and of each model file."""
    model = workspace.path("train/model")
    files = [workspace.root / "dvc.lock", *(path for path in model.rglob("*") if path.is_file())]
    return {str(path.relative_to(workspace.root)): sha256_of(path) for path in files}


def run_scheduled(ui: Ui) -> dict[str, Any]:
    """Give the deployment a schedule until its first run is under way; return that when it ends."""
    first_due = datetime.now(UTC) + timedelta(seconds=10)
    with ui.schedule(RELEASE, interval=EVERY_SECONDS, anchor_date=first_due.isoformat()):
        under_way = ("PENDING", "RUNNING", *ENDED)
        ui.wait_until(lambda: bool(ui.scheduled_runs(RELEASE, *under_way)), "scheduled run")
    (run,) = ui.scheduled_runs(RELEASE, *under_way)
    ui.wait_for_state(run["id"], *ENDED)
    (run,) = ui.scheduled_runs(RELEASE, *ENDED)
    return run


def click_run(ui: Ui, page: Page) -> dict[str, Any]:
    """Start a release by the form, as a person does; return the run when it has ended."""
    earlier = {run["id"] for run in ui.runs(RELEASE, *ENDED)}
    page.goto(f"{ui.address}/deployments")
    page.get_by_role("link", name=RELEASE).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    expect(page.get_by_text("use_case").first).to_be_visible(timeout=SHOWN_WITHIN_MS)
    page.get_by_role("button", name="Submit").click()

    def ended() -> list[dict[str, Any]]:
        return [run for run in ui.runs(RELEASE, *ENDED) if run["id"] not in earlier]

    ui.wait_until(lambda: bool(ended()), "end of the run that the browser started")
    (run,) = ended()
    assert not run["auto_scheduled"]
    return run


def test_a_schedule_the_form_and_dvc_repro_end_with_one_lock_file_and_model(
    ui: Ui, page: Page, fresh: Workspace, released: Workspace
) -> None:
    by_dvc_repro = result_of(released)
    assert any(name.endswith("scorer.json") for name in by_dvc_repro)

    scheduled = run_scheduled(ui)
    by_schedule = result_of(fresh)

    forget_runs(fresh)
    clicked = click_run(ui, page)
    by_form = result_of(fresh)

    assert by_schedule == by_dvc_repro
    assert by_form == by_dvc_repro
    for run in (scheduled, clicked):
        assert run["state"]["type"] == "COMPLETED"
        # Each way did the work itself: no stage was left as another way had made it.
        assert set(ui.stages(run["id"]).values()) == {"Completed"}
    assert fresh.versions() == ["1"]  # the registry holds this very model already


def test_a_person_starts_a_release_in_the_browser_and_sees_that_it_was_blocked(
    ui: Ui, page: Page, fresh: Workspace
) -> None:
    fresh.configure(limits__fairness__equal_opportunity_difference=0.0)
    try:
        run = click_run(ui, page)
    finally:
        fresh.configure(limits__fairness__equal_opportunity_difference=0.15)
    assert (run["state"]["name"], run["state"]["type"]) == ("Blocked", "FAILED")
    assert "fairness: equal opportunity difference" in run["state"]["message"]

    page.goto(f"{ui.address}/runs/flow-run/{run['id']}")
    expect(page.get_by_text("Blocked").first).to_be_visible(timeout=SHOWN_WITHIN_MS)
    expect(page.get_by_text("GateFailed").first).to_be_visible(timeout=SHOWN_WITHIN_MS)
    if folder := os.environ.get("PORTCULLIS_SCREENSHOTS"):
        page.wait_for_timeout(3000)
        page.screenshot(path=f"{folder}/blocked.png")

    found = ui.ask("POST", "/artifacts/latest/filter")
    (gates,) = [artifact for artifact in found if artifact["key"] == f"gates-{CASE}"]
    assert "Blocked: nothing was registered" in gates["data"]
    assert fresh.versions() == ["1"]


def test_a_second_ui_of_one_installation_is_refused(ui: Ui, fresh: Workspace) -> None:
    command = [sys.executable, "-m", "flows", "ui", "--port"]
    other_port = fresh.run(*command, "0", check=False)
    same_port = fresh.run(*command, ui.address.rpartition(":")[2], check=False)

    assert (other_port.returncode, same_port.returncode) == (2, 2)
    assert "others that are running" in other_port.stderr
    assert "expected a port on which nobody listens" in same_port.stderr
