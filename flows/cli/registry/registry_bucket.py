"""`./portcullis registry-bucket`: say what a release bucket lacks of what it has to be."""

from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from tasks.errors import ConfigError
from tasks.gates import Outcome

DEVIATES = 3  # exit code, as where a gate is shut

EXAMPLES = """\
From a timer, as who may read the bucket's settings:
  export PORTCULLIS_RELEASE_BUCKET=s3://releases
  export PORTCULLIS_RELEASE_BUCKET_DAYS=3653
  ./portcullis registry-bucket --check --json

The policy for a new one: deploy/registry/release-bucket-policy.json
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    *,
    is_check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit with 3 where something is otherwise, or may not be asked."
        ),
    ] = False,
    is_json: Json = False,
) -> int:
    """Ask the bucket, change nothing, and print a line for each thing.

    Raises:
        ConfigError: No release bucket is set.
    """
    from tasks.registry_bucket import anonymous_client, check_bucket, open_bucket

    bucket = open_bucket(installation_of(context).settings)
    if bucket is None:
        raise ConfigError(
            "$PORTCULLIS_RELEASE_BUCKET",
            expected="s3://bucket/prefix",
            found="nothing",
            remedy="Set it, and for how many days a released model is locked.",
        )
    # By this account's keys and by none: what is public is known only to whoever asks without.
    checks = check_bucket(bucket, anonymous_client(bucket))
    values = [{"id": item.id, "outcome": item.outcome.value, "text": item.text} for item in checks]
    # What may not be asked is undecided, and undecided is not well.
    is_well = all(item.outcome is Outcome.PASS for item in checks)
    print_result((item.line() for item in checks), {"checks": values}, is_json=is_json)
    return DEVIATES if is_check and not is_well else 0
