"""`./portcullis ui` as a person meets it: a server, a form, and a run that shows `Blocked`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.flows.running_ui import ENDED, Ui, running
from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
RELEASE = f"release-{CASE}"
SHOWN_WITHIN_MS = 30_000


@pytest.fixture
def page(chromium_path: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1400, "height": 1000})
        browser.close()


@pytest.fixture
def blocked(workspace: Workspace) -> Workspace:
    """A workspace whose next release is blocked by its fairness gate."""
    workspace.configure(limits__fairness__equal_opportunity_difference=0.0)
    return workspace


@pytest.fixture
def ui(blocked: Workspace, tmp_path: Path) -> Iterator[Ui]:
    """The running `ui` command."""
    with running(blocked, tmp_path / "ui.log") as ui:
        yield ui


def test_a_person_starts_a_release_in_the_browser_and_sees_that_it_was_blocked(
    ui: Ui, page: Page, blocked: Workspace
) -> None:
    page.goto(f"{ui.address}/deployments")
    page.get_by_role("link", name=RELEASE).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    expect(page.get_by_text("use_case").first).to_be_visible(timeout=SHOWN_WITHIN_MS)
    page.get_by_role("button", name="Submit").click()

    ui.wait_until(lambda: bool(ui.runs(RELEASE, *ENDED)), "end of the run that the browser started")
    (run,) = ui.runs(RELEASE, *ENDED)
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
    assert blocked.versions() == ["1"]
