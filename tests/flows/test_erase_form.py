"""An erasure started from Prefect's form: it works, and Prefect never holds the identifier in clear."""

import signal
import subprocess
import sys
import time

import httpx
import pytest

from tests.flows.workspace import CASE

pytestmark = pytest.mark.integration
GONE = "person77@example.org"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture
def ui(workspace):
    """The running `ui` command; yields its API's address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "ui", "--port", "0"],
        cwd=workspace.root, env=workspace.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        for line in process.stdout:
            if line.startswith("Open http"):
                yield line.split()[1].removesuffix("/deployments") + "/api"
                break
        else:
            raise AssertionError("the server did not start")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def call(address, method, path, **body):
    answer = httpx.request(method, f"{address}{path}", json=body or None, timeout=60)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def run(ui, deployment, **parameters):
    """Start a deployment as the form does, and wait for the end."""
    found = call(ui, "GET", f"/deployments/name/{deployment}/{deployment}")
    started = call(ui, "POST", f"/deployments/{found['id']}/create_flow_run", parameters=parameters)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        state = call(ui, "GET", f"/flow_runs/{started['id']}")["state"]
        if state["type"] in ENDED:
            return state
        time.sleep(1)
    raise AssertionError("the flow run did not end in time")


def secret_block(ui, value):
    """Make a Secret block as the form does; return its id."""
    kind = call(ui, "GET", "/block_types/slug/secret")
    (schema, *_) = call(ui, "POST", "/block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind["id"]]}})
    made = call(
        ui, "POST", "/block_documents/", name="request-17", data={"value": value},
        block_type_id=kind["id"], block_schema_id=schema["id"],
    )  # fmt: skip
    return made["id"]


def test_the_form_erases_somebody_whom_prefect_never_names(ui, workspace):
    block = secret_block(ui, GONE)
    state = run(ui, "erase", use_case=CASE, person={"$ref": {"block_document_id": block}})
    assert state["type"] == "COMPLETED", state
    assert ": erased" in state["message"]
    stored = b"".join(path.read_bytes() for path in (workspace.home / "prefect").rglob("*") if path.is_file())
    assert GONE.encode() not in stored
    assert httpx.get(f"{ui}/block_documents/{block}", timeout=60).status_code == 404
    shown = workspace.run(
        sys.executable, "-m", "tasks.sealed", "show", CASE, "ingest", "--rows", "900", "--why", "test"
    )
    assert GONE not in shown.stdout
    assert "1 rows of erased subjects" in shown.stderr
    (receipt,) = (workspace.home / "receipts").iterdir()
    assert receipt.stat().st_mode & 0o077 == 0
    due = run(ui, "erase-due")
    assert (due["type"], due["message"]) == ("COMPLETED", "nothing to do")
