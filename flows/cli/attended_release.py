"""One release as `./portcullis release` attends it: the flow, and what came of it as a table.

`python -m flows.cli.attended_release <use case> <parent>` runs in a process of its own (see `flows/serving/attending.py`).
"""

import json
import os
import sys
from pathlib import Path

from flows.serving.environment import settle_streams
from tasks.errors import PortcullisError, RefusedError, ServiceError
from tasks.system.installation import Installation
from tasks.system.processes import die_with_parent


def main(case: str, parent: int) -> int:
    """Run the flow; 0 registered, 2 a person can mend it, 3 blocked, 4 a service did not answer."""
    die_with_parent(parent)
    settle_streams()
    from flows.release import UseCase, release
    from flows.serving.attending import wait_for_api
    from flows.steps.stages import UNAVAILABLE

    try:
        installation = Installation.open(Path(), os.environ)
        wait_for_api(installation.settings.prefect_api_url)
        state = release(UseCase(case), return_state=True)
    except PortcullisError as error:
        print(f"portcullis: {error}", file=sys.stderr)
        return error.exit_code

    if not state.is_completed() and state.name != "Blocked":
        print(f"portcullis: the release failed: {state.message}", file=sys.stderr)
        return ServiceError.exit_code if state.name == UNAVAILABLE else PortcullisError.exit_code
    _show(case, state.name == "Blocked", state.message or "", installation)
    return RefusedError.exit_code if state.name == "Blocked" else 0


def _show(case: str, blocked: bool, message: str, installation: Installation) -> None:
    from rich.console import Console
    from rich.table import Table

    from flows.steps.artifacts import gate_rows, report_pages
    from tasks.registry.client import registry_uri

    console = Console(highlight=False)
    table = Table(title=f"Gates of {case}", title_justify="left")
    for head in ("gate", "outcome", "checks", "first refusal"):
        table.add_column(head)
    for row in gate_rows(case, installation.workspace):
        table.add_row(*row.cells())
    console.print(table)
    if blocked:
        console.print("BLOCKED: nothing was registered.", style="bold red")
        for line in message.splitlines():
            console.print(f"  {line}")
    else:
        console.print(f"REGISTERED. {message}", style="bold green")
    if line := _rows(case, installation.workspace):
        console.print(line)
    for stage, page in report_pages(case, installation.workspace).items():
        console.print(f"  {stage:9} {page}", soft_wrap=True)
    console.print(
        f"  {'MLflow':9} mlflow ui --backend-store-uri {registry_uri(installation)}", soft_wrap=True
    )  # to be copied


def _rows(case: str, workspace: Path) -> str:
    """Return how many rows the model learnt from, and how many nobody can or may read any more."""
    train, ingest = (
        workspace / "data" / case / stage / "report.json" for stage in ("train", "ingest")
    )
    if not (train.is_file() and ingest.is_file()):
        return ""
    rows, left_out = (
        json.loads(train.read_text())["rows"],
        json.loads(ingest.read_text())["erased_rows"],
    )
    return f"  rows      {rows['unsealed']:,} unsealed, {rows['shredded']:,} shredded, {left_out:,} left out as erased"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
