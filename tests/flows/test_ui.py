"""`./portcullis ui` as a person meets it: a server, a form to start from, and a run that shows `Blocked`."""

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.flows.workspace import CASE

pytestmark = pytest.mark.integration
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture
def page(chromium_path):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1400, "height": 1000})
        browser.close()


@pytest.fixture
def blocked(workspace):
    """A workspace whose next release is blocked by its fairness gate."""
    workspace.configure(limits__fairness__equal_opportunity_difference=0.0)
    return workspace


@pytest.fixture
def ui(blocked):
    """The running `ui` command; yields its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "ui", "--port", "0"],
        cwd=blocked.root,
        env=blocked.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield _address(process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def _address(process):
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Open http"):
            return line.split()[1].removesuffix("/deployments")
    raise AssertionError("".join(said))


def test_a_person_starts_a_release_in_the_browser_and_sees_that_it_was_blocked(ui, page, blocked):
    page.goto(f"{ui}/deployments")
    page.get_by_role("link", name=f"release-{CASE}").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    expect(page.get_by_text("use_case").first).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    run = _finished_run(ui)
    assert (run["state"]["name"], run["state"]["type"]) == ("Blocked", "FAILED")
    assert "fairness: equal opportunity difference" in run["state"]["message"]
    page.goto(f"{ui}/runs/flow-run/{run['id']}")
    expect(page.get_by_text("Blocked").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("GateFailed").first).to_be_visible(timeout=30_000)
    if folder := os.environ.get("PORTCULLIS_SCREENSHOTS"):
        page.wait_for_timeout(3000)
        page.screenshot(path=f"{folder}/blocked.png")
    found = httpx.post(f"{ui}/api/artifacts/latest/filter", json={}, timeout=30).json()
    (gates,) = [artifact for artifact in found if artifact["key"] == f"gates-{CASE}"]
    assert "Blocked: nothing was registered" in gates["data"]
    assert blocked.versions() == ["1"]


def _finished_run(ui):
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        runs = httpx.post(f"{ui}/api/flow_runs/filter", json={}, timeout=30).json()
        if runs and runs[0]["state_type"] in TERMINAL:
            (run,) = runs
            return run
        time.sleep(1)
    raise AssertionError("no flow run ended in time")
