"""When Prefect starts a release.

What may be said, and what is refused before anything is deployed.
"""

import pytest

from tasks.config.cases import validated
from tasks.config.deployment import DeploymentParams
from tasks.errors import ConfigError

WORDS = "The reference case, every night."


@pytest.mark.parametrize(
    "schedule", ["none", "0 2 * * *", "*/15 8-18 1,15 * 1-5", "0 0 31 12 7", " 5 4 * *  0 "]
)
def test_a_schedule_is_a_cron_line_or_none(schedule: str) -> None:
    params = DeploymentParams(description=WORDS, schedule=schedule)
    assert params.is_scheduled == (schedule != "none")
    assert params.timezone == "UTC"


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": "never"},
        {"schedule": "0 2 * *"},
        {"schedule": "60 2 * * *"},
        {"schedule": "0 24 * * *"},
        {"schedule": "0 2 0 * *"},
        {"schedule": "0 2 * * 5-1"},
        {"schedule": "0 2 * * */0"},
        {"schedule": "0 2 * * mon"},
        {"schedule": "0 2 * * *, 1"},
        {"schedule": None},
        {"timezone": "Europe/Nowhere"},
        {"timezone": "../etc/localtime"},
        {"description": "short"},
        {"description": "Every night, by {{ $PORTCULLIS_HEC_TOKEN }}."},
        {"description": "Every night, by {{ prefect.blocks.secret.token }}."},
        {"tags": ["x"]},
    ],
)
def test_what_prefect_would_not_understand_is_one_line(change: dict[str, object]) -> None:
    values = {"description": WORDS, "schedule": "0 2 * * *"} | change
    with pytest.raises(ConfigError, match="case, `deployment`") as refusal:
        validated(DeploymentParams, values, "case, `deployment`")
    assert "\n" not in str(refusal.value)
