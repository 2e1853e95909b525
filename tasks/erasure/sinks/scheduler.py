"""Prefect: its database (parameters, states, logs, events, artifacts) and the results it may have stored."""

import os
from dataclasses import dataclass
from pathlib import Path

from tasks.erasure.searching.places import Place, Rule
from tasks.erasure.searching.traces import Traces
from tasks.erasure.sinks.database import purge_database
from tasks.erasure.sinks.files import Files
from tasks.erasure.sinks.sink import Purged

URLS = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")


@dataclass(frozen=True)
class Scheduler:
    """Prefect's own stores on this machine, or the database that the environment names."""

    name: str = "Prefect"

    def purge(self, traces: Traces) -> Purged:
        """Mask rows and stored results."""
        folder = prefect_home()
        given = next((os.environ[name] for name in URLS if os.environ.get(name)), None)
        done = purge_database(
            "Prefect's database", given or f"sqlite:///{folder / 'prefect.db'}", traces
        )
        skip = ("prefect.db", "prefect.db-wal", "prefect.db-shm")
        done += Files(
            "Prefect's results", [Place.local("Prefect's files", folder, Rule.REWRITE, skip)]
        ).purge(traces)
        remote = os.environ.get("PREFECT_API_URL", "")
        if remote and given is None and not (folder / "prefect.db").is_file():
            done += Purged(
                unseen=(
                    f"Prefect's database: name it in ${URLS[0]}, its server keeps it elsewhere",
                )
            )
        return done


def prefect_home() -> Path:
    """Return the folder in which Prefect keeps what it keeps."""
    return Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
