"""`registry-bucket`: what a bucket lacks is said, and the exit code follows it."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli.registry import registry_bucket
from tasks.errors import ConfigError
from tasks.gates import Outcome
from tasks.registry_bucket import BucketCheck
from tests.flows.cli.running import run
from tests.installations import installation_at


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[BucketCheck]:
    """What the bucket answers; the room's own tests ask a real server."""
    answers: list[BucketCheck] = []
    monkeypatch.setenv("PORTCULLIS_RELEASE_BUCKET", "s3://releases")
    monkeypatch.setenv("PORTCULLIS_RELEASE_BUCKET_DAYS", "30")
    monkeypatch.setattr("tasks.registry_bucket.check_bucket", lambda *_: tuple(answers))
    return answers


@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome.PASS, 0), (Outcome.FAIL, 3), (Outcome.UNDECIDED, 3)]
)
def test_anything_but_a_pass_is_a_deviation(
    bucket: list[BucketCheck],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome,
    code: int,
) -> None:
    bucket.append(BucketCheck("bucket.versioning", Outcome.PASS, "versioning is Enabled"))
    bucket.append(BucketCheck("bucket.acl", outcome, "text"))
    assert run(registry_bucket, installation_at(tmp_path), "--check", "--json") == code
    values: Any = json.loads(capsys.readouterr().out)
    assert [item["id"] for item in values["checks"]] == ["bucket.versioning", "bucket.acl"]
    assert run(registry_bucket, installation_at(tmp_path)) == 0
    assert capsys.readouterr().out.startswith("pass: bucket.versioning")


def test_without_a_bucket_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PORTCULLIS_RELEASE_BUCKET"):
        run(registry_bucket, installation_at(tmp_path), "--check")
