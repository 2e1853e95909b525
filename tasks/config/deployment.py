"""The `deployment:` section of a use case: how Prefect offers its release, and when."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, field_validator

from tasks.config.strict import StrictModel

NO_SCHEDULE = "none"
# The five fields of crontab(5), in their order, with the least and the greatest number of each.
CRON_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)
# One item of a comma-separated list: `*`, `5` or `1-5`, each with a step as in `*/15`. Names of
# months and days are left out: a number has one spelling.
CRON_ITEM = re.compile(r"(?:\*|(?P<first>\d{1,2})(?:-(?P<last>\d{1,2}))?)(?:/(?P<step>[1-9]\d?))?")


class DeploymentParams(StrictModel):
    """What people see in Prefect, and when a release starts by itself."""

    model_config = ConfigDict(str_strip_whitespace=True)

    description: str = Field(
        min_length=10, max_length=300, description="what people see in Prefect"
    )
    schedule: str = Field(description="five fields as in crontab(5), in quotes; or `none`")
    timezone: str = Field(default="UTC", description="of the schedule, as in `Europe/Berlin`")

    @property
    def is_scheduled(self) -> bool:
        """Whether it starts by itself."""
        return self.schedule != NO_SCHEDULE

    @field_validator("description")
    @classmethod
    def _is_no_template(cls, description: str) -> str:
        # `prefect deploy` puts variables of its environment, and blocks, in the place of `{{ … }}`
        # (`prefect/cli/deploy/_core.py`, in 3.8.8): a secret would stand on Prefect's pages.
        if "{{" in description:
            raise ValueError("words without `{{`, which Prefect would fill in")
        return description

    @field_validator("schedule")
    @classmethod
    def _is_cron_or_none(cls, schedule: str) -> str:
        if schedule == NO_SCHEDULE:
            return schedule
        fields = schedule.split()
        if len(fields) != len(CRON_FIELDS):
            raise ValueError('five fields as in "0 2 * * *", or `none`')

        for text, (name, least, greatest) in zip(fields, CRON_FIELDS, strict=True):
            if not all(_is_cron_item(item, least, greatest) for item in text.split(",")):
                raise ValueError(
                    f"{name}: numbers from {least} to {greatest}, `*`, `-`, `/` or `,`"
                )
        # With one blank each: a schedule that is spelt otherwise would be another deployment.
        return " ".join(fields)

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        # ValueError: a path out of the time zone database, as in `../etc/localtime`.
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("no such time zone; one is named as in `Europe/Berlin`") from error
        return timezone


def _is_cron_item(item: str, least: int, greatest: int) -> bool:
    match = CRON_ITEM.fullmatch(item)
    if match is None:
        return False

    # `5-1` would run never; crontab(5) wants the smaller number first.
    numbers = [int(part) for part in (match["first"], match["last"]) if part]
    is_in_range = all(least <= number <= greatest for number in numbers)
    return is_in_range and numbers == sorted(numbers)
