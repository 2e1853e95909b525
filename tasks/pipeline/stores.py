"""Where DVC keeps versions: its cache, its run cache and every remote."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class VersionStore:
    """A place where DVC keeps versions: an fsspec file system and a path in it."""

    name: str
    fs: Any
    path: str


def list_version_stores() -> tuple[VersionStore, ...]:
    """Return the current repository's cache (with its run cache) and remotes.

    Outside a DVC repository there are none. An erasure searches their content, and does not go by
    lock files: uncommitted runs leave objects that no lock names.
    """
    if not Path(".dvc").is_dir():
        return ()
    from dvc.config import Config

    # The settings alone: to open the repository takes as long as to search a version for a person.
    config = Config(".dvc")
    remotes = []
    for name in config["remote"]:
        fs, path = _open_remote(config, name)
        remotes.append(VersionStore(f"DVC remote {name}", fs, path))

    # DVC's run cache lies in the cache, wherever that is (`dvc/stage/cache.py`, 3.67).
    folder = config["cache"].get("dir") or Path(".dvc", "cache").absolute()
    return (VersionStore("DVC cache", _local(), str(folder)), *remotes)


def find_in_cache(md5: str, workspace: Path) -> Path | None:
    """Return where a checkout's DVC keeps a file, by what DVC calls it; None where it does not.

    The name proves nothing: the caller compares a digest.
    """
    if not re.fullmatch("[0-9a-f]{32}", md5) or not (workspace / ".dvc").is_dir():
        return None
    from dvc.config import Config

    folder = Config(str(workspace / ".dvc"))["cache"].get("dir") or workspace / ".dvc" / "cache"
    path = Path(folder) / "files" / "md5" / md5[:2] / md5[2:]
    return path if path.is_file() else None


def _open_remote(config: Any, name: str) -> tuple[Any, str]:
    """Return a remote's file system and the path in it."""
    from dvc.fs import get_cloud_fs

    cls, settings, path = get_cloud_fs(config, name=name)
    return _plain(cls(**settings)), str(path)


def _plain(fs: Any) -> Any:
    """Return DVC's file system as fsspec's own; DVC's local one lists in another way."""
    return _local() if fs.protocol == "local" else fs.fs


def _local() -> Any:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem()
