"""Where DVC keeps versions: its cache, its run cache and every remote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Store:
    """One of them, as an fsspec file system and a path in it."""

    name: str
    fs: Any
    path: str


def stores() -> tuple[Store, ...]:
    """Return the current repository's cache (with its run cache) and remotes; nothing outside a DVC repository.

    Objects are found by looking, not by reading locks: uncommitted runs leave objects that no lock names.
    """
    if not Path(".dvc").is_dir():
        return ()
    from tasks.pipeline.runner import open_repo

    found: dict[str, Store] = {}
    with open_repo() as repo:
        for folder in {Path(repo.cache.local_cache_dir), Path(repo.stage_cache.cache_dir)}:
            found[str(folder)] = Store("DVC cache", _local(), str(folder))
        for name in repo.config["remote"]:
            remote = repo.cloud.get_remote(name)
            found[f"remote {name}"] = Store(
                f"DVC remote {name}", _plain(remote.fs), str(remote.path)
            )
    inside = [Path(key) for key in found if not key.startswith("remote ")]
    return tuple(
        store
        for key, store in found.items()
        if not any(folder in Path(key).parents for folder in inside)
    )


def _plain(fs: Any) -> Any:
    """Return DVC's file system as fsspec's own; DVC's local one lists in another way."""
    return _local() if fs.protocol == "local" else fs.fs


def _local() -> Any:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem()
