"""Which files of a repository Portcullis wrote, of which version, and which of them are changed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.errors import ConfigError

MANIFEST = Path("configs") / "portcullis.json"


@dataclass(frozen=True)
class Manifest:
    """What an upgrade goes by: digests of the files as they were written, by their paths.

    Attributes:
        version: Of the Portcullis that wrote them.
        managed: Files that nobody edits.
        started: Files that belong to the repository's owner since.
    """

    version: str
    managed: Mapping[str, str]
    started: Mapping[str, str]

    def to_json(self) -> str:
        """Return it as the text of its file."""
        content = {
            "note": "Written by `portcullis init`: the files that an upgrade replaces.",
            "version": self.version,
            "managed": dict(self.managed),
            "started": dict(self.started),
        }
        return json.dumps(content, indent=1) + "\n"


def read_manifest(repository: Path) -> Manifest:
    """Return the manifest of a repository.

    Raises:
        ConfigError: It has none, or one whose paths an upgrade cannot go by.
    """
    path = repository / MANIFEST
    try:
        # A plain file of the repository, which whoever commits can write: it decides what is
        # replaced and removed, so no path in it may lead out.
        content = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(
            version=str(content["version"]),
            managed=_digests(content["managed"]),
            started=_digests(content["started"]),
        )
    except FileNotFoundError as error:
        raise ConfigError(
            str(repository),
            expected="a repository that `portcullis init` has made",
            found=f"no {MANIFEST.as_posix()}",
            remedy="Name its top folder. A checkout of Portcullis itself is upgraded by git.",
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            str(path),
            expected="the files that Portcullis wrote, with their digests",
            found="something else",
            remedy="Restore it from git: nobody edits it.",
        ) from error

    return manifest


def digests_of(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the digest of each file, by its path in a repository."""
    return {name: file_sha256(path) for name, path in files.items()}


def changed_files(repository: Path, digests: Mapping[str, str]) -> list[str]:
    """Return the paths whose file is not there any more, or holds something else."""
    return [
        name
        for name, digest in digests.items()
        # A link counts as changed, whatever it leads to.
        if not _is_plain_file(repository / name) or file_sha256(repository / name) != digest
    ]


def file_sha256(path: Path) -> str:
    """Return the digest of a file of code or configuration."""
    return sha256(path.read_bytes()).hexdigest()


def shown_paths(paths: Iterable[str]) -> str:
    """Return the first three of some paths, and how many more there are."""
    names = list(paths)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _digests(content: Any) -> dict[str, str]:
    """Return checked paths with their digests: none may lead out of the repository."""
    digests: dict[str, str] = {}
    for name, digest in content.items():
        parts = PurePosixPath(name).parts
        # `//`, a trailing slash and `.` have another spelling than the path they name, by which
        # they would be compared. `.git` is git's own.
        if name != "/".join(parts) or not parts or {".", "..", ".git"} & {*parts} or name[0] == "/":
            raise ValueError
        digests[name] = str(digest)
    return digests


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
