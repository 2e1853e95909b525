"""A use case's own words: labels and units of its columns, and what its two outcomes are called.

People write `label:` and `unit:` beside a column. In the resolved copy they stand by themselves,
under `words`, so that another word is no other column: no stage runs again for it, and the plan
that was sealed before training stays the same.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from tasks.config.resolving import WORDS
from tasks.config.strict import StrictModel

Word = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ColumnWords(StrictModel):
    """What a column is called, and in what its values are counted."""

    label: Word | None = None
    unit: Word | None = None


class OutcomeWords(StrictModel):
    """What the favourable and the other decision are called: "paid fast", "paid as usual"."""

    favourable: Word
    unfavourable: Word


class Words(StrictModel):
    """The `words:` section; every part of it may be absent."""

    columns: dict[str, ColumnWords] = Field(default_factory=dict)
    outcomes: OutcomeWords | None = None

    def name_of(self, column: str) -> str:
        """Return a column as people read it, its name beside it: "weekly wage, dollars (wage)"."""
        words = self.columns.get(column)
        if words is None:
            return column
        shown = ", ".join(part for part in (words.label, words.unit) if part)
        return f"{shown} ({column})" if shown else column


def words_of(case_values: Mapping[str, Any]) -> Words:
    """Return the words of a resolved use case; none where it has none."""
    return Words.model_validate(case_values.get(WORDS) or {})
