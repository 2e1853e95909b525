"""The files that follow from the use cases and the code: what DVC and Prefect read of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.use_cases.deployments import PREFECT_FILE, put_deployments
from tasks.config.case_paths import INDEX, case_names_in, refuse_links, resolved_path
from tasks.config.cases import section_in
from tasks.config.collecting import FaultList
from tasks.config.deployment import DeploymentParams
from tasks.config.resolving import resolve_case, resolve_with_faults, resolved_text
from tasks.errors import ConfigError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.formats.whole_file import write_whole
from tasks.pipeline.dvc_file import dvc_text

DVC_FILE = Path("dvc.yaml")
Cases = Mapping[str, dict[str, Any]]


def resolve_cases(workspace: Path) -> dict[str, dict[str, Any]]:
    """Return every use case in `configs/`, resolved, by name in sorted order."""
    return {name: resolve_case(name, workspace) for name in case_names_in(workspace)}


def resolve_each(workspace: Path, faults: FaultList) -> dict[str, dict[str, Any]]:
    """Return the use cases that can be resolved; what is wrong with their files is in `faults`."""
    cases: dict[str, dict[str, Any]] = {}
    for name in case_names_in(workspace):
        with faults.kept():
            cases[name] = resolve_with_faults(name, workspace, faults)
    return cases


def derived_files(cases: Cases, workspace: Path) -> dict[Path, str]:
    """Return the text of every derived file, by its path in the checkout."""
    return {
        INDEX: index_text(cases),
        **resolved_files(cases),
        **prefect_files(cases, workspace),
        **dvc_files(cases, workspace),
    }


def index_text(cases: Cases) -> str:
    """Return the index of use cases as YAML text."""
    # A name needs no quotes: `tasks/config/case_name.py` allows none that YAML reads as something
    # else.
    head = "# Written by `./portcullis sync`: the use cases, for dvc.yaml and Prefect's form.\n"
    return head + "use_cases:\n" + "".join(f"  - {name}\n" for name in cases)


def resolved_files(cases: Cases) -> dict[Path, str]:
    """Return the resolved copy of each use case."""
    return {resolved_path(name): resolved_text(name, values) for name, values in cases.items()}


def prefect_files(cases: Cases, workspace: Path) -> dict[Path, str]:
    """Return prefect.yaml with a release deployment for each use case."""
    deployments = {
        name: section_in(values, name, "deployment", DeploymentParams)
        for name, values in cases.items()
    }
    refuse_links(PREFECT_FILE, workspace)
    try:
        text = read_regular_file(workspace / PREFECT_FILE).decode("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(
            PREFECT_FILE.as_posix(),
            expected="Prefect's file of deployments, in UTF-8",
            found=describe_unreadable(error),
            remedy="Restore it from git.",
        ) from error

    return {PREFECT_FILE: put_deployments(text, deployments)}


def dvc_files(cases: Cases, workspace: Path) -> dict[Path, str]:
    """Return dvc.yaml with the stages of each use case."""
    return {DVC_FILE: dvc_text(workspace, cases)}


def stale_files(files: Mapping[Path, str], workspace: Path) -> dict[Path, str]:
    """Return those of `files` that are absent from the checkout or have another text there."""
    return {path: text for path, text in files.items() if not _has_text(workspace / path, text)}


def write_files(files: Mapping[Path, str], workspace: Path) -> None:
    """Write files by their paths in the checkout.

    Raises:
        ConfigError: Something else than a file lies in the place of one. Nothing was written then:
            a link would lead out of the checkout, and a pipe would wait for its reader.
    """
    for path in files:
        refuse_links(path, workspace)
        if (workspace / path).exists() and not (workspace / path).is_file():
            raise ConfigError(
                path.as_posix(),
                expected="a file, or none yet",
                found="a folder, pipe or device",
                remedy="Remove it; `./portcullis sync` writes the file.",
            )

    # Each whole or not at all: prefect.yaml and dvc.yaml are read again by whoever comes next, and
    # what people wrote into the one is in no other file.
    for path, text in files.items():
        write_whole(workspace / path, text.encode())


def _has_text(path: Path, text: str) -> bool:
    # By bytes: another line end is another file to DVC, which digests it.
    return path.is_file() and path.read_bytes() == text.encode()
