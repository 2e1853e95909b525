"""`./portcullis sync`: check every use case's file, and list them where DVC and Prefect read which there are."""

import argparse
from importlib import import_module

from tasks.config.cases import CONFIGS, INDEX

NOT_CASES = ("index",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 2 where the index is out of date"
    )


def main(options: argparse.Namespace) -> int:
    """Write `configs/index.yaml` from the use cases that lie in `configs/`, each checked as a whole."""
    found = sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem not in NOT_CASES)
    text = index_text(found)
    if options.check:
        fresh = INDEX.is_file() and INDEX.read_text(encoding="utf-8") == text
        print(
            "configs/index.yaml is up to date"
            if fresh
            else "configs/index.yaml is out of date: ./portcullis sync"
        )
        return 0 if fresh else 2
    INDEX.write_text(text, encoding="utf-8")
    check_case = import_module("flows.cli.checking").check_case
    for case in found:
        check_case(case)
        print(f"{case}: well-formed")
    return 0


def index_text(cases: list[str]) -> str:
    """Return the index as YAML text."""
    lines = [
        "# Written by `./portcullis sync`: the use cases, for dvc.yaml and Prefect's form.",
        "use_cases:",
    ]
    return "\n".join([*lines, *(f"  - {case}" for case in cases)]) + "\n"
