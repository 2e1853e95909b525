"""MLflow: its tracking database (runs, parameters, tags, soft-deleted ones too) and its artifacts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from sqlalchemy import inspect, text

from tasks.erasure.searching.places import Place, Rule
from tasks.erasure.searching.traces import Traces
from tasks.erasure.sinks.database import purge_database
from tasks.erasure.sinks.files import Files
from tasks.erasure.sinks.sink import Purged
from tasks.registry.client import registry_uri
from tasks.registry.moving import LOCATIONS
from tasks.settings import Settings
from tasks.system.database import open_database
from tasks.system.installation import Installation

URL = "PORTCULLIS_MLFLOW_DATABASE_URL"


@dataclass(frozen=True)
class Tracking:
    """The tracking server's own stores. Over its HTTP interface a parameter can never be taken away."""

    installation: Installation
    name: str = "MLflow"

    def purge(self, traces: Traces) -> Purged:
        """Mask rows and artifacts; a registered model's own files are attested, and reported instead."""
        url = database_url(self.installation)
        if url is None:
            return Purged(
                unseen=(
                    f"MLflow's database: name it in ${URL}, because its server cannot erase a parameter",
                )
            )
        done = purge_database("MLflow's database", url, traces)
        places, unseen = [], []
        for location in artifact_locations(url):
            place = _place(location, self.installation.settings)
            if place is None:
                unseen.append(
                    f"MLflow's artifacts at {urlparse(location).scheme}: …: mount or name their store"
                )
            else:
                places.append(place)
        return (
            done
            + Files("MLflow's artifacts", places, attested=("model",)).purge(traces)
            + Purged(unseen=tuple(unseen))
        )


def database_url(installation: Installation) -> str | None:
    """Return the tracking database's URL; None where only its server is known."""
    if url := installation.settings.mlflow_database_url:
        return url
    uri = registry_uri(installation)
    return None if uri.startswith(("http://", "https://", "databricks")) else uri


def artifact_locations(url: str) -> list[str]:
    """Return the folders that hold artifacts, none inside another."""
    engine = open_database(url)
    found: set[str] = set()
    try:
        if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
            return []
        with engine.connect() as connection:
            known = set(inspect(connection).get_table_names())
            for table, column in LOCATIONS:
                if table in known:
                    rows = connection.execute(text(f"SELECT DISTINCT {column} FROM {table}"))
                    found |= {str(row[0]).rstrip("/") for row in rows if row[0]}
    finally:
        engine.dispose()
    return [one for one in sorted(found) if not any(one.startswith(f"{other}/") for other in found)]


def versions_trained_on(url: str, tag: str) -> Iterator[tuple[str, str, str]]:
    """Yield every registered model version that has a tag: name, version, the tag's value."""
    engine = open_database(url)
    try:
        if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
            return
        with engine.connect() as connection:
            if "model_version_tags" in inspect(connection).get_table_names():
                query = text("SELECT name, version, value FROM model_version_tags WHERE key = :tag")
                yield from (
                    (str(n), str(v), str(value))
                    for n, v, value in connection.execute(query, {"tag": tag})
                )
    finally:
        engine.dispose()


def _place(location: str, settings: Settings) -> Place | None:
    parsed = urlparse(location)
    if parsed.scheme in ("", "file"):
        return Place.local("MLflow's artifacts", Path(unquote(parsed.path)), Rule.REWRITE)
    if parsed.scheme == "s3":
        return Place(
            "MLflow's artifacts", _s3(settings), f"{parsed.netloc}{parsed.path}", Rule.REWRITE
        )
    return None


def _s3(settings: Settings) -> Any:
    import s3fs

    endpoint = settings.mlflow_s3_endpoint
    return s3fs.S3FileSystem(endpoint_url=endpoint) if endpoint else s3fs.S3FileSystem()
