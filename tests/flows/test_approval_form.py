"""A deployed run that suspends for a second person: the form alone is no approval, a signed envelope in it is."""

import signal
import subprocess
import sys
import time

import httpx
import pytest

from tests.flows.workspace import CASE

pytestmark = pytest.mark.integration
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture
def ui(workspace):
    """A server and a worker over a workspace whose use case asks for approval; yields address and workspace."""
    workspace.configure(register__approval=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "ui", "--port", "0"],
        cwd=workspace.root, env=workspace.environment(PORTCULLIS_ACTOR="dev-1"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield next(line.split()[1] for line in process.stdout if line.startswith("Open http")).removesuffix(
            "/deployments"
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def wait_for(address, run_id, states):
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        run = httpx.get(f"{address}/api/flow_runs/{run_id}", timeout=30).json()
        if run["state_type"] in states:
            return run
        time.sleep(1)
    raise AssertionError(f"the run is {run['state']}")


def started(address):
    name = f"release/release-{CASE}"
    deployment = httpx.get(f"{address}/api/deployments/name/{name}", timeout=30).json()["id"]
    made = httpx.post(f"{address}/api/deployments/{deployment}/create_flow_run", json={}, timeout=60)
    assert made.is_success, made.text
    return made.json()["id"]


def resume(address, run_id, envelope):
    body = {"run_input": {"envelope": envelope}}
    done = httpx.post(f"{address}/api/flow_runs/{run_id}/resume", json=body, timeout=30)
    assert done.json()["status"] == "ACCEPT", done.text


def test_the_form_s_text_alone_blocks_and_a_signed_envelope_lets_the_model_in(ui, workspace, tmp_path):
    key = tmp_path / "ann.pem"
    commands = [sys.executable, "-m", "flows"]
    (tmp_path / "ann.pub").write_text(workspace.run(*commands, "keys", "make", str(key)).stdout)
    workspace.run(*commands, "keys", "enrol", str(tmp_path / "ann.pub"), "--role", "approval", "--holder", "ann-7")
    first = started(ui)
    suspended = wait_for(ui, first, {"PAUSED", *ENDED})
    assert suspended["state"]["name"] == "Suspended", suspended["state"]
    resume(ui, first, "I, Ann, approve this model.")
    ended = wait_for(ui, first, ENDED)
    assert ended["state"]["name"] == "Blocked", ended["state"]
    assert "approval: nobody has approved this model" in ended["state"]["message"]
    assert not workspace.path("register/receipt.json").exists()
    second = started(ui)
    wait_for(ui, second, {"PAUSED", *ENDED})
    script = f"from flows.evidence import model_here; print(model_here('{CASE}'))"
    model = workspace.run(sys.executable, "-c", script).stdout.strip()
    envelope = workspace.run(
        *commands, "approve", CASE, "--model", f"sha256:{model}", "--key", str(key), "--reason", "sound",
        "--expires", "2099-12-31", "--print",
    ).stdout  # fmt: skip
    resume(ui, second, envelope)
    assert wait_for(ui, second, ENDED)["state_type"] == "COMPLETED"
    assert workspace.path("register/receipt.json").exists()
