"""Versions travel to a folder and to an S3 server, and back into a workspace without a cache."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from tests.flows.workspace import Workspace

pytestmark = pytest.mark.integration


@pytest.fixture
def s3() -> Iterator[str]:
    """An S3 server on 127.0.0.1 with one bucket; yields its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        import boto3

        address = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id="k",
            aws_secret_access_key="s",
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="versions")
        yield address
    finally:
        server.stop()


def lose_and_pull(workspace: Workspace, **environment: Any) -> None:
    """Delete the cache and every cached output; `dvc pull` must bring back the very same bytes."""
    kept = {
        name: workspace.path(name).read_bytes()
        for name in ("redact/rows.parquet", "train/model/scorer.json")
    }
    shutil.rmtree(workspace.root / ".dvc" / "cache")
    for name in kept:
        workspace.path(name).unlink()
    workspace.dvc("pull", **environment)
    assert {name: workspace.path(name).read_bytes() for name in kept} == kept
    status = workspace.dvc("status", "--json").stdout
    assert "changed outs" not in status


def test_a_folder_as_remote(workspace: Workspace, tmp_path: Path) -> None:
    workspace.dvc("remote", "add", "--default", "store", str(tmp_path / "remote"))
    workspace.dvc("push")
    lose_and_pull(workspace)


def test_an_s3_server_as_remote(workspace: Workspace, s3: str) -> None:
    keys: Any = {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    workspace.dvc("remote", "add", "--default", "store", "s3://versions/portcullis")
    workspace.dvc("remote", "modify", "store", "endpointurl", s3)
    workspace.dvc("push", **keys)
    lose_and_pull(workspace, **keys)
