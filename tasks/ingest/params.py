"""The `ingest:` section of a use case."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Join(_Strict):
    """One more source joined to the rows so far.

    `one` expects at most one row per key and stops on more; `latest` takes the last by `order_by`. `required` stops
    where a row finds no partner.
    """

    source: str
    by: str
    take: Literal["one", "latest"] = "one"
    order_by: str | None = None
    required: bool = True


class FromFlags(_Strict):
    """A category from 0/1 columns: the label of the one that is 1; none or several is missing."""

    rule: Literal["from_flags"]
    flags: dict[str, str] = Field(min_length=2, description="column -> label")


class Recode(_Strict):
    """A category from a coded column; a code that is not listed is an error, missing stays missing."""

    rule: Literal["recode"]
    column: str
    labels: dict[int, str] = Field(min_length=1)


class AtMost(_Strict):
    """1 where a number is at most `limit`, else 0; missing stays missing."""

    rule: Literal["at_most"]
    column: str
    limit: float


Derivation = Annotated[FromFlags | Recode | AtMost, Field(discriminator="rule")]


class IngestParams(_Strict):
    """How the sources come together. `missing` lists codes that mean "not known", by column."""

    base: str
    joins: tuple[Join, ...] = ()
    missing: dict[str, tuple[float, ...]] = {}
    derive: dict[str, Derivation] = {}
    retention_class: str = "training"
