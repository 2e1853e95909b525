"""Print a command's result: lines for people, or one JSON object for programs.

With `--json` that object is all there is on standard output, also where a command is refused.
"""

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from tasks.config.collecting import SeveralFaultsError
from tasks.errors import PortcullisError, RefusedError
from tasks.plain_text import one_line

# `ServiceError` is `service`, `EmptyLedgerError` `empty_ledger`: names of classes are what programs
# match here, so that a class that is renamed changes what `--json` says.
KIND_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def print_json(values: Any) -> None:
    """Print JSON values, keys sorted, as ASCII: texts come from anybody and go to terminals."""
    # NaN is no JSON (RFC 8259, section 6), and Python would write it all the same: a figure that
    # nobody has measured is None by now.
    print(json.dumps(values, indent=2, sort_keys=True, allow_nan=False))


def print_result(lines: Iterable[str], values: Any, *, is_json: bool) -> None:
    """Print what a command did: as JSON values where they were asked for, else as lines."""
    if is_json:
        print_json(values)
        return
    # Here, and not left to each command: names of files, holds and logs come from anybody.
    for line in lines:
        print(one_line(line))


def report_error(error: PortcullisError, *, is_json: bool) -> int:
    """Print what was refused and why, for people and for programs; return the exit code."""
    print(f"portcullis: {error}", file=sys.stderr)
    if is_json:
        print_json({"error": error_values(error)})
    return error.exit_code


def error_values(error: PortcullisError) -> dict[str, Any]:
    """Return an error as JSON values; every text is one line without control characters."""
    name = type(error).__name__.removesuffix("Error")
    values: dict[str, Any] = {
        "kind": KIND_WORD.sub("_", name).lower(),
        "exitCode": error.exit_code,
        "where": one_line(error.where),
        "expected": one_line(error.expected),
        "found": one_line(error.found),
        "remedy": one_line(error.remedy),
    }
    # Each fault by itself: the text of several is about the first alone.
    if isinstance(error, SeveralFaultsError):
        values["faults"] = [error_values(fault) for fault in error.faults]

    if isinstance(error, RefusedError):
        values["refusals"] = [refusal.to_dict() for refusal in error.refusals]

    return values
