"""`./portcullis sync`: check every use case, and write what DVC and Prefect read of them.

What is written is committed, and follows from the use cases and the code: the index, each use
case's resolved copy, the release deployments in prefect.yaml, and dvc.yaml. Nothing is written
unless every use case is well-formed; otherwise every fault of every use case is printed, a line
each.
"""

import argparse
import re
import sys

from flows.use_cases.derived_files import derived_files, resolve_each, stale_files, write_files
from tasks.config.collecting import FaultList
from tasks.errors import ConfigError
from tasks.plain_text import one_line
from tasks.system.installation import Installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 2 if a file is out of date"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Check the use cases in `configs/`; write what follows from them, or compare it."""
    workspace = installation.workspace
    faults = FaultList()
    cases = resolve_each(workspace, faults)
    if not options.check:
        # Imported late, because it imports what the stages compute with; `--check` runs in hooks
        # and editors, where a second counts.
        from flows.use_cases.checking import check_cases

        for line in check_cases(cases, workspace, installation.settings, faults):
            print(one_line(line))
    if faults.all():
        return _show(faults)

    stale = stale_files(derived_files(cases, workspace), workspace)
    if options.check:
        for path in stale:
            print(f"{path} is out of date: ./portcullis sync")
        if not stale:
            print("every derived file is up to date")
        return ConfigError.exit_code if stale else 0

    write_files(stale, workspace)
    for path in stale:
        print(f"wrote {path}")
    return 0


def _show(faults: FaultList) -> int:
    """Print every fault, each on its line, and say how many there are; return the exit code."""
    # File by file; within a file as they were found.
    for fault in sorted(faults.all(), key=lambda fault: re.split("[:,]", fault.where)[0]):
        print(f"portcullis: {fault}", file=sys.stderr)
    count = len(faults.all())
    print(
        f"portcullis: {count:d} {'fault' if count == 1 else 'faults'}; nothing was written",
        file=sys.stderr,
    )
    return ConfigError.exit_code
