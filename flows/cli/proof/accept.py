"""`./portcullis accept <use case>`: make what the last release measured the yardstick for the next.

A person runs it and commits what it writes: the data's profile, which later deliveries are compared
with for drift, and the registered model's figures, which later models must not fall behind. The use
case's file is changed to name both.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.use_cases.derived_files import resolve_cases, resolved_files, write_files
from tasks.config.case_paths import FILE_FIELDS, case_path
from tasks.config.cases import load_case
from tasks.config.editing import set_fields
from tasks.errors import DataError
from tasks.formats.strict_json import read_json
from tasks.system.installation import Installation

REFERENCE = "validate.reference"
FIRST_VERSION = "validate.first_version"
CHAMPION = "train.champion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("use_case", metavar="use-case")
    parser.add_argument(
        "--data-only", action="store_true", help="accept the data's profile before any model exists"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Write the yardsticks of one use case, and name them in its file."""
    workspace = installation.workspace
    case = options.use_case
    load_case(case, workspace)

    yardsticks = {REFERENCE: _read(workspace, case, "validate")["profile"]}
    if not options.data_only:
        report = _read(workspace, case, "train")
        # A receipt means that this very model was registered: no other may become the champion.
        _read(workspace, case, "register", "receipt.json")
        yardsticks[CHAMPION] = {
            "auc": report["performance"]["auc"],
            "auc_interval": report["performance"]["auc_interval"],
        }

    # The fields come first: if they cannot be set, no file is left behind that nobody reads.
    names: dict[str, str | None] = {field: FILE_FIELDS[field] for field in yardsticks}
    set_fields(case, {**names, FIRST_VERSION: None}, workspace)

    folder = case_path(case).parent
    for field, values in yardsticks.items():
        path = folder / FILE_FIELDS[field]
        (workspace / path.parent).mkdir(exist_ok=True)
        _write_and_print({path: json.dumps(values, indent=1) + "\n"}, workspace)
    # Of every use case: a use case that extends this one is compared with its profile, too.
    _write_and_print(resolved_files(resolve_cases(workspace)), workspace)

    print(f"Look at `git diff configs` and commit it: from now on {case} is compared with this.")
    return 0


def _write_and_print(files: Mapping[Path, str], workspace: Path) -> None:
    write_files(files, workspace)
    for path in files:
        print(f"wrote {path}")


def _read(workspace: Path, case: str, stage: str, name: str = "report.json") -> Any:
    path = Path("data") / case / stage / name
    if not (workspace / path).is_file():
        raise DataError(
            str(path),
            expected=f"an output of stage `{stage}`",
            found="none",
            remedy=f"Run `./portcullis release {case}`, or accept the data alone: --data-only.",
        )
    remedy = f"Run `./portcullis release {case}`, which makes it anew."
    return read_json(workspace / path, path.as_posix(), remedy=remedy)
