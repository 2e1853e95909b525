"""Packed models in the real bucket: written once, by the worker alone, and safe to repeat."""

from pathlib import Path

import pytest

from tasks.errors import ConfigError, DataError, EvidenceError, ServiceError
from tasks.formats.digests import sha256_of
from tasks.registry_bucket import ReleaseBucket, open_bucket, store_folder, store_model
from tests.installations import settings_now
from tests.services import BUCKET, KEEP_DAYS, S3

RUN = f"s3://{BUCKET}/loan"


def names(store: S3, run: str) -> list[str]:
    prefix = run.removeprefix(f"s3://{BUCKET}/")
    answer = store.client("reader").list_object_versions(Bucket=BUCKET, Prefix=f"{prefix}/")
    return sorted(item["Key"].removeprefix(f"{prefix}/") for item in answer.get("Versions", []))


def test_a_model_lies_under_the_digest_of_its_bytes_and_is_locked(
    store: S3, bucket: ReleaseBucket, packed: Path
) -> None:
    stored = store_model(packed, f"{RUN}/1/artifacts", bucket)
    digest = sha256_of(packed)
    assert (stored.source, stored.is_new) == (f"{RUN}/1/artifacts/sha256/{digest}", True)
    key = f"loan/1/artifacts/sha256/{digest}/data/model.txt"
    answer = store.client("reader").get_object(Bucket=BUCKET, Key=key)
    assert answer["Body"].read() == b"weights\n"
    assert answer["ObjectLockMode"] == "COMPLIANCE"


def test_stored_again_it_has_one_version_of_each_object(
    store: S3, bucket: ReleaseBucket, packed: Path
) -> None:
    store_model(packed, f"{RUN}/2/artifacts", bucket)
    before = names(store, f"{RUN}/2")
    assert not store_model(packed, f"{RUN}/2/artifacts", bucket).is_new
    assert names(store, f"{RUN}/2") == before
    assert len(before) == 2


class DyingClient:
    """A client whose process ends before one of its PUTs."""

    def __init__(self, client: object, puts: int) -> None:
        self._client = client
        self._puts = puts

    def __getattr__(self, name: str) -> object:
        if name == "put_object":
            self._puts -= 1
            if self._puts < 0:
                raise KeyboardInterrupt
        return getattr(self._client, name)


@pytest.mark.parametrize("puts", [0, 1])
def test_what_a_killed_worker_began_the_next_one_finishes(
    store: S3, bucket: ReleaseBucket, packed: Path, puts: int
) -> None:
    run = f"{RUN}/killed-{puts}"
    dying = ReleaseBucket(DyingClient(bucket.client, puts), BUCKET, "", KEEP_DAYS)
    with pytest.raises(KeyboardInterrupt):
        store_model(packed, run, dying)
    assert len(names(store, run)) == puts
    assert store_model(packed, run, bucket).is_new
    assert len(names(store, run)) == 2


def test_other_bytes_under_a_name_are_an_error(bucket: ReleaseBucket, packed: Path) -> None:
    key = f"loan/3/sha256/{sha256_of(packed)}/data/model.txt"
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=b"Weights\n")
    with pytest.raises(EvidenceError, match="another"):
        store_model(packed, f"{RUN}/3", bucket)


@pytest.mark.parametrize("body", [b"weights", b"weights\n\n"])
def test_a_shorter_or_longer_object_is_another(
    bucket: ReleaseBucket, packed: Path, body: bytes
) -> None:
    run = f"{RUN}/length-{len(body)}"
    key = f"{run.removeprefix(f's3://{BUCKET}/')}/sha256/{sha256_of(packed)}/data/model.txt"
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=body)
    with pytest.raises(EvidenceError, match="another"):
        store_model(packed, run, bucket)


def test_an_object_that_was_never_sent_is_an_error(bucket: ReleaseBucket, packed: Path) -> None:
    key = f"loan/4/sha256/{sha256_of(packed)}/data/more.pkl"
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=b"")
    with pytest.raises(EvidenceError, match="others"):
        store_model(packed, f"{RUN}/4", bucket)


def test_a_reader_cannot_store(store: S3, packed: Path) -> None:
    bucket = ReleaseBucket(store.client("reader"), BUCKET, "", KEEP_DAYS)
    with pytest.raises(ServiceError, match="AccessDenied"):
        store_model(packed, f"{RUN}/5", bucket)
    assert names(store, f"{RUN}/5") == []


def test_a_link_is_not_followed(bucket: ReleaseBucket, packed: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (packed / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="link"):
        store_model(packed, f"{RUN}/6", bucket)


@pytest.mark.parametrize("is_file", [True, False])
def test_what_the_caller_names_by_a_link_is_stored(
    store: S3, bucket: ReleaseBucket, tmp_path: Path, is_file: bool
) -> None:
    """A worker's run folder holds links to what it reads."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "report.json").write_text("{}")
    link = tmp_path / "report.json"
    link.symlink_to(real / "report.json" if is_file else real)
    place = f"{RUN}/by-link-{is_file}/artifacts/evidence"
    assert store_folder(link, place, bucket)
    assert names(store, place) == ["report.json"]


@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_to_store_is_an_error(
    bucket: ReleaseBucket, tmp_path: Path, is_there: bool
) -> None:
    folder = tmp_path / "page"
    if is_there:
        folder.mkdir()
    with pytest.raises(DataError, match="found an empty folder" if is_there else "found nothing"):
        store_folder(folder, f"{RUN}/nothing/artifacts/page", bucket)


@pytest.mark.parametrize(
    "uri", ["file:///tmp/x", "s3://another/loan", "mlflow-artifacts:/loan", "s3://releases.x/loan"]
)
def test_a_run_whose_artifacts_lie_elsewhere_is_refused(
    bucket: ReleaseBucket, packed: Path, uri: str
) -> None:
    with pytest.raises(ConfigError):
        store_model(packed, uri, bucket)


def test_a_store_that_is_down_is_said(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORTCULLIS_RELEASE_BUCKET": f"s3://{BUCKET}/all",
        "PORTCULLIS_RELEASE_BUCKET_DAYS": "3",
        "PORTCULLIS_RELEASE_BUCKET_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = open_bucket(settings_now())
    assert bucket is not None
    assert (bucket.url, bucket.prefix, bucket.keep_days) == (f"s3://{BUCKET}/all", "all/", 3)
    with pytest.raises(ServiceError, match="EndpointConnectionError"):
        store_model(packed, f"{bucket.url}/1", bucket)


def test_without_a_setting_there_is_no_bucket() -> None:
    assert open_bucket(settings_now()) is None


@pytest.mark.parametrize(
    ("url", "days"),
    [("s3://b", ""), ("s3://b", "0"), ("s3://b", "1.5"), ("b", "1"), ("s3:///", "1")],
)
def test_a_bucket_without_days_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, days: str
) -> None:
    monkeypatch.setenv("PORTCULLIS_RELEASE_BUCKET", url)
    monkeypatch.setenv("PORTCULLIS_RELEASE_BUCKET_DAYS", days)
    with pytest.raises(ConfigError, match="no days"):
        open_bucket(settings_now())
