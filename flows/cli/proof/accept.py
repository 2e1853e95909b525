"""`./portcullis accept <use case>`: make what the last release measured the yardstick for the next.

A person runs it and commits what it writes: the data's profile, which later deliveries are compared with for drift,
and the registered model's figures, which later models must not fall behind.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tasks.config.cases import CONFIGS, load_case
from tasks.errors import DataError
from tasks.system.installation import Installation

REFERENCES = CONFIGS / "references"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("use_case", metavar="use-case")
    parser.add_argument(
        "--data-only", action="store_true", help="accept the data's profile before any model exists"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Write the references of one use case."""
    case = options.use_case
    load_case(case, installation.workspace)
    REFERENCES.mkdir(exist_ok=True)
    _write(REFERENCES / f"{case}.json", _read(case, "validate")["profile"])
    if not options.data_only:
        report = _read(case, "train")
        _read(case, "register", "receipt.json")
        figures = {
            "auc": report["performance"]["auc"],
            "auc_interval": report["performance"]["auc_interval"],
        }
        _write(REFERENCES / f"{case}.champion.json", figures)
    print(
        f"Look at `git diff {REFERENCES}` and commit it: from now on {case} is compared with this."
    )
    return 0


def _read(case: str, stage: str, name: str = "report.json") -> Any:
    path = Path("data") / case / stage / name
    if not path.is_file():
        raise DataError(
            str(path),
            expected=f"an output of stage `{stage}`",
            found="none",
            remedy=f"Run `./portcullis release {case}`.",
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")
