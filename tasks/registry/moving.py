"""Follow a checkout that was moved or copied: MLflow notes every place by its whole path."""

import sqlite3
from contextlib import closing
from pathlib import Path

ARTIFACTS = "mlartifacts"
LOCATIONS = (  # of artifacts, in MLflow's tables
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
PLACES = (*LOCATIONS, ("model_versions", "source"))  # the last one may also be `models:/…`


def follow_move(home: Path) -> None:
    """Have this installation's own registry name the artifacts that lie beside it.

    Without this, a registry that came here with its folder would go on writing to, and reading
    from, the place that it came from. Locations outside of any installation's `mlartifacts/` are
    left as they are.
    """
    database = home / "mlflow.db"
    if not database.is_file():
        return

    here = f"{home.as_uri()}/{ARTIFACTS}/"
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        tables = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if "experiments" not in tables:
            return
        # From experiments alone: their location ends in a name, by which the installation's own
        # part is told. What lies elsewhere is not followed.
        rows = connection.execute(
            "SELECT artifact_location FROM experiments WHERE artifact_location LIKE 'file://%'"
        )
        before = {_installation(location) for (location,) in rows} - {None, here}
        for old in before:
            for table, column in PLACES:
                if table in tables:
                    connection.execute(
                        # By length and `substr`, not by LIKE or replace: a path may hold `%` and
                        # `_`, and the old place twice.
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                        f"WHERE substr({column}, 1, ?) = ?",
                        (here, len(old or "") + 1, len(old or ""), old),
                    )


def _installation(location: str) -> str | None:
    """Return the part of an experiment's location that is its installation's `mlartifacts/`.

    None for another place.
    """
    folder, _, experiment = location.rpartition(f"/{ARTIFACTS}/")
    return f"{folder}/{ARTIFACTS}/" if folder and "/" not in experiment else None
