"""Prefect: its database (parameters, states, logs, events, artifacts) and its stored results."""

from dataclasses import dataclass
from pathlib import Path

from tasks.erasure.searching.places import Place, PurgeRule
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.blocks import purge_blocks
from tasks.erasure.sinks.database import purge_database
from tasks.erasure.sinks.files import FileSink
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId
from tasks.settings import Settings

URL_VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
DATABASE = "Prefect's database"
DATABASE_FILES = ("prefect.db", "prefect.db-wal", "prefect.db-shm")


@dataclass(frozen=True)
class SchedulerSink:
    """Prefect's own stores on this machine, or the database that the environment names."""

    settings: Settings
    sink_id: SinkId = SinkId.PREFECT

    def purge(self, terms: SearchTerms, options: PurgeOptions = AS_MASKING_ALLOWS) -> PurgeReport:
        """Mask rows and stored results."""
        settings = self.settings
        folder = prefect_home(settings)
        # The second is the variable's name before Prefect 3.
        configured_url = settings.prefect_database_url or settings.prefect_old_database_url

        database = folder / DATABASE_FILES[0]
        url = configured_url or f"sqlite:///{database}"
        key = settings.prefect_encryption_key
        # Blocks first: what an update leaves in the pages of the file is overwritten after it.
        report = purge_blocks(DATABASE, url, key, terms, options)
        report += purge_database(DATABASE, url, terms, options)

        results = Place.local("Prefect's files", folder, PurgeRule.REWRITE, DATABASE_FILES)
        report += FileSink(self.sink_id, [results]).purge(terms, options)

        # A server elsewhere keeps its database where only its operator knows.
        if settings.prefect_api_url and not configured_url and not database.is_file():
            line = f"{DATABASE}: name it in ${URL_VARIABLE}, its server keeps it elsewhere"
            report += PurgeReport(unseen=(line,))
        return report


def prefect_home(settings: Settings) -> Path:
    """Return the folder in which Prefect keeps its files."""
    return Path(settings.prefect_home or Path.home() / ".prefect")
