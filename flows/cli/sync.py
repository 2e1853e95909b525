"""`./portcullis sync`: check every use case, and write anew what is derived from code and cases."""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tasks.config.cases import CONFIGS, INDEX
from tasks.pipeline.dvc_file import dvc_text
from tasks.system.installation import Installation

NOT_CASES = ("index",)
DVC_FILE = Path("dvc.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 2 where a file is out of date"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Write every derived file, then check each use case as a whole."""
    derived: dict[Path, Callable[[], str]] = {
        INDEX: lambda: index_text(case_files()),
        DVC_FILE: lambda: dvc_text(installation.workspace),
    }
    outdated = [path for path, text in derived.items() if not _holds(path, text())]
    if options.check:
        for path in outdated:
            print(f"{path} is out of date: ./portcullis sync")
        if not outdated:
            print(f"{', '.join(str(path) for path in derived)}: up to date")
        return 2 if outdated else 0

    for path in outdated:
        path.write_text(derived[path](), encoding="utf-8")
        print(f"{path}: written anew")

    check_case = import_module("flows.cli.checking").check_case
    for case in case_files():
        check_case(case, installation.workspace)
        print(f"{case}: well-formed")
    return 0


def case_files() -> list[str]:
    """Return the names of the use cases that lie in `configs/`, sorted."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem not in NOT_CASES)


def index_text(cases: list[str]) -> str:
    """Return the index as YAML text."""
    lines = [
        "# Written by `./portcullis sync`: the use cases, for dvc.yaml and Prefect's form.",
        "use_cases:",
    ]
    return "\n".join([*lines, *(f"  - {case}" for case in cases)]) + "\n"


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
