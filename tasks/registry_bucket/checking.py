"""Whether a bucket is one that releases may be written to: a line for each thing it has to be."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tasks.gates import Outcome
from tasks.registry_bucket.storing import LOCK_MODE, ReleaseBucket

# The ways in which a policy spells everybody, and the groups in which an ACL does.
EVERYBODY = ("*", {"AWS": "*"}, {"AWS": ["*"]})
PUBLIC_GROUPS = ("global/AllUsers", "global/AuthenticatedUsers")
# What has to be denied to all but one, and what to everybody without exception.
WRITES = frozenset({"s3:PutObject", "s3:PutObjectRetention"})
DELETES = frozenset({"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"})
OPENS = frozenset({"s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"})
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True)
class BucketCheck:
    """One thing that a release bucket has to be, and whether it is."""

    id: str
    outcome: Outcome
    text: str

    def line(self) -> str:
        """Return it as people read it."""
        return f"{self.outcome.value}: {self.id}: {self.text}"


def check_bucket(bucket: ReleaseBucket, anonymous: Any) -> tuple[BucketCheck, ...]:
    """Ask a bucket for everything that it has to be; change nothing.

    What the account may not ask, or the server does not know, is undecided, and never a pass.

    Args:
        bucket: With a client that may read the bucket's configuration.
        anonymous: A client without credentials.
    """
    # Each by itself: what cannot be asked leaves the other answers as they are.
    checks: tuple[tuple[str, Callable[[], tuple[bool, str]]], ...] = (
        ("bucket.versioning", lambda: _versioning(bucket)),
        ("bucket.object_lock", lambda: _object_lock(bucket)),
        ("bucket.default_retention", lambda: _default_retention(bucket)),
        ("bucket.writers", lambda: _writers(bucket)),
        ("bucket.deletes", lambda: _denied_to_all(bucket, DELETES, f"{_arn(bucket)}/*")),
        ("bucket.configuration", lambda: _denied_to_all(bucket, OPENS, _arn(bucket))),
        ("bucket.policy_allows", lambda: _allows_nobody(bucket)),
        ("bucket.acl", lambda: _acl(bucket)),
        ("bucket.public_access_block", lambda: _access_block(bucket)),
        ("bucket.anonymous", lambda: _anonymous(bucket, anonymous)),
    )

    return tuple(_judge(name, check) for name, check in checks)


def anonymous_client(bucket: ReleaseBucket) -> Any:
    """Return a client of the same server without credentials."""
    import botocore.session
    from botocore import UNSIGNED
    from botocore.config import Config

    meta = bucket.client.meta
    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=meta.endpoint_url,
        region_name=meta.region_name,
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 1}),
    )


def _judge(name: str, check: Callable[[], tuple[bool, str]]) -> BucketCheck:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        holds, text = check()
    except ClientError:
        text = "not measured: the server refuses the question, or does not know it"
        return BucketCheck(name, Outcome.UNDECIDED, text)
    except BotoCoreError:
        return BucketCheck(name, Outcome.UNDECIDED, "not measured: no answer")
    return BucketCheck(name, Outcome.PASS if holds else Outcome.FAIL, text)


def _versioning(bucket: ReleaseBucket) -> tuple[bool, str]:
    status = bucket.client.get_bucket_versioning(Bucket=bucket.name).get("Status")
    return status == "Enabled", f"versioning is {status or 'off'}"


def _lock(bucket: ReleaseBucket) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    try:
        answer = bucket.client.get_object_lock_configuration(Bucket=bucket.name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError":
            return {}
        raise
    configuration: dict[str, Any] = answer["ObjectLockConfiguration"]
    return configuration


def _object_lock(bucket: ReleaseBucket) -> tuple[bool, str]:
    is_on = _lock(bucket).get("ObjectLockEnabled") == "Enabled"
    return is_on, f"Object Lock is {'on' if is_on else 'off'}"


def _default_retention(bucket: ReleaseBucket) -> tuple[bool, str]:
    retention = _lock(bucket).get("Rule", {}).get("DefaultRetention", {})
    mode = retention.get("Mode", "none")
    # S3 takes days or years, never both (`DefaultRetention`).
    length = retention.get("Days", 0) or 365 * retention.get("Years", 0)
    return mode == LOCK_MODE and length >= 1, f"{mode}, {length} days"


def _statements(bucket: ReleaseBucket) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    try:
        answer = bucket.client.get_bucket_policy(Bucket=bucket.name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return []
        raise
    statements = json.loads(answer["Policy"]).get("Statement", [])
    # A policy of one statement may hold it without a list (IAM's grammar of policies).
    return [statements] if isinstance(statements, dict) else list(statements)


def _writers(bucket: ReleaseBucket) -> tuple[bool, str]:
    writers = {
        _only_writer(statement)
        for statement in _denials(bucket, f"{_arn(bucket)}/*")
        if _actions(statement) >= WRITES
    }
    names = sorted(writer for writer in writers if writer)
    return len(names) == 1, f"written by {names[0] if len(names) == 1 else 'more than one account'}"


def _only_writer(statement: dict[str, Any]) -> str:
    """Return the one account that a denial spares; empty where it spares none, or several."""
    # Whatever else a condition asks narrows the denial: all of its parts have to hold at once.
    # An account is named by its user's name or by its ARN, in which `*` would spare several.
    match statement.get("Condition"):
        case {"StringNotEquals": {"aws:username": str(name)}, **rest} if not rest:
            return name
        case {"StringNotEquals": {"aws:username": [str(name)]}, **rest} if not rest:
            return name
        case {"ArnNotEquals": {"aws:PrincipalArn": str(name)}, **rest} if not rest:
            return "" if "*" in name else name

    return ""


def _denied_to_all(
    bucket: ReleaseBucket, actions: frozenset[str], resource: str
) -> tuple[bool, str]:
    denied = {
        action
        for statement in _denials(bucket, resource)
        # A condition would spare somebody, whatever it is.
        if not statement.get("Condition")
        for action in _actions(statement)
    }
    missing = sorted(actions - denied)
    return not missing, f"not denied to all: {', '.join(missing)}" if missing else "denied to all"


def _denials(bucket: ReleaseBucket, resource: str) -> Iterator[dict[str, Any]]:
    """Yield the statements that deny something to everybody on all of a resource."""
    for statement in _statements(bucket):
        resources = statement.get("Resource", [])
        listed = [resources] if isinstance(resources, str) else resources
        # Exactly these spellings, and the whole resource letter by letter: a pattern that means as
        # much in another way is not taken, for whether it does only the server knows.
        is_denial = statement.get("Effect") == "Deny" and statement.get("Principal") in EVERYBODY
        if is_denial and resource in listed:
            yield statement


def _actions(statement: dict[str, Any]) -> frozenset[str]:
    actions = statement.get("Action", [])
    return frozenset([actions] if isinstance(actions, str) else actions)


def _allows_nobody(bucket: ReleaseBucket) -> tuple[bool, str]:
    """Refuse an Allow to everybody, whatever its condition: it is read by machines and people."""
    is_open = any(
        statement.get("Effect") == "Allow"
        and ("NotPrincipal" in statement or _names_everybody(statement.get("Principal")))
        for statement in _statements(bucket)
    )
    return not is_open, "allows everybody something" if is_open else "allows nobody anything"


def _names_everybody(principal: Any) -> bool:
    """Say whether a principal has `*` anywhere: beside others in a list it means everybody, too."""
    match principal:
        case str():
            return "*" in principal
        case list():
            return any(map(_names_everybody, principal))
        case dict():
            return any(map(_names_everybody, principal.values()))
        case _:
            return False


def _acl(bucket: ReleaseBucket) -> tuple[bool, str]:
    grants = bucket.client.get_bucket_acl(Bucket=bucket.name).get("Grants", [])
    uris = [grant.get("Grantee", {}).get("URI", "") for grant in grants]
    is_public = any(uri.endswith(PUBLIC_GROUPS) for uri in uris)
    return not is_public, "grants everybody something" if is_public else "grants no group anything"


def _access_block(bucket: ReleaseBucket) -> tuple[bool, str]:
    answer = bucket.client.get_public_access_block(Bucket=bucket.name)
    blocks = answer["PublicAccessBlockConfiguration"]
    # One that is not named is off.
    missing = [name for name in BLOCKS if not blocks.get(name)]
    return not missing, f"off: {', '.join(missing)}" if missing else "all four are on"


def _anonymous(bucket: ReleaseBucket, anonymous: Any) -> tuple[bool, str]:
    """Try to list, and to read a name that is not there: who may read would be told that."""
    from botocore.exceptions import ClientError

    for call, arguments in (
        (anonymous.list_objects_v2, {}),
        (anonymous.get_object, {"Key": f"{bucket.prefix}portcullis-check"}),
    ):
        try:
            call(Bucket=bucket.name, **arguments)
        except ClientError as error:
            # Any other answer, also that there is no such object, is one that a reader gets.
            if error.response["Error"]["Code"] in ("AccessDenied", "403"):
                continue

        return False, "answers without credentials"
    return True, "refuses who has no credentials"


def _arn(bucket: ReleaseBucket) -> str:
    return f"arn:aws:s3:::{bucket.name}"
