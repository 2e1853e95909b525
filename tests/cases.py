"""Use cases in workspaces that tests make: written as a person would, with what `sync` derives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from flows.use_cases.derived_files import index_text, resolve_cases, resolved_files
from tasks.config.case_paths import INDEX, case_path


def write_case(workspace: Path, name: str, values: dict[str, Any]) -> None:
    """Write a use case and all that follows from the use cases there; its files must lie there."""
    path = workspace / case_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml_text(values))
    sync_cases(workspace)


def yaml_text(values: object) -> str:
    """Return values as YAML without aliases, which are refused."""
    return yaml.dump(values, Dumper=_WithoutAliases, sort_keys=False)


class _WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def change_case(workspace: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply `change` to the values of a use case, and write it."""
    values = yaml.safe_load((workspace / case_path(name)).read_text())
    change(values)
    write_case(workspace, name, values)


def write_case_text(workspace: Path, name: str, text: str) -> None:
    """Write a use case as this very text; it may be wrong, so that nothing follows from it."""
    path = workspace / case_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def sync_cases(workspace: Path) -> None:
    """Write the index and the resolved copies, as `./portcullis sync` does, without its checks."""
    cases = resolve_cases(workspace)
    for path, text in {INDEX: index_text(cases), **resolved_files(cases)}.items():
        (workspace / path).write_text(text)
