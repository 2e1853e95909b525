"""An erasure started from Prefect's form.

It works, and Prefect never holds the identifier in clear.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.running_ui import ENDED, Ui, running
from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
GONE = "person77@example.org"


@pytest.fixture
def ui(workspace: Workspace, tmp_path: Path) -> Iterator[Ui]:
    """The running `ui` command."""
    with running(workspace, tmp_path / "ui.log") as ui:
        yield ui


def run(ui: Ui, deployment: str, **parameters: Any) -> dict[str, Any]:
    """Start a deployment as the form does, wait for the end, and return the last state."""
    return ui.wait_for_state(ui.start(deployment, **parameters), *ENDED)


def secret_block(ui: Ui, value: str) -> str:
    """Make a Secret block as the form does; return its id."""
    kind = ui.ask("GET", "/block_types/slug/secret")
    (schema, *_) = ui.ask(
        "POST", "/block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind["id"]]}}
    )
    made = ui.ask(
        "POST", "/block_documents/", name="request-17", data={"value": value},
        block_type_id=kind["id"], block_schema_id=schema["id"],
    )  # fmt: skip
    return str(made["id"])


def test_the_form_erases_somebody_whom_prefect_never_names(ui: Ui, workspace: Workspace) -> None:
    block = secret_block(ui, GONE)
    state = run(ui, "erase", use_case=CASE, person={"$ref": {"block_document_id": block}})
    assert state["type"] == "COMPLETED", state
    assert ": erased" in state["message"]
    stored = b"".join(
        path.read_bytes() for path in (workspace.home / "prefect").rglob("*") if path.is_file()
    )
    assert GONE.encode() not in stored
    assert ui.client.get(f"/block_documents/{block}").status_code == 404
    shown = workspace.run(
        sys.executable,
        "-m",
        "tasks.sealed",
        "show",
        CASE,
        "ingest",
        "--rows",
        "900",
        "--why",
        "test",
    )
    assert GONE not in shown.stdout
    assert "1 rows of erased subjects" in shown.stderr
    (receipt,) = (workspace.home / "receipts").iterdir()
    assert receipt.stat().st_mode & 0o077 == 0
    due = run(ui, "erase-due")
    assert (due["type"], due["message"]) == ("COMPLETED", "nothing to do")
