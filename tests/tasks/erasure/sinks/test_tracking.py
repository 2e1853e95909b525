"""MLflow: its database and artifacts; a registered model's own files are reported, not changed."""

import json
import sqlite3
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, ViewType

from tasks.erasure.sinks import PurgeOptions
from tasks.erasure.sinks.tracking import (
    TrackingSink,
    artifact_locations,
    database_url,
    versions_trained_on,
)
from tasks.registry.client import TRAINED_ON_TAG
from tasks.system.installation import Installation
from tests.installations import installation_at
from tests.tasks.erasure.sinks.people import ANN, BOB, TERMS, person_of

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


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"])
def test_artifacts_in_a_bucket_are_searched_there(
    tracked: Tracked, installation: Installation, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", endpoint)
    opened: list[dict[str, str]] = []

    def open_bucket(**arguments: str) -> MemoryFileSystem:
        opened.append(arguments)
        fs = MemoryFileSystem(skip_instance_cache=True)
        fs.pipe_file("/mlflow-bucket/artifacts/t.csv", f"email\n{ANN}\n".encode())
        return fs

    monkeypatch.setattr("s3fs.S3FileSystem", open_bucket)
    tracked.insert("experiments", 1, "s3://mlflow-bucket/artifacts")

    assert TrackingSink(installation_at(installation.workspace)).purge(TERMS).rewritten == 1
    assert opened == [{"endpoint_url": endpoint} if endpoint else {}]


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


class RealTracking:
    """MLflow's own database, filled and read by MLflow itself."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "real.db"
        self.url = f"sqlite:///{self.path}"
        self.client = MlflowClient(self.url, self.url)
        self.experiment = self.client.create_experiment(
            "Finished", artifact_location=(folder / "artifacts").as_uri()
        )
        self.client.create_registered_model("Model", description=f"asked for by {ANN}")

    def add_run(self, text: str) -> str:
        """Leave a text wherever a run, its data, its model and its version keep one."""
        client = self.client
        run = client.create_run(self.experiment, run_name=text, tags={"of": text})
        run_id = str(run.info.run_id)
        client.log_param(run_id, "who", text)
        client.log_metric(run_id, "model", 0.5)
        dataset = Dataset(name="rows", digest="d1", source_type="local", source=text, schema=text)
        client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("context", text)])])
        model = client.create_logged_model(
            self.experiment, name="m", source_run_id=run_id, tags={"of": text}, params={"p": text}
        )
        client.set_terminated(run_id, "FINISHED")
        version = client.create_model_version(
            "Model", run.info.artifact_uri, run_id, tags={"of": text}, description=text
        )
        client.set_registered_model_alias("Model", "candidate", version.version)
        assert model.status is not None
        return run_id

    def read(self) -> str:
        """Return all that MLflow reads of it."""
        client = self.client
        runs = client.search_runs([self.experiment], run_view_type=ViewType.ALL)
        versions = client.search_model_versions("name = 'Model'")
        return json.dumps(
            [
                client.get_experiment(self.experiment).name,
                sorted(str(run.to_dictionary()) for run in runs),
                sorted(str(dict(version)) for version in versions),
                str(dict(client.get_registered_model("Model"))),
                client.get_model_version_by_alias("Model", "candidate").version,
                sorted(str(model) for model in client.search_logged_models([self.experiment])),
            ]
        )


def test_mlflow_itself_loses_the_person_and_works_on(
    tmp_path: Path, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RealTracking(tmp_path)
    real.client.delete_run(real.add_run(ANN))
    real.add_run(BOB)
    monkeypatch.setenv("PORTCULLIS_MLFLOW_DATABASE_URL", real.url)
    sink = TrackingSink(installation_at(installation.workspace))
    before = real.read()

    planned = sink.purge(TERMS, PurgeOptions(is_dry_run=True)).planned
    assert real.read() == before
    report = sink.purge(TERMS)

    # A soft-deleted run is read, too; of nobody else a byte has changed.
    after = real.read()
    assert after == before.replace(ANN, "[erased]")
    assert ANN not in after
    assert ANN.encode() not in real.path.read_bytes()
    assert report.left == ()
    assert "3 cells of MLflow's database, table runs" not in planned
    assert "1 cell of MLflow's database, table runs" in planned

    # Words of MLflow's own, of whomever they are the values, lose no run, model or alias.
    words = person_of("Finished", "FINISHED", "Model", "candidate", "Completed", "active", "rows")
    report = sink.purge(words)
    assert real.read() == after
    # A report masks the words in the names of tables, too.
    reported = " ".join(report.left)
    assert "column alias" in reported
    assert "are never changed" in reported
    real.add_run(BOB)
    assert str(real.client.get_model_version_by_alias("Model", "candidate").version) == "3"
