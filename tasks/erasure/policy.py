"""The `erasure:` section of a use case: when a model is retrained, and what a law keeps."""

from calendar import monthrange
from datetime import date

from pydantic import Field

from tasks.config.strict import StrictModel
from tasks.keystore.keys import Retention


class RetrainAfter(StrictModel):
    """How much may be erased of what a model learnt from before it is out of date.

    Either limit is enough: so many people, or so many days since the first of them was erased.
    """

    # From one person on: a limit of none would refuse every model.
    people: int = Field(ge=1)
    days: int = Field(ge=0, description="since the first of those erasures")


class LegalTerm(StrictModel):
    """A law that keeps a retention class for so long after the request.

    GDPR Art. 17(3)(b): erasure does not apply where processing is necessary for compliance with a
    legal obligation. Meanwhile only two custodians can open what is kept.
    """

    months: int = Field(ge=1)
    # The receipt quotes it to the person (Art. 12(4): the reasons for not taking action), so that
    # it has to be longer than "law" or "n/a".
    basis: str = Field(min_length=10, description="the law, as the receipt will name it")


class ErasureParams(StrictModel):
    """The section. Nothing here has a default: each value decides about people's rights."""

    retrain_after: RetrainAfter
    keep: dict[Retention, LegalTerm]

    @property
    def decision_records(self) -> LegalTerm | None:
        """What keeps the records of why people were declined, if anything does."""
        return self.keep.get(Retention.DECISION_RECORD)


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or the last day of a month that has no such day.

    Regulation (EEC, Euratom) No 1182/71, Art. 3(2)(c): a period in months ends on the day with the
    same number, or where that month has none, on its last day.
    """
    years, month_index = divmod(day.month - 1 + months, 12)
    year = day.year + years
    month = month_index + 1

    last_day = monthrange(year, month)[1]
    return date(year, month, min(day.day, last_day))
