"""Make a bucket into one that releases may be written to; to be run by whoever owns the account."""

import json
import re
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError
from tasks.registry_bucket.storing import LOCK_MODE

POLICY = Path("deploy/registry/release-bucket-policy.json")
IS_THERE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ACCOUNT = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)


def prepare_bucket(client: Any, name: str, keep_days: int, policy: str) -> None:
    """Create a bucket with Object Lock, a default retention and a policy.

    It goes on with what an interrupted call began. Of a bucket that has its policy nothing is
    changed any more: the policy denies that to everybody, and the store's refusal is raised.

    The default is for what somebody writes without naming a retention: the worker always names one.

    Args:
        client: Of botocore, as the owner of the account.
        name: The bucket's.
        keep_days: How long objects are locked by default.
        policy: As `policy_of` returns it.
    """
    from botocore.exceptions import ClientError

    try:
        # Object Lock turns versioning on, and neither can be turned off again (Amazon S3, "Object
        # Lock considerations").
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    except ClientError as error:
        # One that is there stays as it is: whether it has Object Lock, the check says.
        if error.response["Error"]["Code"] not in IS_THERE:
            raise

    client.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": LOCK_MODE, "Days": keep_days}},
        },
    )
    # Last, for it takes the right to change the above from everybody.
    client.put_bucket_policy(Bucket=name, Policy=policy)


def policy_of(bucket: str, writer: str, workspace: Path) -> str:
    """Return the committed policy for one bucket and the account that writes.

    Raises:
        ConfigError: A name is none, or would widen the policy.
    """
    # `*` in a name would let others write, and a quote would end the string in the policy.
    if not NAME.fullmatch(bucket) or not ACCOUNT.fullmatch(writer):
        raise ConfigError(
            "release bucket",
            expected="the name of a bucket, and that of the account that writes",
            found="something else",
            remedy="Name one bucket and one account, without `*`.",
        )
    text = (workspace / POLICY).read_text(encoding="utf-8")

    # Read as JSON once more, so that a name that breaks the policy is found here.
    return json.dumps(json.loads(text.replace("BUCKET", bucket).replace("WRITER", writer)))
