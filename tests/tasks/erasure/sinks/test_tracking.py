"""MLflow: its database and artifacts; a registered model's own files are reported, not changed."""

import sqlite3
from pathlib import Path

import pytest

from tasks.erasure.sinks.tracking import (
    TrackingSink,
    artifact_locations,
    database_url,
    versions_trained_on,
)
from tasks.registry.client import TRAINED_ON_TAG
from tasks.system.installation import Installation
from tests.installations import installation_at
from tests.tasks.erasure.sinks.people import ANN, TERMS

TABLES = """
CREATE TABLE experiments (experiment_id INTEGER, artifact_location TEXT);
CREATE TABLE runs (run_uuid TEXT, artifact_uri TEXT);
CREATE TABLE params (run_uuid TEXT, value TEXT);
CREATE TABLE model_version_tags (key TEXT, value TEXT, name TEXT, version INTEGER);
"""


class Tracked:
    """An MLflow database and its folder of artifacts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mlflow.db"
        self.url = f"sqlite:///{self.path}"
        self.artifacts = folder / "artifacts"
        connection = sqlite3.connect(self.path)
        connection.executescript(TABLES)
        connection.close()

    def insert(self, table: str, *values: object) -> None:
        marks = ",".join("?" * len(values))
        with sqlite3.connect(self.path) as connection:
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.close()

    def add_artifact(self, name: str) -> Path:
        path = self.artifacts / name
        path.parent.mkdir(parents=True)
        path.write_text(f"email\n{ANN}\n")
        return path


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracked:
    made = Tracked(tmp_path)
    monkeypatch.setenv("PORTCULLIS_MLFLOW_DATABASE_URL", made.url)
    return made


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    return installation_at(tmp_path)


def test_parameters_are_masked(tracked: Tracked, installation: Installation) -> None:
    tracked.insert("params", "r", ANN)

    assert TrackingSink(installation_at(installation.workspace)).purge(TERMS).rewritten == 1


def test_artifacts_are_cleaned_where_the_database_says_they_lie(
    tracked: Tracked, installation: Installation
) -> None:
    table = tracked.add_artifact("1/tables/t.csv")
    tracked.insert("experiments", 1, tracked.artifacts.as_uri())

    assert TrackingSink(installation_at(installation.workspace)).purge(TERMS).rewritten == 1

    assert table.read_text() == "email\n"


def test_a_registered_model_s_own_files_are_reported_and_stay(
    tracked: Tracked, installation: Installation
) -> None:
    model = tracked.add_artifact("1/model/data/m.txt")
    tracked.insert("experiments", 1, tracked.artifacts.as_uri())

    (line,) = TrackingSink(installation_at(installation.workspace)).purge(TERMS).left

    assert "model/data/m.txt" in line
    assert ANN in model.read_text()


def test_a_store_that_cannot_be_reached_is_named_without_its_password(
    tracked: Tracked, installation: Installation
) -> None:
    tracked.insert("experiments", 1, "sftp://user:hunter2@host/artifacts")

    (line,) = TrackingSink(installation_at(installation.workspace)).purge(TERMS).unseen

    assert "sftp: …: mount or name their store" in line
    assert "hunter2" not in line


def test_a_server_whose_database_is_out_of_reach_is_said_to_be_unsearched(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.delenv("PORTCULLIS_MLFLOW_DATABASE_URL", raising=False)
    served = installation_at(installation.workspace)

    assert database_url(served) is None
    (line,) = TrackingSink(served).purge(TERMS).unseen
    assert "PORTCULLIS_MLFLOW_DATABASE_URL" in line


def test_a_folder_within_another_is_searched_once(tracked: Tracked) -> None:
    tracked.insert("experiments", 1, "/artifacts")
    tracked.insert("experiments", 2, "/artifacts2/")
    tracked.insert("runs", "r", "/artifacts/1/r/artifacts")
    tracked.insert("runs", "s", None)

    assert artifact_locations(tracked.url) == ["/artifacts", "/artifacts2"]


def test_models_are_found_by_what_they_were_trained_on(tracked: Tracked) -> None:
    tracked.insert("model_version_tags", TRAINED_ON_TAG, "code", "loan", 3)
    tracked.insert("model_version_tags", "another tag", "code", "loan", 4)

    assert list(versions_trained_on(tracked.url, TRAINED_ON_TAG)) == [("loan", "3", "code")]


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"

    assert artifact_locations(url) == []
    assert list(versions_trained_on(url, TRAINED_ON_TAG)) == []
    assert not (tmp_path / "none.db").exists()


def test_a_database_without_a_registry_has_no_models(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE x (y)").connection.close()

    assert list(versions_trained_on(f"sqlite:///{tmp_path / 'empty.db'}", TRAINED_ON_TAG)) == []
