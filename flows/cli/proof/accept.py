"""`./portcullis accept <use case>`: make what the last release measured the yardstick for the next.

A person runs it and commits what it writes: the data's profile, which later deliveries are compared
with for drift, and the registered model's figures, which later models must not fall behind. The use
case's file is changed to name both.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json, UseCase
from flows.use_cases.derived_files import resolve_cases, resolved_files, write_files
from tasks.config.case_paths import FILE_FIELDS, case_path
from tasks.config.cases import load_case
from tasks.config.editing import set_fields
from tasks.errors import DataError, EvidenceError
from tasks.formats.digests import sha256_of
from tasks.formats.strict_json import read_json

REFERENCE = "validate.reference"
FIRST_VERSION = "validate.first_version"
CHAMPION = "train.champion"


EXAMPLES = """\
After a first release, and whenever the yardstick moves:
  ./portcullis accept loan
  ./portcullis accept loan --data-only  # no model yet
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    use_case: UseCase,
    *,
    data_only: Annotated[
        bool,
        typer.Option("--data-only", help="Accept the data's profile before any model exists."),
    ] = False,
    is_json: Json = False,
) -> int:
    """Write the yardsticks of one use case, and name them in its file."""
    installation = installation_of(context)
    workspace = installation.workspace
    case = use_case
    load_case(case, workspace)

    yardsticks = {REFERENCE: _read(workspace, case, "validate")["profile"]}
    if not data_only:
        report = _read(workspace, case, "train")
        _require_registered(workspace, case)
        yardsticks[CHAMPION] = {
            "auc": report["performance"]["auc"],
            "auc_interval": report["performance"]["auc_interval"],
        }

    # The fields come first: if they cannot be set, no file is left behind that nobody reads.
    names: dict[str, str | None] = {field: FILE_FIELDS[field] for field in yardsticks}
    # `first_version` says why there is no earlier delivery to compare with: from now on there is
    # one.
    set_fields(case, {**names, FIRST_VERSION: None}, workspace)

    folder = case_path(case).parent
    written: list[Path] = []
    for field, measured in yardsticks.items():
        path = folder / FILE_FIELDS[field]
        (workspace / path.parent).mkdir(exist_ok=True)
        write_files({path: json.dumps(measured, indent=1) + "\n"}, workspace)
        written.append(path)
    # Of every use case: a use case that extends this one is compared with its profile, too.
    resolved = resolved_files(resolve_cases(workspace))
    write_files(resolved, workspace)
    written += resolved

    lines = (
        *(f"wrote {path}" for path in written),
        f"Look at `git diff configs` and commit it: from now on {case} is compared with this.",
    )
    values = {"useCase": case, "written": [path.as_posix() for path in written]}
    print_result(lines, values, is_json=is_json)
    return 0


def _require_registered(workspace: Path, case: str) -> None:
    """Refuse a model that was not registered: no other may become the champion.

    A receipt alone says little: that of an earlier release lies there until `register` runs again.
    """
    receipt = _read(workspace, case, "register", "receipt.json")
    model = Path("data") / case / "train" / "model"
    is_here = (workspace / model).exists()
    if not is_here or receipt.get("model_sha256") != sha256_of(workspace / model):
        raise EvidenceError(
            model.as_posix(),
            expected="the model that was registered last",
            found="none, or one of a release that was blocked or interrupted",
            remedy=f"Run `./portcullis release {case}`, or accept the data alone: --data-only.",
        )


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
