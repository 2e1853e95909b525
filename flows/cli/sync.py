"""`./portcullis sync`: check every use case, and write what DVC and Prefect read of them.

What is written is committed, and follows from the use cases and the code: the index, each use
case's resolved copy, the release deployments in prefect.yaml, and dvc.yaml. Nothing is written unless every use case
is well-formed.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.config.case_paths import INDEX, case_names_in, resolved_path
from tasks.config.resolving import resolve_case, resolved_text
from tasks.config.sources import today
from tasks.pipeline.dvc_file import dvc_text
from tasks.system.installation import Installation

DVC_FILE = Path("dvc.yaml")
Cases = Mapping[str, dict[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 2 where a file is out of date"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Check the use cases that lie in `configs/`; write what follows from them, or compare it."""
    workspace = installation.workspace
    cases = resolve_cases(workspace)
    if not options.check:
        # Late, because this imports what the stages compute with; `--check` is for hooks and editors.
        from flows.cli.checking import check_cases

        for line in check_cases(cases, workspace, today(installation.settings)):
            print(line)

    stale = {
        path: text
        for path, text in derived_files(cases, workspace).items()
        if not _holds(workspace / path, text)
    }
    if options.check:
        for path in stale:
            print(f"{path} is out of date: ./portcullis sync")
        if not stale:
            print("every derived file is up to date")
        return 2 if stale else 0

    write_files(stale, workspace)
    return 0


def resolve_cases(workspace: Path) -> dict[str, dict[str, Any]]:
    """Return every use case in `configs/`, resolved, by name in sorted order."""
    return {name: resolve_case(name, workspace) for name in case_names_in(workspace)}


def derived_files(cases: Cases, workspace: Path) -> dict[Path, str]:
    """Return the text of every derived file, by its path in the checkout."""
    return {
        INDEX: index_text(cases),
        **resolved_files(cases),
        **prefect_files(cases, workspace),
        DVC_FILE: dvc_text(workspace),
    }


def index_text(cases: Cases) -> str:
    """Return the index of use cases as YAML text."""
    head = "# Written by `./portcullis sync`: the use cases, for dvc.yaml and Prefect's form.\n"
    return head + "use_cases:\n" + "".join(f"  - {name}\n" for name in cases)


def resolved_files(cases: Cases) -> dict[Path, str]:
    """Return the resolved copy of each use case."""
    return {resolved_path(name): resolved_text(name, values) for name, values in cases.items()}


def prefect_files(cases: Cases, workspace: Path) -> dict[Path, str]:
    """Return prefect.yaml with a release deployment for each use case."""
    from flows.deployments import PREFECT_FILE, put_deployments
    from tasks.config.cases import section_in
    from tasks.config.deployment import DeploymentParams

    deployments = {
        name: section_in(values, name, "deployment", DeploymentParams)
        for name, values in cases.items()
    }
    text = (workspace / PREFECT_FILE).read_text(encoding="utf-8")
    return {PREFECT_FILE: put_deployments(text, deployments)}


def write_files(files: Mapping[Path, str], workspace: Path) -> None:
    """Write files by their paths in the checkout, and say so."""
    for path, text in files.items():
        (workspace / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
