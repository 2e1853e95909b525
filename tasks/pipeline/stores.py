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
    from tasks.pipeline.runner import open_repo

    with open_repo() as repo:
        folders = {Path(repo.cache.local_cache_dir), Path(repo.stage_cache.cache_dir)}
        remotes = []
        for name in repo.config["remote"]:
            remote = repo.cloud.get_remote(name)
            remotes.append(VersionStore(f"DVC remote {name}", _plain(remote.fs), str(remote.path)))

    # The run cache lies in the cache by default: what is below another folder is searched with it.
    outermost = [folder for folder in sorted(folders) if not folders & set(folder.parents)]
    caches = [VersionStore("DVC cache", _local(), str(folder)) for folder in outermost]
    return (*caches, *remotes)


def _plain(fs: Any) -> Any:
    """Return DVC's file system as fsspec's own; DVC's local one lists in another way."""
    return _local() if fs.protocol == "local" else fs.fs


def _local() -> Any:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem()
