"""Against a real MLflow on SQLite.

Once, whole, and safely again after a crash between any two calls.
"""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest

from tasks.errors import EvidenceError, ServiceError
from tasks.registry import Publication, publish
from tasks.registry.client import (
    CASE_TAG,
    ENTRY_TAG,
    MODEL_TAG,
    ORIGIN_TAG,
    find_published,
    without_password,
)
from tasks.registry.moving import follow_move
from tasks.registry.own_file import find_own_version
from tasks.registry.stored import LOADED_AS
from tests.installations import installation_at
from tests.publications import publication

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning"
    ),  # MLflow 3.17 leaves SQLite connections to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publication:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    # `mlflow.set_tracking_uri` sets it for the whole process. What was absent is removed again only
    # if it was set here first.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    return publication(tmp_path)


def test_a_registry_that_was_moved_is_read_and_written_where_it_is_now(
    release: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    publish(release, installation_at(Path()))
    old = tmp_path / "home"
    moved = tmp_path / "moved to 100% elsewhere"
    old.rename(moved)
    monkeypatch.setenv("PORTCULLIS_HOME", str(moved))
    assert not publish(release, installation_at(Path())).is_new
    (version,) = versions()
    assert version.source.startswith(moved.as_uri())
    mlflow.set_tracking_uri(f"sqlite:///{moved}/mlflow.db")
    assert mlflow.artifacts.list_artifacts(run_id=version.run_id)
    assert not old.exists()


def test_following_a_move_makes_no_registry_and_leaves_what_lies_elsewhere(tmp_path: Path) -> None:
    follow_move(tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection, connection:
        connection.execute("CREATE TABLE experiments (artifact_location TEXT)")
        elsewhere = [
            ("file:///srv/mlruns/3",),
            ("s3://bank/mlartifacts/loan",),
            ("file:///old/mlartifacts/a",),
        ]
        connection.executemany("INSERT INTO experiments VALUES (?)", elsewhere)
    follow_move(tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        found = {row[0] for row in connection.execute("SELECT artifact_location FROM experiments")}
    assert found == {
        "file:///srv/mlruns/3",
        "s3://bank/mlartifacts/loan",
        f"{tmp_path.as_uri()}/mlartifacts/a",
    }


def test_the_log_s_archive_lies_with_the_version_s_run_once_for_each_decision(
    release: Publication,
) -> None:
    publish(release.model_copy(update={"clearance": b"first"}), installation_at(Path()))
    again = release.model_copy(update={"clearance": b"of the same decision"})
    publish(again, installation_at(Path()))
    later = {"log_entry": 57, "clearance": b"later", "decision_sha256": "e" * 64}
    publish(release.model_copy(update=later), installation_at(Path()))
    (version,) = versions()
    paths = {item.path for item in client().list_artifacts(version.run_id, "evidence")}
    assert {"evidence/clearance-41.zip", "evidence/clearance-57.zip"} <= paths
    folder = Path(client().download_artifacts(version.run_id, "evidence"))
    assert (folder / "clearance-41.zip").read_bytes() == b"first"
    assert (folder / "clearance-57.zip").read_bytes() == b"later"


def client() -> Any:
    from mlflow import MlflowClient

    from tasks.registry.client import registry_uri

    return MlflowClient(registry_uri(installation_at(Path())))


def versions() -> Any:
    return client().search_model_versions("name = 'loan'")


def test_a_release_is_registered_with_its_evidence_and_can_be_loaded_by_its_alias(
    release: Publication,
) -> None:
    published = publish(release, installation_at(Path()))
    assert published.is_new
    (version,) = versions()
    assert version.tags[MODEL_TAG] == release.model_sha256
    assert client().get_model_version_by_alias("loan", "candidate").version == version.version
    assert {item.path for item in client().list_artifacts(version.run_id)} == {"model", "evidence"}
    import mlflow

    mlflow.set_tracking_uri(published.registry)
    model = mlflow.pyfunc.load_model("models:/loan@candidate")
    answers = model.predict(pd.DataFrame({"income": [0, -1]}))
    assert answers["score"].tolist()[0] == 0.5
    assert answers["decision"].tolist() == ["approved", "declined"]
    assert answers["reason_1_text"].tolist()[1] == "The income is low"
    assert version.description == "What it decides"
    run = client().get_run(version.run_id)
    assert run.data.tags["mlflow.note.content"] == "What it decides"
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("loan/rows", "a" * 36)
    assert data.dataset.profile == '{"num_rows": 20}'


def test_the_same_model_never_gets_a_second_version(release: Publication) -> None:
    first, second = (
        publish(release, installation_at(Path())),
        publish(release, installation_at(Path())),
    )
    assert (first.version, first.run_id) == (second.version, second.run_id)
    assert not second.is_new
    assert len(versions()) == 1


@pytest.mark.parametrize(
    "call",
    [
        "create_run",
        "log_metric",
        "log_inputs",
        "log_artifacts",
        "set_terminated",
        "create_registered_model",
        "create_model_version",
        "set_registered_model_alias",
    ],
)
def test_a_crash_in_any_call_leaves_nothing_half_registered_and_the_rerun_completes_it(
    release: Publication, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    from mlflow import MlflowClient

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, call, crash)
        with pytest.raises(KeyboardInterrupt):
            publish(release, installation_at(Path()))
    with_alias = [version for version in versions() if "candidate" in version.aliases]
    assert with_alias == []
    publish(release, installation_at(Path()))
    (version,) = versions()
    assert "candidate" in client().get_model_version("loan", version.version).aliases
    run = client().get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert len(run.inputs.dataset_inputs) == 1


def test_a_store_that_alters_the_model_is_found_out(
    release: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = release.model_copy(update={"model_sha256": "0" * 64})
    with pytest.raises(EvidenceError, match="as the registry stored it"):
        publish(wrong, installation_at(Path()))
    assert versions() == []


def test_a_model_that_somebody_loaded_by_its_name_is_still_the_one_that_was_sent(
    release: Publication,
) -> None:
    import mlflow

    published = publish(release, installation_at(Path()))
    mlflow.set_tracking_uri(published.registry)
    mlflow.pyfunc.load_model("models:/loan@candidate")
    (version,) = versions()
    # MLflow left a file of its own in the store.
    assert stored_file(version, LOADED_AS).is_file()

    assert not publish(release, installation_at(Path())).is_new


def stored_file(version: Any, name: str) -> Path:
    (path,) = Path(version.source.removeprefix("file://")).glob(name)
    return path


@pytest.mark.parametrize(
    "name", ["data/model/scorer.json", "code/*/deciding.py", "MLmodel", "requirements.txt"]
)
def test_a_version_that_was_altered_since_does_not_get_the_alias(
    release: Publication, name: str
) -> None:
    publish(release, installation_at(Path()))
    (version,) = versions()
    client().delete_registered_model_alias("loan", "candidate")
    path = stored_file(version, name)
    path.write_text(path.read_text().replace("=", "=1").replace("0.5", "0.1"))
    with pytest.raises(EvidenceError, match="as the registry stored it"):
        publish(release, installation_at(Path()))
    assert versions()[0].aliases == []


def test_a_version_that_somebody_made_beforehand_with_the_right_tags_does_not_count(
    release: Publication, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "MLmodel").write_text("flavors: {python_function: {loader_module: evil}}")
    client().create_registered_model("loan")
    tags = {MODEL_TAG: release.model_sha256}
    client().create_model_version("loan", source=other.as_uri(), tags=tags)
    with pytest.raises(EvidenceError, match="as the registry stored it"):
        publish(release, installation_at(Path()))
    assert [version.aliases for version in versions()] == [[]]


def test_a_version_whose_files_are_gone_is_one_clear_line(release: Publication) -> None:
    publish(release, installation_at(Path()))
    (version,) = versions()
    stored_file(version, "MLmodel").unlink()
    with pytest.raises(EvidenceError, match="MLmodel of the model as the registry stored it"):
        publish(release, installation_at(Path()))
    shutil.rmtree(stored_file(version, "data").parent)
    with pytest.raises(ServiceError, match="model registry"):
        publish(release, installation_at(Path()))


def test_a_registry_that_is_down_is_one_clear_line(
    release: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ServiceError, match="model registry") as failure:
        publish(release, installation_at(Path()))
    assert "secret" not in str(failure.value)


class Refusing(BaseHTTPRequestHandler):
    """A registry that refuses whatever it is asked, and says why."""

    def do_GET(self) -> None:
        self._refuse()

    def do_POST(self) -> None:
        self._refuse()

    def _refuse(self) -> None:
        reason = "evidence, decision: expected a key that is pinned\x1b[31m; found another. " * 9
        body = json.dumps({"error_code": "PERMISSION_DENIED", "message": reason}).encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def test_why_a_registry_refuses_is_passed_on_in_its_words_cut_and_without_escapes(
    release: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(EvidenceError) as refusal:
            publish(release, installation_at(Path()))
        server.shutdown()
    text = str(refusal.value)
    assert "evidence, decision: expected a key that is pinned" in text
    assert "\x1b" not in text
    assert len(text) < 700


# Whose name it is.


def tags_of_the_name() -> dict[str, str]:
    return dict(client().get_registered_model("loan").tags)


def make_foreign_version(folder: Path) -> None:
    """Let another use case have a version under the name, from a time before names had owners."""
    client().create_registered_model("loan")
    source = (folder / "other").as_uri()
    client().create_model_version("loan", source=source, tags={CASE_TAG: "claims"})


def test_the_first_who_publishes_under_a_name_owns_it(release: Publication) -> None:
    publish(release, installation_at(Path()))
    assert tags_of_the_name() == {CASE_TAG: "loan", ORIGIN_TAG: "log.example"}


@pytest.mark.parametrize("other", [{"use_case": "claims"}, {"log_origin": "my-own-log"}])
def test_nobody_else_gets_a_version_under_a_name_that_is_owned(
    release: Publication, other: dict[str, str]
) -> None:
    publish(release, installation_at(Path()))
    with pytest.raises(EvidenceError, match="the name of use case"):
        publish(release.model_copy(update=other), installation_at(Path()))
    (version,) = versions()
    assert version.tags[CASE_TAG] == "loan"
    assert version.tags[ORIGIN_TAG] == "log.example"


def test_a_name_of_a_time_before_owners_is_taken_over(release: Publication) -> None:
    client().create_registered_model("loan")
    publish(release, installation_at(Path()))
    assert tags_of_the_name() == {CASE_TAG: "loan", ORIGIN_TAG: "log.example"}


def test_a_name_without_owner_that_holds_another_use_case_s_version_is_not(
    release: Publication, tmp_path: Path
) -> None:
    make_foreign_version(tmp_path)
    with pytest.raises(EvidenceError, match="another use case"):
        publish(release, installation_at(Path()))
    assert tags_of_the_name() == {}


def test_another_use_case_s_version_is_seen_behind_more_than_one_answer_of_the_registry(
    release: Publication, tmp_path: Path
) -> None:
    make_foreign_version(tmp_path)
    # MLflow answers with ten thousand at a time, the newest first.
    columns = "name, current_stage, source, status, workspace"
    newer = (
        f"INSERT INTO model_versions (version, creation_time, last_updated_time, {columns}) SELECT "
        f"?1, creation_time + ?1, last_updated_time + ?1, {columns} "
        "FROM model_versions WHERE version = 1"
    )
    numbers = [(number,) for number in range(2, 10_003)]
    with closing(sqlite3.connect(tmp_path / "home/mlflow.db")) as connection, connection:
        connection.executemany(newer, numbers)
    with pytest.raises(EvidenceError, match="another use case"):
        publish(release, installation_at(Path()))
    assert tags_of_the_name() == {}


def test_a_version_names_the_decision_that_last_let_it_in(release: Publication) -> None:
    publish(release, installation_at(Path()))
    (version,) = versions()
    assert (version.tags[ORIGIN_TAG], version.tags[ENTRY_TAG]) == ("log.example", "41")
    publish(release.model_copy(update={"log_entry": 57}), installation_at(Path()))
    (version,) = versions()
    assert version.tags[ENTRY_TAG] == "57"


def test_what_an_alias_names_is_found_by_its_bytes_alone(release: Publication) -> None:
    here = installation_at(Path())
    published = publish(release, here)
    found = find_published("loan", "candidate", release.model_folder, release.model_sha256, here)
    assert found == published.version
    with pytest.raises(EvidenceError, match="as the registry stored it"):
        find_published("loan", "candidate", release.model_folder, "0" * 64, here)
    with pytest.raises(EvidenceError, match="expected the model"):
        find_published("loan", "champion", release.model_folder, release.model_sha256, here)


def test_mlflow_s_store_is_not_asked_for_what_one_row_of_the_own_file_says(
    release: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = installation_at(Path())
    published = publish(release, here)
    monkeypatch.setattr("tasks.registry.client.open_registry", None)
    found = find_published("loan", "candidate", release.model_folder, release.model_sha256, here)
    assert found == published.version
    with pytest.raises(EvidenceError, match="as the registry stored it"):
        find_published("loan", "candidate", release.model_folder, "0" * 64, here)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE model_versions SET current_stage = 'Deleted_Internal'",
        "UPDATE model_versions SET status = 'PENDING_REGISTRATION'",
        "UPDATE model_versions SET storage_location = source || '/../model'",
        "UPDATE model_versions SET source = 'models:/loan/1', storage_location = NULL",
        "UPDATE model_versions SET source = source || '?x', storage_location = NULL",
        "UPDATE model_versions SET source = 'file:///etc', storage_location = NULL",
        "UPDATE registered_model_aliases SET workspace = 'other'",
        "DELETE FROM registered_model_aliases",
        "DROP TABLE registered_model_aliases",
    ],
)
def test_whatever_is_not_as_a_release_leaves_it_is_mlflow_s_to_answer(
    release: Publication, change: str
) -> None:
    here = installation_at(Path())
    publish(release, here)
    assert find_own_version("loan", "candidate", here) is not None
    with closing(sqlite3.connect(here.home / "mlflow.db")) as connection, connection:
        connection.execute(change)
    assert find_own_version("loan", "candidate", here) is None


def test_a_registry_elsewhere_is_not_looked_for_in_the_own_file(release: Publication) -> None:
    here = installation_at(Path())
    publish(release, here)
    for settings in (
        replace(here.settings, tracking_uri="http://127.0.0.1:1"),
        replace(here.settings, release_bucket_url="s3://models"),
    ):
        assert find_own_version("loan", "candidate", replace(here, settings=settings)) is None


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://mlflow:s3cret@db/mlflow",
        "postgresql://mlflow:s3cret/@x@db/mlflow",
        "https://mlflow:a/s3cret@db/mlflow",
        "postgresql://db/mlflow?user=mlflow&password=s3cret",
        "https://db/mlflow#s3cret",
    ],
)
def test_an_address_is_shown_without_its_password(uri: str) -> None:
    assert without_password(uri).endswith("://db/mlflow")


def test_a_path_of_this_machine_is_shown_whole() -> None:
    uri = "sqlite:////home/ann@bank/mlflow.db"
    assert without_password(uri) == uri
