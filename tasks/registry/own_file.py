"""Which version an alias names in this installation's own registry, read without MLflow's store.

That store takes half a second to import and to check its tables before it answers what one row
says. Only where everything is as a release leaves it is the answer given here; of anything else
MLflow is asked, and says what is wrong. What lies at the place is compared byte by byte either way.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.registry.moving import ARTIFACTS
from tasks.system.installation import Installation

DATABASE = "mlflow.db"

# `source` is what people see, `storage_location` where MLflow downloads from, if it is there. A
# version that was deleted stays as a row of another stage (MLflow 3.17, `SqlModelVersion`).
NAMED = """
SELECT there.version, there.source, there.storage_location
FROM registered_model_aliases AS named
JOIN model_versions AS there
  ON there.workspace = named.workspace AND there.name = named.name
 AND there.version = named.version
WHERE named.workspace = 'default' AND named.name = ? AND named.alias = ?
  AND there.current_stage = 'None' AND there.status = 'READY'
"""


@dataclass(frozen=True)
class OwnVersion:
    """A version of this installation's own registry, and the folder of its packed model."""

    version: str
    folder: Path


def find_own_version(name: str, alias: str, installation: Installation) -> OwnVersion | None:
    """Return what an alias names; None where MLflow has to be asked."""
    settings = installation.settings
    database = installation.home / DATABASE
    if settings.tracking_uri or settings.release_bucket_url or not database.is_file():
        return None

    try:
        # Read-only: asking makes no database, and no table of MLflow's in one.
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(NAMED, (name, alias)).fetchall()
    except sqlite3.Error:
        return None
    if len(rows) != 1:
        return None

    version, source, location = rows[0]
    # People see one and MLflow downloads from the other: which one counts is MLflow's to say.
    if location not in (None, source):
        return None
    folder = _folder_of(str(source), installation.home)
    return OwnVersion(str(version), folder) if folder else None


def _folder_of(source: str, home: Path) -> Path | None:
    """Return the folder below this installation's artifacts that a source names, if it is one."""
    parts = urlsplit(source)
    if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment:
        return None
    folder = Path(unquote(parts.path))
    artifacts = (home / ARTIFACTS).resolve()
    # Resolved on both sides: a link below `mlartifacts/` may lead out of it.
    is_own = folder.is_dir() and artifacts in folder.resolve().parents
    return folder if is_own else None
