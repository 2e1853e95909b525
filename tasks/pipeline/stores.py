"""Where DVC keeps versions: its cache, its run cache and every remote."""

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
