"""`./portcullis sync`: check every use case, and write what DVC and Prefect read of them.

What is written is committed, and follows from the use cases and the code: the index, each use
case's resolved copy, the release deployments in prefect.yaml, and dvc.yaml. Nothing is written
unless every use case is well-formed; otherwise every fault of every use case is printed, a line
each.
"""

import re
import sys
from typing import Annotated

import typer

from flows.cli.base.answering import error_values, print_json, print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from flows.cli.base.usage import UsageError
from flows.use_cases.derived_files import derived_files, resolve_each, stale_files, write_files
from tasks.config.collecting import FaultList
from tasks.errors import ConfigError
from tasks.plain_text import one_line

EXAMPLES = """\
After a change of a use case, and before a commit:
  ./portcullis sync
  ./portcullis sync --sources     # before a release
  ./portcullis sync --check       # in a hook, or in CI

Exit codes: 0 done, or up to date; 2 a use case is wrong, or with
--check a file is out of date.
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit 2 if a file is out of date."),
    ] = False,
    sources: Annotated[
        bool,
        typer.Option(
            "--sources", help="Read the header and 1,000 rows of every source, too, and check them."
        ),
    ] = False,
    is_json: Json = False,
) -> int:
    """Check the use cases in `configs/`; write what follows from them, or compare it."""
    # With `--check` no source is read: `up to date` would be taken for an answer about them.
    if check and sources:
        raise UsageError(
            "--check and --sources",
            expected="one of them",
            found="both",
            remedy="Give --sources alone: it checks more, and writes what is out of date.",
        )

    installation = installation_of(context)
    workspace = installation.workspace
    faults = FaultList()
    cases = resolve_each(workspace, faults)
    checked: tuple[str, ...] = ()
    if not check:
        # Imported late, because it imports what the stages compute with; `--check` runs in hooks
        # and editors, where a second counts.
        from flows.use_cases.checking import check_cases, check_sources

        found = check_cases(cases, workspace, installation.settings, faults)
        if sources:
            found += check_sources(cases, installation.settings, faults)
        checked = tuple(map(one_line, found))
    # One use case that is wrong keeps all files as they are: dvc.yaml and prefect.yaml are of all
    # of them together.
    if faults.all():
        return _show(faults, checked, is_json=is_json)

    stale = stale_files(derived_files(cases, workspace), workspace)
    values = {"useCases": sorted(cases), "checked": checked}
    if check:
        lines = [f"{path} is out of date: ./portcullis sync" for path in stale]
        values["outOfDate"] = [str(path) for path in stale]
        print_result(lines or ["every derived file is up to date"], values, is_json=is_json)
        return ConfigError.exit_code if stale else 0

    write_files(stale, workspace)
    values["written"] = [str(path) for path in stale]
    print_result((*checked, *(f"wrote {path}" for path in stale)), values, is_json=is_json)
    return 0


def _show(faults: FaultList, checked: tuple[str, ...], *, is_json: bool) -> int:
    """Print every fault, each on its line, and say how many there are; return the exit code."""
    if is_json:
        try:
            faults.raise_all()
        except ConfigError as error:
            print_json({"error": error_values(error)})

    for line in () if is_json else checked:
        print(line)

    # File by file; within a file as they were found.
    # A place reads `configs/loan/case.yaml: train.seed` or `…, line 3`.
    for fault in sorted(faults.all(), key=lambda fault: re.split("[:,]", fault.where)[0]):
        print(f"portcullis: {fault}", file=sys.stderr)

    count = len(faults.all())
    print(
        f"portcullis: {count:d} {'fault' if count == 1 else 'faults'}; nothing was written",
        file=sys.stderr,
    )
    return ConfigError.exit_code
