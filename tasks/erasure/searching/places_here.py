"""Every place of this installation in which rows about people, or what was made of them, may lie."""

import os
from collections.abc import Sequence
from pathlib import Path

from tasks.erasure.searching.places import Place, Rule
from tasks.erasure.sinks.files import Files
from tasks.erasure.sinks.git import Git
from tasks.erasure.sinks.scheduler import Scheduler, prefect_home
from tasks.erasure.sinks.sink import Sink
from tasks.erasure.sinks.tracking import Tracking
from tasks.system.installation import Installation

OWN = ("keys.db", "keys.db-wal", "keys.db-shm", "erasures.db", "erasures.db-wal", "erasures.db-shm")
ELSEWHERE = ("mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlartifacts", "prefect")


def versions(workspace: Path) -> list[Place]:
    """Return where sealed versions lie: the working tree's data, DVC's cache, its run cache, and every remote."""
    from tasks.pipeline.stores import list_version_stores

    stored = [
        Place(store.name, store.fs, store.path, Rule.REMOVE) for store in list_version_stores()
    ]
    return [Place.local("data", workspace / "data", Rule.REWRITE), *stored]


def sinks(installation: Installation, places: Sequence[Place]) -> list[Sink]:
    """Return every sink. `places` are those of `versions`: files in them that are not sealed are searched, too."""
    beside = [Place.local(".dvc/tmp", installation.workspace / ".dvc" / "tmp", Rule.REWRITE)]
    # folders of your own jobs: files there that hold the person are removed
    given = [
        Path(folder) for folder in installation.settings.scratch_folders.split(os.pathsep) if folder
    ]
    scratch = [Place.local("scratch", folder, Rule.REMOVE) for folder in given]
    state = installation.home
    skip = (*OWN, *ELSEWHERE, *(path.name for path in state.glob("*.key")))
    inside = () if prefect_home(installation.settings).parent == state else ("prefect",)
    return [
        Tracking(installation),
        Scheduler(installation.settings),
        Files("workspace", [*(place for place in places if place.rule is Rule.REWRITE), *beside]),
        Files("versions", [place for place in places if place.rule is Rule.REMOVE]),
        Files("scratch", scratch),
        Files("state", [Place.local("state", state, Rule.REPORT, tuple(sorted({*skip, *inside})))]),
        Git(installation.workspace),
    ]
