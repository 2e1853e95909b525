"""Attempts to change what lies in the release bucket, each by a real client of the real server.

After each the object is read again, by version and without one, and is compared with what it was.
"""

import json
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.services import BUCKET, S3

BODY = b"weights of the model\n"
# An action by an account on the bucket, the key and its one version.
Attempt = Callable[[Any, str, str], object]


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


def put_in_parts(client: Any, key: str, _: str) -> None:
    begun = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = client.upload_part(Bucket=BUCKET, Key=key, UploadId=begun, PartNumber=1, Body=b"other")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=begun, MultipartUpload=parts, IfNoneMatch="*"
    )


def put_by_a_url(client: Any, key: str, _: str) -> None:
    url = client.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key})
    send(urllib.request.Request(url, data=b"other", method="PUT"))


def delete_by_a_url(client: Any, key: str, version: str) -> None:
    url = client.generate_presigned_url(
        "delete_object", Params={"Bucket": BUCKET, "Key": key, "VersionId": version}
    )
    send(urllib.request.Request(url, method="DELETE"))


def post_a_form(client: Any, key: str, _: str) -> None:
    form = client.generate_presigned_post(BUCKET, key) if client.meta else {}
    lines = b""
    for name, value in {**form["fields"], "file": "other"}.items():
        lines += f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    send(urllib.request.Request(form["url"], data=lines + b"--b--\r\n", headers=headers))


def send(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=10):
        pass


def allow_all(client: Any, _key: str, _version: str) -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


WRITES: dict[str, Attempt] = {
    "overwrite": lambda c, key, _: c.put_object(Bucket=BUCKET, Key=key, Body=b"other"),
    "overwrite if it matches": lambda c, key, _: c.put_object(
        Bucket=BUCKET, Key=key, Body=b"other", IfMatch=c.head_object(Bucket=BUCKET, Key=key)["ETag"]
    ),
    "write beside it": lambda c, key, _: c.put_object(Bucket=BUCKET, Key=f"{key}.pkl", Body=b"x"),
    "copy over": lambda c, key, _: c.copy_object(
        Bucket=BUCKET, Key=key, CopySource=f"{BUCKET}/{key}", MetadataDirective="REPLACE"
    ),
    "in parts": put_in_parts,
    "by a presigned URL": put_by_a_url,
    "by a form": post_a_form,
}
REMOVALS: dict[str, Attempt] = {
    "a delete marker": lambda c, key, _: c.delete_object(Bucket=BUCKET, Key=key),
    "delete the version": lambda c, key, version: c.delete_object(
        Bucket=BUCKET, Key=key, VersionId=version
    ),
    "delete several": lambda c, key, version: c.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": key, "VersionId": version}, {"Key": key}]}
    ),
    "bypass governance": lambda c, key, version: c.delete_object(
        Bucket=BUCKET, Key=key, VersionId=version, BypassGovernanceRetention=True
    ),
    "shorten the retention": lambda c, key, version: c.put_object_retention(
        Bucket=BUCKET,
        Key=key,
        VersionId=version,
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": soon()},
        BypassGovernanceRetention=True,
    ),
    "a weaker mode": lambda c, key, version: c.put_object_retention(
        Bucket=BUCKET,
        Key=key,
        VersionId=version,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon()},
        BypassGovernanceRetention=True,
    ),
    "no retention": lambda c, key, version: c.put_object_retention(
        Bucket=BUCKET, Key=key, VersionId=version, Retention={}, BypassGovernanceRetention=True
    ),
    "delete by a presigned URL": delete_by_a_url,
    "delete the bucket": lambda c, _key, _version: c.delete_bucket(Bucket=BUCKET),
    "suspend versions": lambda c, _key, _version: c.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
    ),
    "a lifecycle": lambda c, _key, _version: c.put_bucket_lifecycle_configuration(
        Bucket=BUCKET,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "all",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Expiration": {"Days": 1},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                }
            ]
        },
    ),
}
TAKEOVERS: dict[str, Attempt] = {
    "another policy": allow_all,
    "no policy": lambda c, _key, _version: c.delete_bucket_policy(Bucket=BUCKET),
    "no default retention": lambda c, _key, _version: c.put_object_lock_configuration(
        Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    ),
    "a public list": lambda c, _key, _version: c.put_bucket_acl(
        Bucket=BUCKET, ACL="public-read-write"
    ),
}
# Of these SeaweedFS does not ask the bucket's policy where an administrator makes them.
UNASKED = ("by a form", "delete several")
REFUSALS = (ClientError, BotoCoreError, urllib.error.HTTPError, KeyError)


@pytest.fixture(scope="module")
def lying(store: S3) -> Callable[[str], tuple[str, str]]:
    """Return what writes one locked object, and gives its key and version."""

    def put(name: str) -> tuple[str, str]:
        key = f"attempts/{name.replace(' ', '-')}/model.txt"
        answer = store.client("worker").put_object(
            Bucket=BUCKET,
            Key=key,
            Body=BODY,
            IfNoneMatch="*",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=datetime.now(UTC) + timedelta(days=1),
        )
        return key, answer["VersionId"]

    return put


def state(store: S3, key: str) -> dict[str, Any]:
    """Return everything that counts: versions, marks, bytes, lock, and the bucket's settings."""
    owner = store.client("owner")
    listed = owner.list_object_versions(Bucket=BUCKET, Prefix=key)
    current = owner.get_object(Bucket=BUCKET, Key=key)
    return {
        "versions": [(item["Key"], item["VersionId"]) for item in listed.get("Versions", [])],
        "markers": len(listed.get("DeleteMarkers", [])),
        "body": current["Body"].read(),
        "lock": (current["ObjectLockMode"], current["ObjectLockRetainUntilDate"]),
        "policy": json.loads(owner.get_bucket_policy(Bucket=BUCKET)["Policy"]),
        "versioning": owner.get_bucket_versioning(Bucket=BUCKET)["Status"],
        "default": owner.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"],
        "grants": owner.get_bucket_acl(Bucket=BUCKET)["Grants"],
    }


@pytest.mark.parametrize("account", ["reader", "nobody"])
@pytest.mark.parametrize("name", [*WRITES, *REMOVALS, *TAKEOVERS])
def test_whoever_may_only_read_changes_nothing(
    store: S3, lying: Callable[[str], tuple[str, str]], account: str, name: str
) -> None:
    key, version = lying(f"{account} {name}")
    before = state(store, key)
    attempt = {**WRITES, **REMOVALS, **TAKEOVERS}[name]
    with suppress(*REFUSALS):
        attempt(store.client(account), key, version)
    assert state(store, key) == before


@pytest.mark.parametrize("name", [*REMOVALS, *TAKEOVERS])
def test_the_worker_cannot_undo_what_it_wrote(
    store: S3, lying: Callable[[str], tuple[str, str]], name: str
) -> None:
    key, version = lying(f"worker {name}")
    before = state(store, key)
    with suppress(*REFUSALS):
        {**REMOVALS, **TAKEOVERS}[name](store.client("worker"), key, version)
    assert state(store, key) == before


@pytest.mark.parametrize("name", [name for name in (*WRITES, *REMOVALS) if name not in UNASKED])
def test_nor_does_the_owner_of_the_account_change_an_object(
    store: S3, lying: Callable[[str], tuple[str, str]], name: str
) -> None:
    key, version = lying(f"owner {name}")
    before = state(store, key)
    with suppress(*REFUSALS):
        {**WRITES, **REMOVALS}[name](store.client("owner"), key, version)
    assert state(store, key) == before


@pytest.mark.parametrize("name", UNASKED)
def test_an_owner_whose_account_was_left_there_takes_no_locked_version_away(
    store: S3, lying: Callable[[str], tuple[str, str]], name: str
) -> None:
    key, version = lying(f"owner {name}")
    with suppress(*REFUSALS):
        {**WRITES, **REMOVALS}[name](store.client("owner"), key, version)
    answer = store.client("reader").get_object(Bucket=BUCKET, Key=key, VersionId=version)
    assert (answer["Body"].read(), answer["ObjectLockMode"]) == (BODY, "COMPLIANCE")


def test_the_owner_without_the_policy_still_deletes_no_locked_version(
    store: S3, lying: Callable[[str], tuple[str, str]]
) -> None:
    key, version = lying("owner without policy")
    owner = store.client("owner")
    policy = owner.get_bucket_policy(Bucket=BUCKET)["Policy"]
    owner.delete_bucket_policy(Bucket=BUCKET)
    try:
        for name in ("delete the version", "bypass governance", "shorten the retention"):
            with pytest.raises(ClientError):
                REMOVALS[name](owner, key, version)
        with pytest.raises(ClientError):
            REMOVALS["delete the bucket"](owner, key, version)
    finally:
        owner.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    answer = store.client("reader").get_object(Bucket=BUCKET, Key=key, VersionId=version)
    assert answer["Body"].read() == BODY


# What the server's inner ports are asked: name of the port, method, path.
INNER = (
    ("filer", "DELETE", "/buckets/{bucket}/{key}"),
    ("filer", "DELETE", "/buckets/{bucket}?recursive=true&ignoreRecursiveError=true"),
    ("filer", "PUT", "/buckets/{bucket}/{key}"),
    ("filer", "POST", "/.tus/buckets/{bucket}/{key}"),
    ("filer", "GET", "/buckets/{bucket}/{key}"),
    ("master", "GET", "/col/delete?collection={bucket}"),
    ("master", "GET", "/dir/lookup?volumeId=1&fileId=1,01"),
    ("master", "GET", "/dir/assign?collection={bucket}"),
    ("master", "POST", "/submit"),
    ("volume", "DELETE", "/1,01"),
    ("volume", "GET", "/admin/delete_collection?collection={bucket}"),
)


@pytest.mark.parametrize(("port", "method", "path"), INNER)
def test_no_inner_port_serves_who_has_no_credentials(
    store: S3, lying: Callable[[str], tuple[str, str]], port: str, method: str, path: str
) -> None:
    key, _ = lying(f"inner {INNER.index((port, method, path))}")
    before = state(store, key)
    url = f"http://127.0.0.1:{store.ports[port]}{path.format(bucket=BUCKET, key=key)}"
    data = b"other" if method in ("PUT", "POST") else None
    with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)):
        send(urllib.request.Request(url, data=data, method=method))
    assert state(store, key) == before


@pytest.mark.parametrize("name", ["filer.sock", "s3.sock"])
def test_its_sockets_lie_where_nobody_else_comes(store: S3, name: str) -> None:
    assert store.folder.stat().st_mode & 0o077 == 0
    if (store.folder / name).exists():
        assert (store.folder / name).is_socket()


def shake_hands(port: int, context: ssl.SSLContext) -> bytes:
    """Return what a gRPC port says first: HTTP/2's SETTINGS, if it talks to us at all."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="inner") as channel,
    ):
        channel.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        return channel.recv(9)


@pytest.mark.parametrize("component", ["master", "volume", "filer", "s3"])
def test_grpc_talks_to_holders_of_the_servers_own_certificate_alone(
    store: S3, component: str
) -> None:
    port = store.ports[f"{component}.grpc"]
    context = ssl.create_default_context(cafile=str(store.folder / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        shake_hands(port, context)

    context.load_cert_chain(store.folder / "inner.pem", store.folder / "inner.key")
    assert shake_hands(port, context)[3] == 4  # the type of a SETTINGS frame (RFC 9113, 6.5)


@pytest.mark.parametrize("component", ["master", "volume", "filer", "s3"])
def test_grpc_without_tls_is_refused(store: S3, component: str) -> None:
    with socket.create_connection(("127.0.0.1", store.ports[f"{component}.grpc"]), 10) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        try:
            answer = plain.recv(9)
        except ConnectionError:
            answer = b""
    assert answer[3:4] != b"\x04"


def test_it_listens_on_no_other_port_and_no_other_address(store: S3) -> None:
    table = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=False).stdout
    mine = [line.split()[3] for line in table.splitlines() if f":{store.ports['s3']} " in line]
    assert mine in ([], [f"127.0.0.1:{store.ports['s3']}"])
