"""The process in which `./portcullis release` runs its flow, and prints the outcome as a table.

Started as `python -m flows.cli.attended_release <use case> <parent process id> <tag> [json]`;
`flows/serving/attending.py` says why this is a process of its own.
"""

import os
import sys
from pathlib import Path
from typing import Any

from flows.cli.base.answering import print_json, report_error
from flows.serving.environment import settle_imports, settle_streams
from tasks.config.case_name import check_case_name
from tasks.errors import EvidenceError, PortcullisError, RefusedError, ServiceError
from tasks.formats.shown import kind_of_error, withhold_texts
from tasks.formats.strict_json import read_json
from tasks.path import STAGES
from tasks.plain_text import one_line
from tasks.secrets.opening import open_with_secrets
from tasks.system.installation import Installation
from tasks.system.processes import die_with_parent

NAME_WIDTH = max(map(len, STAGES))


def main(case: str, parent: int, tag: str, *, is_json: bool) -> int:
    """Run the flow; 0 registered, 2 a person can mend it, 3 blocked, 4 a service did not answer."""
    # First: who started this may be gone already, and nobody would end what begins here.
    die_with_parent(parent)
    settle_streams()
    settle_imports()
    if is_json:
        keep_output_for_json()

    try:
        # Late: Prefect takes seconds to import, and by now this process ends with its parent. The
        # flow's module reads the index of use cases, which may be wrong.
        from flows.serving.prefect_settings import check_prefect_settings

        check_prefect_settings()
        from prefect import tags
        from prefect.exceptions import PrefectHTTPStatusError

        from flows.release import UseCase, release
        from flows.serving.attending import wait_for_api
        from flows.steps.progress import progress_of
        from flows.steps.stages import UNAVAILABLE

        installation = open_with_secrets(Path(), os.environ)
        wait_for_api(installation.settings.prefect_api_url)
        try:
            # As a state, and not as an exception: `Blocked` is a name of a state, and no failure of
            # the flow. By the tag the command finds this run where it has to report for it.
            with tags(tag):
                state = release(UseCase(check_case_name(case, "use case")), return_state=True)
        except PrefectHTTPStatusError as error:
            raise refused_by_api(kind_of_error(error)) from error
    except PortcullisError as error:
        return report_error(error, is_json=is_json)

    is_blocked = state.name == "Blocked"
    if not state.is_completed() and not is_blocked:
        print(f"portcullis: the release failed: {one_line(state.message)}", file=sys.stderr)
        is_down = state.name == UNAVAILABLE
        code = ServiceError.exit_code if is_down else PortcullisError.exit_code
        if is_json:
            kind = "service" if is_down else "failed"
            text = one_line(state.message)
            print_json({"error": {"kind": kind, "exitCode": code, "where": case, "found": text}})
        return code

    # As the flow noted them in this process. The state's message has their kinds beside them, for
    # automations.
    lines = "\n".join(refusal.text for refusal in progress_of(case).refusals)
    message = lines if is_blocked else state.message or ""
    try:
        if is_json:
            print_json(outcome_values(case, message, installation, is_blocked=is_blocked))
            return RefusedError.exit_code if is_blocked else 0
        print_outcome(case, message, installation, is_blocked=is_blocked)
    except PortcullisError as error:
        return report_error(error, is_json=is_json)
    return RefusedError.exit_code if is_blocked else 0


def refused_by_api(kind: str) -> ServiceError:
    """Return what to say where Prefect's API would not take what a flow reports."""
    return ServiceError(
        "Prefect's API",
        expected="to record this run",
        found=kind,
        remedy="What its server says of that is above, or in its log: mend it, and run the same "
        "command again. Nothing is half-done.",
    )


def print_outcome(case: str, message: str, installation: Installation, *, is_blocked: bool) -> None:
    """Print the gate table, the outcome, the row counts, and where the pages are."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from flows.steps.progress import progress_of
    from flows.steps.timings import print_timings
    from flows.steps.where import place_of
    from tasks.release_page.gates import gate_rows, report_pages
    from tasks.release_page.record import page_path, read_record

    shown = place_of(case).shown
    record = read_record(case, shown)
    reached = record.reached if record else None
    # Without markup: a group of the data may be called `[/b]`, which would be an error, or
    # `[green]REGISTERED`, which would be worse.
    console = Console(highlight=False, markup=False, emoji=False)
    table = Table(title=Text(f"Gates of {case}"), title_justify="left")
    # Not the refusals, which follow in full, each once.
    for heading in ("gate", "outcome", "checks"):
        table.add_column(heading)
    for row in gate_rows(case, shown, reached):
        table.add_row(*(Text(one_line(cell)) for cell in row.cells()[:3]))
    console.print(table)

    if is_blocked:
        console.print("BLOCKED: nothing was registered.", style="bold red")
        for line in message.splitlines():
            console.print(f"  {one_line(line)}")
    else:
        console.print(f"REGISTERED. {one_line(message)}", style="bold green")
    if line := describe_rows(case, shown, reached):
        console.print(line)
    print_timings(console, progress_of(case).results)

    # Paths and commands are for copying, so no line break is put into them.
    if (whole := page_path(case, shown)).is_file():
        console.print(f"  {'release':{NAME_WIDTH}} {whole.absolute()}", soft_wrap=True)
    for stage, page in report_pages(case, shown, reached).items():
        console.print(f"  {stage:{NAME_WIDTH}} {page}", soft_wrap=True)
    if installation.settings.worker_socket:
        return  # the registry is the worker's
    console.print(f"  {'MLflow':{NAME_WIDTH}} {where_registry_is(installation)}", soft_wrap=True)


def where_registry_is(installation: Installation) -> str:
    """Return the address of the registry's pages, or the command that shows them.

    An address that was set may hold a password: it is named by its variable, and a server's is
    printed without.
    """
    from tasks.registry.client import registry_uri, without_password

    given = installation.settings.tracking_uri
    if given.startswith(("http://", "https://")):
        return without_password(given)
    # Everything else may hold a password: of a server it is left out, of a database the variable is
    # named.
    is_file = not given or given.startswith("sqlite:")
    shown = registry_uri(installation) if is_file else '"$MLFLOW_TRACKING_URI"'
    return f"mlflow ui --backend-store-uri {shown}"


def outcome_values(
    case: str, message: str, installation: Installation, *, is_blocked: bool
) -> dict[str, Any]:
    """Return what `print_outcome` prints, as JSON values."""
    from flows.steps.progress import progress_of
    from flows.steps.timings import timing_values
    from flows.steps.where import place_of
    from tasks.release_page.gates import gate_rows, report_pages
    from tasks.release_page.record import page_path, read_record

    shown = place_of(case).shown
    record = read_record(case, shown)
    reached = record.reached if record else None
    verdicts = {row.gate: row.verdict for row in gate_rows(case, shown, reached)}
    page = page_path(case, shown)
    rows = read_rows(case, shown, reached)
    return {
        "useCase": case,
        "outcome": "blocked" if is_blocked else "registered",
        "lines": [one_line(line) for line in message.splitlines()],
        "gates": [
            {
                "gate": gate,
                "outcome": str(verdict.outcome) if verdict else None,
                "checks": len(verdict.checks) if verdict else 0,
                "refusals": [item.to_dict() for item in verdict.refusals()] if verdict else [],
            }
            for gate, verdict in verdicts.items()
        ],
        "rows": None
        if rows is None
        else {"unsealed": rows[0], "shredded": rows[1], "erased": rows[2]},
        "pages": {stage: str(page) for stage, page in report_pages(case, shown, reached).items()},
        "page": str(page.absolute()) if page.is_file() else None,
        "timings": timing_values(progress_of(case).results),
        "isRegistryHere": not installation.settings.worker_socket,
    }


def keep_output_for_json() -> None:
    """Send what anything else prints to standard error: a library, or a program that DVC starts."""
    sys.stdout.flush()
    sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)


def describe_rows(case: str, workspace: Path, reached: frozenset[str] | None = None) -> str:
    """Return how many rows the model learnt from, and how many nobody can or may read any more.

    The text is empty where `read_rows` has none.
    """
    rows = read_rows(case, workspace, reached)
    if rows is None:
        return ""

    unsealed, shredded, erased_rows = rows

    return (
        f"  rows      {unsealed:,} unsealed, {shredded:,} shredded, "
        f"{erased_rows:,} left out as erased"
    )


def read_rows(
    case: str, workspace: Path, reached: frozenset[str] | None = None
) -> tuple[int, int, int] | None:
    """Return how many rows were unsealed, shredded and left out; None before the first training.

    Args:
        case: A use case.
        workspace: Where its reports lie.
        reached: The stages whose reports are of this release; None where nobody noted them. One
            that was blocked before it trained has no rows: those reports are an earlier one's.
    """
    if reached is not None and not {"ingest", "train"} <= reached:
        return None

    data = workspace / "data" / case
    train_path = data / "train" / "report.json"
    ingest_path = data / "ingest" / "report.json"
    if not (train_path.is_file() and ingest_path.is_file()):
        return None

    remedy = f"`./portcullis release {case}` makes it anew."
    match (read_json(train_path, remedy=remedy), read_json(ingest_path, remedy=remedy)):
        case (
            {"rows": {"unsealed": int(unsealed), "shredded": int(shredded)}},
            {"erased_rows": int(erased_rows)},
        ):
            return unsealed, shredded, erased_rows
        case _:
            raise EvidenceError(
                train_path.as_posix(),
                expected="counts of rows, there and in the report of `ingest`",
                found="something else",
                remedy=remedy,
            )


if __name__ == "__main__":
    withhold_texts(os.environ)
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], is_json=sys.argv[4:] == ["json"]))
