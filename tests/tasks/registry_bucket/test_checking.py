"""The checks of a bucket: the prepared one holds, and each fault is seen."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError

from tasks.errors import ConfigError
from tasks.gates import Outcome
from tasks.registry_bucket import ReleaseBucket, anonymous_client, check_bucket
from tasks.registry_bucket.checking import _allows_nobody
from tasks.registry_bucket.preparing import policy_of, prepare_bucket
from tests.services import BUCKET, S3


@pytest.fixture
def owned(store: S3) -> ReleaseBucket:
    return ReleaseBucket(store.client("owner"), BUCKET, "", 1)


def outcomes(bucket: ReleaseBucket) -> dict[str, Outcome]:
    checks = check_bucket(bucket, anonymous_client(bucket))
    return {check.id.removeprefix("bucket."): check.outcome for check in checks}


def test_the_prepared_bucket_holds(owned: ReleaseBucket) -> None:
    found = outcomes(owned)
    # SeaweedFS has no such call; what it cannot say is no pass.
    assert found.pop("public_access_block") is Outcome.UNDECIDED
    assert set(found.values()) == {Outcome.PASS}
    assert len(found) == 9


def test_who_may_not_ask_is_told_nothing_is_known(store: S3) -> None:
    bucket = ReleaseBucket(store.client("nobody"), BUCKET, "", 1)
    found = outcomes(bucket)
    assert found.pop("anonymous") is Outcome.PASS
    assert set(found.values()) == {Outcome.UNDECIDED}


def test_a_bucket_without_anything_fails(store: S3) -> None:
    store.client("owner").create_bucket(Bucket="plain")
    found = outcomes(ReleaseBucket(store.client("owner"), "plain", "", 1))
    for name in ("versioning", "object_lock", "default_retention", "writers", "deletes"):
        assert found[name] is Outcome.FAIL, name


class Answering:
    """A client with one answer of its own; all else the real one answers."""

    def __init__(self, client: Any, call: str, answer: object) -> None:
        self._client = client
        self._call = call
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        if name != self._call:
            return getattr(self._client, name)
        return lambda **_: self._answer


@pytest.mark.parametrize(
    "condition",
    [
        '"StringNotEquals": {"aws:username": ["worker", "other"]}',
        '"StringNotEquals": {"aws:username": "worker"}, "Bool": {"x": "y"}',
    ],
)
def test_a_denial_that_spares_more_than_one_is_none(owned: ReleaseBucket, condition: str) -> None:
    policy = json.loads(owned.client.get_bucket_policy(Bucket=BUCKET)["Policy"])
    policy["Statement"][0]["Condition"] = json.loads(f"{{{condition}}}")
    answering = Answering(owned.client, "get_bucket_policy", {"Policy": json.dumps(policy)})
    assert outcomes(ReleaseBucket(answering, BUCKET, "", 1))["writers"] is Outcome.FAIL


@pytest.mark.parametrize(
    ("position", "field", "value", "check"),
    [
        (0, "Action", ["s3:PutObject"], "writers"),
        (0, "Resource", f"arn:aws:s3:::{BUCKET}/x/*", "writers"),
        (0, "Principal", {"AWS": "arn:aws:iam::1:user/reader"}, "writers"),
        (0, "Effect", "Allow", "policy_allows"),
        (1, "Action", ["s3:DeleteObject"], "deletes"),
        (1, "Condition", {"StringNotEquals": {"aws:username": "worker"}}, "deletes"),
        (2, "Action", ["s3:DeleteBucket"], "configuration"),
    ],
)
def test_a_weakened_statement_is_seen(
    owned: ReleaseBucket, position: int, field: str, value: object, check: str
) -> None:
    policy = json.loads(owned.client.get_bucket_policy(Bucket=BUCKET)["Policy"])
    policy["Statement"][position][field] = value
    answering = Answering(owned.client, "get_bucket_policy", {"Policy": json.dumps(policy)})
    assert outcomes(ReleaseBucket(answering, BUCKET, "", 1))[check] is Outcome.FAIL


@pytest.mark.parametrize(
    ("call", "answer", "check"),
    [
        ("get_bucket_versioning", {"Status": "Suspended"}, "versioning"),
        (
            "get_object_lock_configuration",
            {
                "ObjectLockConfiguration": {
                    "ObjectLockEnabled": "Enabled",
                    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 9}},
                }
            },
            "default_retention",
        ),
        (
            "get_bucket_acl",
            {
                "Grants": [
                    {"Grantee": {"URI": "http://acs.amazonaws.com/groups/global/AllUsers"}},
                ]
            },
            "acl",
        ),
        (
            "get_public_access_block",
            {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
            "public_access_block",
        ),
    ],
)
def test_each_weak_setting_is_seen(
    owned: ReleaseBucket, call: str, answer: object, check: str
) -> None:
    bucket = ReleaseBucket(Answering(owned.client, call, answer), BUCKET, "", 1)
    assert outcomes(bucket)[check] is Outcome.FAIL


def test_a_bucket_that_answers_anybody_is_seen(store: S3, owned: ReleaseBucket) -> None:
    checks = check_bucket(owned, store.client("reader"))
    assert checks[-1].line() == "fail: bucket.anonymous: answers without credentials"


def test_a_policy_is_of_one_bucket_and_one_writer() -> None:
    workspace = Path(__file__).resolve().parents[3]
    for bucket, writer in (("*", "worker"), ("releases", "*"), ("releases", 'w","x')):
        with pytest.raises(ConfigError):
            policy_of(bucket, writer, workspace)


def test_a_prepared_bucket_is_changed_by_nobody(store: S3) -> None:
    workspace = Path(__file__).resolve().parents[3]
    policy = policy_of("prepared", "worker", workspace)
    prepare_bucket(store.client("owner"), "prepared", 1, policy)
    # Its own policy keeps everybody from setting the retention again, and the owner as well.
    with pytest.raises(ClientError, match="AccessDenied"):
        prepare_bucket(store.client("owner"), "prepared", 2, policy)


# Whom a policy lets in, by its words alone: no server is asked


def bucket_that_allows(principal: Any) -> ReleaseBucket:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:*", "Resource": "*"}
    client = MagicMock()
    client.get_bucket_policy.return_value = {"Policy": json.dumps({"Statement": [statement]})}
    return ReleaseBucket(client, "bucket", "", 1)


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": ["*"]},
        {"AWS": ["arn:aws:iam::1:user/worker", "*"]},
        {"AWS": "arn:aws:iam::1:user/worker", "CanonicalUser": "*"},
        {"Federated": "*"},
        ["*"],
    ],
)
def test_everybody_is_seen_however_it_is_spelt(principal: Any) -> None:
    holds, _ = _allows_nobody(bucket_that_allows(principal))
    assert not holds


@pytest.mark.parametrize("principal", ["arn:aws:iam::1:root", {"AWS": ["arn:aws:iam::1:root"]}])
def test_an_account_is_not_everybody(principal: Any) -> None:
    holds, _ = _allows_nobody(bucket_that_allows(principal))
    assert holds
