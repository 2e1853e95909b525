"""The `ingest:` section of a use case."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.config.cases import Columns, Role
from tasks.config.sources import Sources
from tasks.errors import ConfigError

DERIVED = "derived"  # the "source" of a column that ingest computes
ADDED = ("subject", "person")  # columns that ingest adds to every use case
NUMBERS = ("number", "flag")
KINDS = (
    *NUMBERS,
    "category",
    "text",
    "email",
    "name",
    "phone",
    "ssn",
    "account",
    "street",
    "city",
    "ip",
    "date",
    "zip",
    "age",
)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Aggregate(_Strict):
    """One number per key, made of a column of many rows a key. `count` counts rows, whatever the column holds."""

    column: str
    by: Literal["count", "distinct", "sum", "mean", "min", "max"]


class Join(_Strict):
    """One more source joined to the rows so far, by a key of both.

    `one` expects at most one row per key and stops on more; `latest` takes the last by `order_by`; `none` takes no row
    as it is, only `aggregate`. `required` stops where a row finds no partner. Rows without a key never match.
    """

    source: str
    by: str
    take: Literal["one", "latest", "none"] = "one"
    order_by: str | None = None
    aggregate: dict[str, Aggregate] = Field(
        default={}, description="derived column -> what it is made of"
    )
    required: bool = True

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of the source, beside the key, that the join reads."""
        return tuple(
            filter(None, (self.order_by, *(made.column for made in self.aggregate.values())))
        )

    @model_validator(mode="after")
    def _takes_something(self) -> "Join":
        if (self.take == "latest") != (self.order_by is not None):
            raise ValueError("`order_by` goes with `take: latest`, and only with it")
        if self.take == "none" and not self.aggregate:
            raise ValueError("`take: none` needs an `aggregate`")
        return self


class FromFlags(_Strict):
    """A category from 0/1 columns: the label of the one that is 1; none or several is missing."""

    rule: Literal["from_flags"]
    flags: dict[str, str] = Field(min_length=2, description="column -> label")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return tuple(self.flags)


class Recode(_Strict):
    """A category from a coded column; a code that is not listed is an error, missing stays missing."""

    rule: Literal["recode"]
    column: str
    labels: dict[int | str, str] = Field(min_length=1)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return (self.column,)


class AtMost(_Strict):
    """1 where a number is at most `limit`, else 0; missing stays missing."""

    rule: Literal["at_most"]
    column: str
    limit: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return (self.column,)


Derivation = Annotated[FromFlags | Recode | AtMost, Field(discriminator="rule")]


class IngestParams(_Strict):
    """How the sources come together. `missing` lists codes that mean "not known", by column."""

    base: str
    joins: tuple[Join, ...] = ()
    missing: dict[str, tuple[float, ...]] = {}
    derive: dict[str, Derivation] = {}
    dated_by: str | None = Field(
        default=None,
        description="a date column of the base source: rows dated after their subject was erased are taken in again; "
        "without one, an erased subject stays out until a person lifts the tombstone",
    )

    def keys(self, source: str) -> tuple[str, ...]:
        """Return the columns by which `source` is joined; they need no declaration where another source has them."""
        return tuple(dict.fromkeys(join.by for join in self.joins if join.source == source))

    def read_from(self, source: str, columns: Columns) -> tuple[str, ...]:
        """Return the columns of `source` that are read at all: kept ones, keys, and what rules look at."""
        looked_at = {*(name for rule in self.derive.values() for name in rule.inputs)}
        looked_at |= {join.by for join in self.joins}
        for join in self.joins:
            if join.source == source:
                looked_at |= set(join.inputs)
        looked_at |= {self.dated_by} if self.dated_by else set()
        own = [name for name, column in columns.root.items() if column.source == source]
        needed = [
            name for name in own if columns.root[name].role is not Role.DROPPED or name in looked_at
        ]
        return tuple(dict.fromkeys((*needed, *self.keys(source))))


def check_wiring(columns: Columns, params: IngestParams, sources: Sources) -> None:
    """Check that columns, joins and rules name only what there is, before anything is read.

    Raises:
        ConfigError: Names the first thing that does not fit.
    """
    joined = [params.base, *(join.source for join in params.joins)]
    derived = {name for name, column in columns.root.items() if column.source == DERIVED}
    made = {*params.derive, *(name for join in params.joins for name in join.aggregate)}
    inputs = {name for rule in params.derive.values() for name in rule.inputs}
    by_join = {name: join for join in params.joins for name in join.inputs}
    only_aggregated = {join.source for join in params.joins if join.take == "none"}
    faults: tuple[tuple[str, str, set[str]], ...] = (
        ("columns", "other names: ingest adds these", set(ADDED) & set(columns.root)),
        ("columns", "a known `kind`", {n for n, c in columns.root.items() if c.kind not in KINDS}),
        (
            "columns",
            "a declared source",
            {c.source for c in columns.root.values()} - {*sources.root, DERIVED},
        ),
        ("ingest", "declared sources in `base` and `joins`", set(joined) - set(sources.root)),
        (
            "ingest",
            "every source in use: none is read for nothing",
            set(sources.root) - set(joined),
        ),
        ("ingest", "each source joined once", {name for name in joined if joined.count(name) > 1}),
        ("ingest", "a rule for each derived column, and the other way round", made ^ derived),
        ("ingest", "declared columns in rules", inputs - set(columns.root)),
        (
            "ingest.joins",
            "columns of the joined source",
            {
                n
                for n, join in by_join.items()
                if n not in columns.root or columns.root[n].source != join.source
            },
        ),
        (
            "ingest.joins",
            "role `dropped` for what is only aggregated",
            {
                n
                for n, c in columns.root.items()
                if c.source in only_aggregated and c.role is not Role.DROPPED
            },
        ),
        (
            "ingest.dated_by",
            "a declared column of the base source, of kind `date`",
            {
                n
                for n in filter(None, [params.dated_by])
                if n not in columns.root
                or (columns.root[n].source, columns.root[n].kind) != (params.base, "date")
            },
        ),
        (
            "ingest.missing",
            "declared columns of numbers",
            {
                n
                for n in params.missing
                if n not in columns.root or columns.root[n].kind not in NUMBERS
            },
        ),
    )
    for where, expected, found in faults:
        if found:
            raise ConfigError(
                where,
                expected=expected,
                found=", ".join(sorted(found)),
                remedy="Mend the use case.",
            )
