"""Prefect: its database (parameters, states, logs, events, artifacts) and the results it may have stored."""

from dataclasses import dataclass
from pathlib import Path

from tasks.erasure.searching.places import Place, Rule
from tasks.erasure.searching.traces import Traces
from tasks.erasure.sinks.database import purge_database
from tasks.erasure.sinks.files import Files
from tasks.erasure.sinks.sink import Purged
from tasks.settings import Settings

URL = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


@dataclass(frozen=True)
class Scheduler:
    """Prefect's own stores on this machine, or the database that the environment names."""

    settings: Settings
    name: str = "Prefect"

    def purge(self, traces: Traces) -> Purged:
        """Mask rows and stored results."""
        folder = prefect_home(self.settings)
        given = self.settings.prefect_database_url or self.settings.prefect_old_database_url
        done = purge_database(
            "Prefect's database", given or f"sqlite:///{folder / 'prefect.db'}", traces
        )
        skip = ("prefect.db", "prefect.db-wal", "prefect.db-shm")
        done += Files(
            "Prefect's results", [Place.local("Prefect's files", folder, Rule.REWRITE, skip)]
        ).purge(traces)
        remote = self.settings.prefect_api_url
        if remote and not given and not (folder / "prefect.db").is_file():
            done += Purged(
                unseen=(f"Prefect's database: name it in ${URL}, its server keeps it elsewhere",)
            )
        return done


def prefect_home(settings: Settings) -> Path:
    """Return the folder in which Prefect keeps what it keeps."""
    return Path(settings.prefect_home or Path.home() / ".prefect")
