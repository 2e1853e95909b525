"""Derive the release deployments in `prefect.yaml` from the use cases, a deployment for each."""

import json
from collections.abc import Mapping
from pathlib import Path

from tasks.config.deployment import DeploymentParams
from tasks.errors import ConfigError

PREFECT_FILE = Path("prefect.yaml")
BEGIN = (
    "  # releases: written by `./portcullis sync` from the `deployment` sections"
    " in configs/*/case.yaml\n"
)
END = "  # end of releases\n"


def deployment_name(case: str) -> str:
    """Return the name of a use case's release in Prefect."""
    return f"release-{case.replace('_', '-')}"


def put_deployments(text: str, deployments: Mapping[str, DeploymentParams]) -> str:
    """Return the text of `prefect.yaml` with these deployments alone between its two marks.

    All else, comments included, stays as people wrote it.

    Raises:
        ConfigError: A mark is missing or stands there twice.
    """
    # By whole lines of text, and not by a YAML parser: that would take people's comments and their
    # order away.
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in tail:
        raise ConfigError(
            PREFECT_FILE.as_posix(),
            expected=f"the lines `{BEGIN.strip()}` and `{END.strip()}`, once each, in this order",
            found="something else",
            remedy="Restore them from git.",
        )

    written = "\n".join(_deployment_text(case, params) for case, params in deployments.items())
    return head + BEGIN + written + END + tail


def _deployment_text(case: str, params: DeploymentParams) -> str:
    # JSON strings are YAML strings, whatever a description holds.
    # `DeploymentParams` has checked the time zone by its list: it needs no quotes.
    schedule = f"{{cron: {json.dumps(params.schedule)}, timezone: {params.timezone}}}"
    return f"""\
  - name: {deployment_name(case)}
    entrypoint: flows/release.py:release
    description: {json.dumps(params.description, ensure_ascii=False)}
    tags: [release, {case}]
    parameters: {{use_case: {case}}}
    enforce_parameter_schema: true
    schedules: [{schedule if params.is_scheduled else ""}]
    concurrency_limit: *one_at_a_time
    work_pool: *pool
"""
