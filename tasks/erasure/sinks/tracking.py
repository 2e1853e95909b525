"""MLflow: its tracking database (runs, parameters, tags, soft-deleted ones) and its artifacts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from sqlalchemy import Engine, inspect, text

from tasks.erasure.searching.places import Place, PurgeRule
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.database import purge_database
from tasks.erasure.sinks.files import FileSink
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId
from tasks.registry.client import registry_uri
from tasks.registry.moving import ARTIFACTS, LOCATIONS
from tasks.settings import Settings
from tasks.system.database import open_database
from tasks.system.installation import Installation

URL_VARIABLE = "PORTCULLIS_MLFLOW_DATABASE_URL"
PLACE_NAME = "MLflow's artifacts"
# MLflow's folder of a logged model: its digest is signed for, so that it is reported, not changed.
MODEL_FOLDER = "model"


@dataclass(frozen=True)
class TrackingSink:
    """The tracking server's own stores: over its HTTP interface no parameter can be deleted."""

    installation: Installation
    sink_id: SinkId = SinkId.MLFLOW

    def purge(self, terms: SearchTerms, options: PurgeOptions = AS_MASKING_ALLOWS) -> PurgeReport:
        """Mask rows and artifacts; a registered model's own files are attested, and reported."""
        url = database_url(self.installation)
        if url is None:
            line = (
                f"MLflow's database: name it in ${URL_VARIABLE}, because its server cannot erase "
                "a parameter"
            )
            return PurgeReport(unseen=(line,))

        report = purge_database("MLflow's database", url, terms, options)

        places = []
        unseen = []
        # The state folder's own one as a whole: beside the experiments' folders files may lie, too.
        own_folder = (self.installation.home / ARTIFACTS).absolute()
        locations = [
            location
            for location in artifact_locations(url)
            if not f"{location}/".startswith(f"{own_folder.as_uri()}/")
        ]
        for location in (own_folder.as_uri(), *locations):
            place = _place_of(location, self.installation.settings)
            if place is not None:
                places.append(place)
                continue
            # Only the scheme: a location may hold a password.
            scheme = urlparse(location).scheme
            unseen.append(f"{PLACE_NAME} at {scheme}: …: mount or name their store")

        report += FileSink(self.sink_id, places, attested=(MODEL_FOLDER,)).purge(terms, options)
        return report + PurgeReport(unseen=tuple(unseen))


def database_url(installation: Installation) -> str | None:
    """Return the tracking database's URL; None where only its server is known."""
    if url := installation.settings.mlflow_database_url:
        return url
    uri = registry_uri(installation)
    return None if uri.startswith(("http://", "https://", "databricks")) else uri


def artifact_locations(url: str) -> list[str]:
    """Return the folders that hold artifacts, none inside another."""
    locations: set[str] = set()
    with open_database(url) as engine:
        if not _is_there(engine):
            return []
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names())
            for table, column in LOCATIONS:
                if table not in tables:
                    continue
                rows = connection.execute(text(f"SELECT DISTINCT {column} FROM {table}"))
                locations |= {str(row[0]).rstrip("/") for row in rows if row[0]}

    return [
        location
        for location in sorted(locations)
        if not any(location.startswith(f"{outer}/") for outer in locations)
    ]


def versions_trained_on(url: str, tag: str) -> Iterator[tuple[str, str, str]]:
    """Yield every registered model version that has a tag: name, version, the tag's value."""
    with open_database(url) as engine:
        if not _is_there(engine):
            return
        with engine.connect() as connection:
            if "model_version_tags" not in inspect(connection).get_table_names():
                return
            query = text("SELECT name, version, value FROM model_version_tags WHERE key = :tag")
            for name, version, value in connection.execute(query, {"tag": tag}):
                yield str(name), str(version), str(value)


def _is_there(engine: Engine) -> bool:
    """Say whether a database can be opened without making it: SQLite makes a missing file."""
    return engine.dialect.name != "sqlite" or Path(engine.url.database or "").is_file()


def _place_of(location: str, settings: Settings) -> Place | None:
    """Return where artifacts lie, if that store can be searched from here."""
    parsed = urlparse(location)
    if parsed.scheme in ("", "file"):
        return Place.local(PLACE_NAME, Path(unquote(parsed.path)), PurgeRule.REWRITE)
    if parsed.scheme == "s3":
        path = f"{parsed.netloc}{parsed.path}"
        return Place(PLACE_NAME, _open_s3(settings), path, PurgeRule.REWRITE)
    return None


def _open_s3(settings: Settings) -> Any:
    import s3fs

    endpoint = settings.mlflow_s3_endpoint
    return s3fs.S3FileSystem(endpoint_url=endpoint) if endpoint else s3fs.S3FileSystem()
