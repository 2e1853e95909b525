"""A use case's own words: labels and units of its columns, and what its two outcomes are called.

People write `label:` and `unit:` beside a column. In the resolved copy they stand by themselves,
under `words`, so that another word is no other column: the stages that show words run again for it,
and the plan that was sealed before training stays the same.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from tasks.config.resolving import WORDS
from tasks.config.strict import StrictModel

# As the model's answers call its decisions, whatever the use case (tasks/model/deciding.py).
APPROVED = "approved"
DECLINED = "declined"
AND = " and "  # between the attributes of a combination

Word = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ColumnWords(StrictModel):
    """What a column is called, and in what its values are counted."""

    label: Word | None = Field(default=None, description="what people call the column")
    unit: Word | None = Field(default=None, description="in what its values are counted")


class OutcomeWords(StrictModel):
    """What the favourable and the other decision are called: "paid fast", "paid as usual"."""

    favourable: Word = Field(description="the decision that is good for the person")
    unfavourable: Word = Field(description="the other decision")


class Words(StrictModel):
    """The `words:` section; every part of it may be absent."""

    columns: dict[str, ColumnWords] = Field(
        default_factory=dict,
        description="column -> its label and unit; written beside the column, `sync` moves them "
        "here",
    )
    outcomes: OutcomeWords | None = Field(
        default=None, description="what the two decisions are called"
    )

    @property
    def favourable(self) -> str:
        """What the favourable decision is called; without words of its own, as the model says."""
        return self.outcomes.favourable if self.outcomes else APPROVED

    @property
    def unfavourable(self) -> str:
        """What the other decision is called."""
        return self.outcomes.unfavourable if self.outcomes else DECLINED

    def label_of(self, column: str) -> str:
        """Return what a column is called in plots: label and unit; its name where it has none."""
        words = self.columns.get(column, ColumnWords())
        return ", ".join(part for part in (words.label, words.unit) if part) or column

    def attribute_of(self, attributes: str) -> str:
        """Return what protected attributes are called, one or several as checks join them."""
        return AND.join(self.label_of(attribute) for attribute in attributes.split(AND))

    def name_of(self, column: str) -> str:
        """Return a column as people read it, its name beside it: "weekly wage, dollars (wage)"."""
        label = self.label_of(column)
        return column if label == column else f"{label} ({column})"


NO_WORDS = Words()


def words_of(case_values: Mapping[str, Any]) -> Words:
    """Return the words of a resolved use case; none where it has none."""
    return Words.model_validate(case_values.get(WORDS) or {})
