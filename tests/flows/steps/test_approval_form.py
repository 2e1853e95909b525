"""A deployed run that suspends for a second person: only a signed envelope in the form counts."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.running_ui import ENDED, Ui, running
from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
RELEASE = f"release-{CASE}"


@pytest.fixture
def ui(workspace: Workspace, tmp_path: Path) -> Iterator[Ui]:
    """A server and a worker over a workspace whose use case asks for approval."""
    workspace.configure(register__approval=True)
    with running(workspace, tmp_path / "ui.log", PORTCULLIS_ACTOR="dev-1") as ui:
        yield ui


def suspended(ui: Ui) -> str:
    """Start a release and return its id once it waits for approval; its form must be there then."""
    run_id = ui.start(RELEASE)
    state = ui.wait_for_state(run_id, "PAUSED", *ENDED)
    assert state["name"] == "Suspended", state

    inputs = ui.ask("POST", f"/flow_runs/{run_id}/input/filter", prefix="suspended-", limit=10)
    stored = {
        item["key"].rpartition("-")[2]: datetime.fromisoformat(item["created"]) for item in inputs
    }
    assert set(stored) == {"schema", "description"}
    assert max(stored.values()) < datetime.fromisoformat(state["timestamp"])
    return run_id


def resume(ui: Ui, run_id: str, envelope: str) -> None:
    """Answer the form once, as a browser does, which asks no second time."""
    body: dict[str, Any] = {"run_input": {"envelope": envelope}}
    answer = ui.client.post(f"/flow_runs/{run_id}/resume", json=body)
    assert (answer.status_code, answer.json().get("status")) == (httpx.codes.CREATED, "ACCEPT"), (
        answer.text
    )


def test_the_form_s_text_alone_blocks_and_a_signed_envelope_lets_the_model_in(
    ui: Ui, workspace: Workspace, tmp_path: Path
) -> None:
    key = tmp_path / "ann.pem"
    commands = [sys.executable, "-m", "flows"]
    (tmp_path / "ann.pub").write_text(workspace.run(*commands, "keys", "make", str(key)).stdout)
    workspace.run(
        *commands,
        "keys",
        "enrol",
        str(tmp_path / "ann.pub"),
        "--role",
        "approval",
        "--holder",
        "ann-7",
        "--login",
        "ann",
    )

    first = suspended(ui)
    resume(ui, first, "I, Ann, approve this model.")
    ended = ui.wait_for_state(first, *ENDED)
    assert ended["name"] == "Blocked", ended
    assert "approval: nobody has approved this model" in ended["message"]
    assert not workspace.path("register/receipt.json").exists()

    second = suspended(ui)
    script = (
        "from pathlib import Path; from flows.steps.evidence import model_sha256_in_data;"
        f"print(model_sha256_in_data('{CASE}', Path()))"
    )
    model = workspace.run(sys.executable, "-c", script).stdout.strip()
    envelope = workspace.run(
        *commands,
        "approve",
        CASE,
        "--model",
        f"sha256:{model}",
        "--key",
        str(key),
        "--reason",
        "sound",
        "--expires",
        "2099-12-31",
        "--print",
    ).stdout
    resume(ui, second, envelope)
    assert ui.wait_for_state(second, *ENDED)["type"] == "COMPLETED"
    assert workspace.path("register/receipt.json").exists()
