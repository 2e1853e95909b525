"""The `erasure:` section of a use case: when a model has to be trained again, and what the law keeps."""

from calendar import monthrange
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from tasks.keystore.keys import Retention


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrainAfter(_Strict):
    """A model that learnt from people who were erased since is out of date from so many people on, or so many days."""

    people: int = Field(ge=1)
    days: int = Field(ge=0, description="since the first of those erasures")


class Keep(_Strict):
    """A law keeps a retention class for so long after the request; only two custodians can open it meanwhile."""

    months: int = Field(ge=1)
    basis: str = Field(min_length=10, description="the law, as the receipt will name it")


class ErasureParams(_Strict):
    """Nothing here has a default."""

    retrain_after: RetrainAfter
    keep: dict[Retention, Keep]

    @property
    def decision_records(self) -> Keep | None:
        """What is kept of why people were declined, if anything."""
        return self.keep.get(Retention.DECISION_RECORD)


def months_later(day: date, months: int) -> date:
    """Return the same day so many months later, or the last day of that month where it has no such day."""
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
