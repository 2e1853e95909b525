"""One S3 server for the room's tests; each test has keys of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.registry_bucket import ReleaseBucket
from tests.services import BUCKET, KEEP_DAYS, S3, s3


@pytest.fixture(scope="package")
def store() -> Iterator[S3]:
    with s3() as running:
        yield running


@pytest.fixture
def bucket(store: S3) -> ReleaseBucket:
    return ReleaseBucket(store.client("worker"), BUCKET, "", KEEP_DAYS)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    folder = tmp_path / "packed"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
    (folder / "data" / "model.txt").write_text("weights\n", encoding="utf-8")
    return folder
