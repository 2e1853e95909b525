"""The release deployments in prefect.yaml: derived between two marks, all else untouched."""

import pytest
import yaml

from flows.use_cases.deployments import BEGIN, END, deployment_name, put_deployments
from tasks.config.deployment import DeploymentParams
from tasks.errors import ConfigError

HEAD = "# a person's comment\nlimits: {one: &one_at_a_time 1, pool: &pool p}\ndeployments:\n"
TAIL = "  - name: erase\n"
TEXT = HEAD + BEGIN + END + TAIL


def params(**values: str) -> DeploymentParams:
    return DeploymentParams.model_validate({"description": "Who repays.", **values})


def test_what_people_wrote_around_the_marks_stays() -> None:
    text = put_deployments(TEXT, {"loan": params(schedule="none")})
    assert text.startswith(HEAD + BEGIN)
    assert text.endswith(END + TAIL)


def test_deployments_of_removed_use_cases_go() -> None:
    text = put_deployments(TEXT, {"loan": params(schedule="none")})
    assert put_deployments(text, {}) == TEXT


def test_a_description_may_hold_what_yaml_would_read_otherwise() -> None:
    description = 'a: "b" # {c} — ümläut'
    text = put_deployments(TEXT, {"loan": params(schedule="none", description=description)})
    (release, _) = yaml.safe_load(text)["deployments"]
    assert release["description"] == description
    assert release["schedules"] == []


def test_a_schedule_has_its_time_zone() -> None:
    scheduled = params(schedule="30 4 * * 1-5", timezone="Europe/Berlin")
    (release, _) = yaml.safe_load(put_deployments(TEXT, {"loan": scheduled}))["deployments"]
    assert release["schedules"] == [{"cron": "30 4 * * 1-5", "timezone": "Europe/Berlin"}]


def test_a_name_in_prefect_has_dashes() -> None:
    assert deployment_name("loan_unmitigated") == "release-loan-unmitigated"


@pytest.mark.parametrize(
    "text", [HEAD, HEAD + BEGIN, HEAD + END, HEAD + END + BEGIN, TEXT + BEGIN, TEXT + END]
)
def test_marks_that_are_missing_doubled_or_reversed_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="once each, in this order"):
        put_deployments(text, {})
