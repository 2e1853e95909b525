"""The sinks of this installation: every store in which plain text about people may lie."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tasks.erasure.searching.discovery import discover_rows
from tasks.erasure.searching.places import Place, PurgeRule
from tasks.erasure.sinks.files import FileSink
from tasks.erasure.sinks.git import GitSink
from tasks.erasure.sinks.scheduler import SchedulerSink, prefect_home
from tasks.erasure.sinks.sink import Sink, SinkId
from tasks.erasure.sinks.state import StateSink
from tasks.erasure.sinks.texts import OtherRows, TextsSink
from tasks.erasure.sinks.tracking import TrackingSink
from tasks.system.installation import Installation

# Files of the state folder that an erasure itself writes while it looks: the key store holds no
# plain text, and the journal holds the pseudonyms of this very batch until its last step.
OWN_FILES = (
    "keys.db",
    "keys.db-wal",
    "keys.db-shm",
    "erasures.db",
    "erasures.db-wal",
    "erasures.db-shm",
)
# What the sinks of MLflow and Prefect search, where it lies in the state folder.
FILES_OF_OTHER_SINKS = ("mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlartifacts", "prefect")


def list_sinks(
    installation: Installation,
    places: Sequence[Place],
    find_other_rows: Callable[[], OtherRows] | None = None,
) -> list[Sink]:
    """Return every sink, in the order in which the saga purges them.

    Args:
        installation: The checkout, its state folder and its settings.
        places: Where versions lie (`searching.places.version_places`): files there that are not
            sealed are searched, too.
        find_other_rows: Where other people's sealed rows lie; asked only when keys were found.
            Without it every row in `places` is taken for another's.
    """
    workspace = installation.workspace
    run_logs = Place.local(".dvc/tmp", workspace / ".dvc" / "tmp", PurgeRule.REWRITE)
    rewritable = [place for place in places if place.rule is PurgeRule.REWRITE]
    stored = [place for place in places if place.rule is PurgeRule.REMOVE]
    scratch = _scratch_places(installation)

    return [
        TrackingSink(installation),
        SchedulerSink(installation.settings),
        FileSink(SinkId.WORKSPACE, [*rewritable, run_logs]),
        FileSink(SinkId.VERSIONS, stored),
        FileSink(SinkId.SCRATCH, scratch),
        StateSink(installation.home, [_state_place(installation)]),
        GitSink(workspace, elsewhere=_local_paths([*places, *scratch], installation)),
        TextsSink(installation, find_other_rows or partial(_find_every_row, places)),
    ]


def _find_every_row(places: Sequence[Place]) -> OtherRows:
    return OtherRows(discover_rows(places, ()).sealed_copies)


def _scratch_places(installation: Installation) -> list[Place]:
    """Return the folders of an operator's own jobs: files there are masked where they can be."""
    folders = installation.settings.scratch_folders.split(os.pathsep)
    return [Place.local("scratch", Path(folder), PurgeRule.REWRITE) for folder in folders if folder]


def _local_paths(places: Sequence[Place], installation: Installation) -> tuple[Path, ...]:
    """Return the folders of this machine that some sink searches, or that hold only secrets."""
    folders = [Path(place.path) for place in places if place.is_local]
    return (*folders, installation.home, prefect_home(installation.settings))


def _state_place(installation: Installation) -> Place:
    """Return the state folder, without what is secret or what another sink searches."""
    state = installation.home
    secrets = (path.name for path in state.glob("*.key"))
    skip = {*OWN_FILES, *FILES_OF_OTHER_SINKS, *secrets}

    # Statements, receipts and audit logs are evidence: a person has to decide about a hit there.
    return Place.local("state", state, PurgeRule.REPORT, tuple(sorted(skip)))
