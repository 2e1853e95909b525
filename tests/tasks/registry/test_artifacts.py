"""Publishing into the release bucket of a real S3 server, and reading back from there."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.registry import Publication, publish
from tasks.registry.artifacts import SOURCE_TAG, BucketArtifacts
from tasks.registry.client import find_published, registry_uri
from tasks.registry.loading import fetch_model, load_fetched
from tests.installations import installation_at
from tests.models import applicants
from tests.publications import publication
from tests.services import BUCKET, S3, s3

pytestmark = [
    pytest.mark.integration,
    # MLflow 3.17 leaves SQLite connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def store() -> Iterator[S3]:
    with s3() as running:
        yield running


@pytest.fixture
def release(store: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publication:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in store.environment("worker").items():
        monkeypatch.setenv(name, value)
    return publication(tmp_path).model_copy(update={"clearance": b"archive"})


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(registry_uri(installation_at(Path())))


def keys(store: S3, beginning: str = "") -> list[str]:
    answer = store.client("reader").list_objects_v2(Bucket=BUCKET, Prefix=beginning)
    return [item["Key"] for item in answer.get("Contents", [])]


def find(release: Publication) -> str:
    return find_published(
        "loan", "candidate", release.model_folder, release.model_sha256, installation_at(Path())
    )


def test_model_and_documents_lie_in_the_bucket_locked_and_are_loaded_from_there(
    release: Publication, store: S3, tmp_path: Path
) -> None:
    published = publish(release, installation_at(Path()))
    (version,) = client().search_model_versions("name = 'loan'")
    run = client().get_run(published.run_id)
    assert run.info.artifact_uri == f"s3://{BUCKET}/{published.run_id}/artifacts"
    assert version.source == f"{run.info.artifact_uri}/{run.data.tags[SOURCE_TAG]}"
    assert run.data.tags[SOURCE_TAG].startswith("sha256/")

    written = keys(store, f"{published.run_id}/")
    assert any(key.endswith("evidence/fairness/verdict.json") for key in written)
    assert any(key.endswith("evidence/clearance-41.zip") for key in written)
    for key in written:
        head = store.client("worker").head_object(Bucket=BUCKET, Key=key)
        assert head["ObjectLockMode"] == "COMPLIANCE"
    assert not list((tmp_path / "home").rglob("MLmodel"))

    folder = tmp_path / "fetched"
    folder.mkdir()
    fetched = fetch_model("models:/loan@candidate", folder, installation_at(Path()))
    assert fetched.model_sha256 == release.model_sha256
    rows = applicants().dropna().head(3)[["income"]]
    assert len(load_fetched(fetched).predict(rows)) == 3


def test_a_second_call_writes_nothing_and_makes_no_second_version(
    release: Publication, store: S3
) -> None:
    first = publish(release, installation_at(Path()))
    before = keys(store)
    again = publish(release, installation_at(Path()))
    assert (again.is_new, again.version) == (False, first.version)
    assert keys(store) == before
    assert find(release) == first.version


@pytest.mark.parametrize("moment", ["write_document", "write_model"])
def test_a_call_that_was_killed_leaves_a_run_that_nobody_goes_on_with(
    release: Publication, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    real = getattr(BucketArtifacts, moment)

    def die(*arguments: Any) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(BucketArtifacts, moment, die)
        with pytest.raises(KeyboardInterrupt):
            publish(release, installation_at(Path()))
    assert client().search_registered_models()[0].latest_versions == []

    # The page of a release names the entry of its decision, and has other words the next time.
    (document,) = release.documents.values()
    document.write_text('{"entry": 43}')
    published = publish(release, installation_at(Path()))
    assert published.is_new
    experiment = client().get_experiment_by_name("loan")
    runs = client().search_runs([experiment.experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]
    assert find(release) == published.version


def test_another_current_version_of_an_object_is_no_published_model(
    release: Publication, store: S3
) -> None:
    published = publish(release, installation_at(Path()))
    key = next(key for key in keys(store, published.run_id) if key.endswith("scorer.json"))
    # The owner's account, which a server in use does not have, posts past the bucket's policy.
    owner = store.client("owner")
    form = owner.generate_presigned_post(BUCKET, key)
    import httpx

    answer = httpx.post(form["url"], data=form["fields"], files={"file": b"{}"})
    assert answer.status_code < 300
    with pytest.raises(EvidenceError, match="the registry stored it"):
        find(release)
    with pytest.raises(EvidenceError, match="the registry stored it"):
        publish(release, installation_at(Path()))


def test_a_tag_of_the_run_leads_to_no_other_bytes(release: Publication) -> None:
    published = publish(release, installation_at(Path()))
    for place in ("evidence", "../../elsewhere", "sha256/" + "0" * 64):
        client().set_tag(published.run_id, SOURCE_TAG, place)
        with pytest.raises(EvidenceError):
            publish(release, installation_at(Path()))


def test_an_experiment_of_before_the_bucket_is_not_written_to(
    release: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("PORTCULLIS_RELEASE_BUCKET")
        before = publish(release, installation_at(Path()))
    with pytest.raises(ConfigError, match=r"another `register\.experiment`"):
        publish(release, installation_at(Path()))
    assert find(release) == before.version  # what is there is read where it lies

    moved = release.model_copy(update={"experiment": "loan-releases"})
    after = publish(moved, installation_at(Path()))
    assert (after.is_new, after.version) == (True, "2")


def test_without_the_store_nothing_is_registered(
    release: Publication, store: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store.accounts["reader"].secret_key)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", store.accounts["reader"].access_key)
    with pytest.raises(ServiceError, match="AccessDenied"):
        publish(release, installation_at(Path()))
    assert client().search_model_versions("name = 'loan'") == []
    shutil.rmtree(os.environ["PORTCULLIS_HOME"])
