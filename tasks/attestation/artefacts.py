"""What a stage reads and writes, as `dvc.yaml` declares it, and the digests of what lies there.

Digests are SHA-256, and the MD5 by which DVC names files. A statement is about bytes that the
worker has digested itself, never about what a stage says of itself.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tasks.attestation.statement import Artefact
from tasks.errors import ConfigError, EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.formats.digests import FileDigests, file_digests, folder_sha256

DATA = "data/"
# By name; `.dvcignore` says the same to DVC, and tests/mirror compares them.
BYTECODE = ("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Declared:
    """One stage of one use case.

    Paths relative to the workspace, and digests of its sections of the configuration.
    """

    stage: str
    case: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params_sha256: dict[str, str]


def declared(stage: str, case: str, workspace: Path) -> Declared:
    """Return what `dvc.yaml` declares.

    Raises:
        ConfigError: There is no such stage.
    """
    try:
        values: Any = _yaml(workspace / "dvc.yaml")["stages"][stage]["do"]
    except (ConfigError, KeyError, TypeError) as error:
        raise ConfigError(
            "dvc.yaml", expected=f"a stage `{stage}`", found="none", remedy="Restore it."
        ) from error
    outputs = [
        name for kind in ("outs", "metrics", "plots") for name in _names(values.get(kind, []))
    ]
    # `deps` are written for all use cases at once (`foreach`): DVC puts the case's name in for
    # `${item}`.
    inputs = [name.replace("${item}", case) for name in _names(values.get("deps", []))]

    params: dict[str, str] = {}
    for entry in values.get("params", []):
        for path, sections in entry.items():
            config = _yaml(workspace / path.replace("${item}", case))
            for key in sections:
                value = _section(config, key)
                params[key] = hashlib.sha256(canonical(value)).hexdigest()
                # A section stands for the files that it names as well: it holds their digests.
                inputs += _named_files(value)

    # A file can be named by `deps` and by a section: each is digested once. Outputs are sorted, for
    # statements name them in this order.
    return Declared(
        stage,
        case,
        tuple(dict.fromkeys(inputs)),
        tuple(sorted(name.replace("${item}", case) for name in outputs)),
        params,
    )


def files_of(workspace: Path, name: str) -> tuple[Path, ...]:
    """Return the files that count of what a stage reads or writes, sorted: the one rule for bytes.

    Of code and configuration that is everything but the bytecode that Python itself leaves beside
    it, at any time and also while a stage runs. Of data it is everything. What is compared while a
    stage runs and what is digested must not differ in this: where they did, no machine whose Python
    writes bytecode got through its first stage.

    Args:
        workspace: The checkout.
        name: A file or a folder below it, as `dvc.yaml` declares it.

    Raises:
        EvidenceError: There is nothing there, or a folder of data holds a link to a folder.
    """
    path = workspace / name
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise EvidenceError(
            path.as_posix(),
            expected="what the stage declares",
            found="nothing",
            remedy="Run the stage again.",
        )

    if name.startswith(DATA):
        return tuple(sorted(_data_files(path, name)))
    return tuple(sorted(_files(path)))


def artefact(workspace: Path, name: str) -> Artefact:
    """Digest a file or a folder.

    A folder's sha256 is of its manifest (`tasks.formats.digests`), its md5 that of DVC's listing.

    Raises:
        EvidenceError: There is nothing there.
    """
    path = workspace / name
    files = files_of(workspace, name)
    if not path.is_dir():
        # MD5 comes from the same pass over the file. Nothing is believed for it, for collisions are
        # easy to make (RFC 6151): by it a person finds the file in DVC's cache.
        digests = file_digests(path)
        return Artefact(named(name), digests.sha256, digests.md5)

    return folder_artefact(
        named(name), [(file.relative_to(path).as_posix(), file_digests(file)) for file in files]
    )


def folder_artefact(name: str, by_path: list[tuple[str, FileDigests]]) -> Artefact:
    """Return the artefact of a folder, by (path below it, digests), sorted as paths sort."""
    sha256 = folder_sha256((relative, digests.sha256) for relative, digests in by_path)

    # DVC's own form of a folder's listing, with spaces and in the order of texts: never signed.
    listing = [
        {"md5": digests.md5, "relpath": relative}
        for relative, digests in sorted(by_path, key=lambda pair: pair[0])
    ]
    # `usedforsecurity=False`: an OpenSSL in FIPS mode refuses MD5 otherwise.
    md5 = hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False)
    return Artefact(name, sha256, md5.hexdigest(), is_folder=True)


def section_of(path: Path, key: str) -> Any:
    """Return a section (dotted) of a YAML file, or None."""
    return _section(_yaml(path), key)


def named(path: str) -> str:
    """Return an artefact's name.

    Outputs by use case and stage (`loan/train/model`), all else by path.
    """
    return path.removeprefix("data/")


def _data_files(folder: Path, name: str) -> Iterator[Path]:
    # A list and no recursion: how deep folders lie is up to whoever wrote them.
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                # Two links of a folder to itself would be walked as 2^40 folders, for the kernel
                # follows forty; and what lies behind a link is not watched while a later stage
                # reads it (`tasks.worker.marks`). The folder's own name may be a link, as in a run
                # folder, and so may a file, as DVC links it to its cache.
                if entry.is_dir() and entry.is_symlink():
                    raise EvidenceError(
                        name,
                        expected="files and folders that the stage wrote",
                        found="a link to a folder",
                        remedy="Have the stage write the folder itself, then run it again.",
                    )
                if entry.is_dir():
                    pending.append(Path(entry.path))
                elif entry.is_file():
                    yield Path(entry.path)


def _files(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if any(fnmatch(entry.name, pattern) for pattern in BYTECODE):
            continue
        # Links are followed: what counts is the bytes that are read through them.
        if entry.is_dir():
            yield from _files(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def _names(entries: list[Any]) -> list[str]:
    # An entry with options (`cache: false`) is an object whose one key is the path.
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def _named_files(value: Any) -> Iterator[str]:
    """Yield the path of every `tasks.config.case_files.CaseFile` in a section."""
    if not isinstance(value, dict):
        return
    # By its shape: the offline verifier has this module and no pydantic, and so not the class.
    if value.keys() == {"path", "sha256"}:
        yield value["path"]
    for inner in value.values():
        yield from _named_files(inner)


def _section(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _yaml(path: Path) -> Any:
    # Late, because the offline verifier has this module but no YAML.
    from tasks.formats.yaml_file import read_yaml

    return read_yaml(path)
