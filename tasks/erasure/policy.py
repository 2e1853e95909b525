"""The `erasure:` section of a use case: when a model is retrained, and what a law keeps."""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from pydantic import Field, field_validator

from tasks.config.strict import StrictModel
from tasks.keystore.keys import Retention
from tasks.keystore.pseudonyms import normal_form

# RFC 5233, section 1: what follows a `+` in the local part names a mailbox of the same person.
TAGGED_ADDRESS = re.compile(r"([^@+\s]+)\+[^@\s]*(@[^@\s]+)")


class RetrainAfter(StrictModel):
    """How much may be erased of what a model learnt from before it is out of date.

    Either limit is enough: so many people, or so many days since the first of them was erased.
    """

    # From one person on: a limit of none would refuse every model.
    people: int = Field(ge=1, description="so many of those whom it learnt from were erased")
    days: int = Field(ge=0, description="since the first of those erasures")


class LegalTerm(StrictModel):
    """A law that keeps a retention class for so long after the request.

    GDPR Art. 17(3)(b): erasure does not apply where processing is necessary for compliance with a
    legal obligation. Meanwhile only two custodians can open what is kept.
    """

    months: int = Field(ge=1, description="after the request")
    # The receipt quotes it to the person (Art. 12(4): the reasons for not taking action), so that
    # it has to be longer than "law" or "n/a".
    basis: str = Field(min_length=10, description="the law, as the receipt will name it")


class SpellingDifference(StrEnum):
    """In what two identifiers of one person may differ."""

    CASE = "case"
    BLANKS = "blanks"  # before and after it
    UNICODE_FORM = "unicode form"  # NFKC: one letter, however it is encoded
    PLUS_TAG = "plus tag"  # ann+loan@example.org and ann@example.org


# Every pseudonym that was ever made leaves these out (`tasks.keystore.pseudonyms.normal_form`): a
# use case that told such spellings apart would lose the people who are stored already.
ALWAYS_IGNORED = (
    SpellingDifference.CASE,
    SpellingDifference.BLANKS,
    SpellingDifference.UNICODE_FORM,
)


class IdentifierRule(StrictModel):
    """Which spellings of an identifier are one person's."""

    ignore: tuple[SpellingDifference, ...] = Field(
        description="the first three have to be there: pseudonyms are made without them; with "
        "`plus tag` ann+x@example.org is ann@example.org",
    )

    @field_validator("ignore")
    @classmethod
    def _has_what_pseudonyms_ignore(
        cls, ignored: tuple[SpellingDifference, ...]
    ) -> tuple[SpellingDifference, ...]:
        if missing := [name for name in ALWAYS_IGNORED if name not in ignored]:
            raise ValueError(
                f"pseudonyms are made without {', '.join(missing)}: the rule has to say so"
            )
        return ignored

    def also(self, identifiers: Iterable[str]) -> list[str]:
        """Return by which further identifiers the rule says that these people are stored.

        From an address without a tag nobody can tell which tags its owner has used: those have to
        be given.
        """
        return untagged(identifiers) if SpellingDifference.PLUS_TAG in self.ignore else []


class ErasureParams(StrictModel):
    """The section. Nothing here has a default: each value decides about people's rights."""

    identifiers: IdentifierRule = Field(
        description="in what two identifiers of one person may differ"
    )
    retrain_after: RetrainAfter = Field(
        description="how much of what a model learnt from may be erased before it has to be "
        "trained again",
    )
    keep: dict[Retention, LegalTerm] = Field(
        description="what a law keeps after an erasure: retention class -> for how long, and which "
        "law; `{}`: nothing",
    )

    @property
    def decision_records(self) -> LegalTerm | None:
        """What keeps the records of why people were declined, if anything does."""
        return self.keep.get(Retention.DECISION_RECORD)


def untagged(identifiers: Iterable[str]) -> list[str]:
    """Return the addresses without their tags, of those identifiers that are a tagged address."""
    # The whole of it, in normal form: a `+` elsewhere, as in a display name, is no tag.
    tagged = (TAGGED_ADDRESS.fullmatch(normal_form(identifier)) for identifier in identifiers)
    return [f"{match[1]}{match[2]}" for match in tagged if match]


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
