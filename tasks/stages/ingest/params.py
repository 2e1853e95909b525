"""The `ingest:` section of a use case, and the check that it fits to `columns:` and `sources:`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StrictInt, model_validator

from tasks.config.cases import NUMBERS, Columns, Role
from tasks.config.collecting import FaultList, suggestion
from tasks.config.sources import FileSource, Sources, SqlSource
from tasks.config.strict import StrictModel
from tasks.errors import ConfigError

DERIVED = "derived"  # the `source` of a column that ingest computes
ADDED = ("subject", "person")  # columns that ingest adds to every use case
TEXT_KIND = "Declare its `kind`, for example `account`, or `text`: a number loses leading zeros."
KIND_MEANINGS = {
    "number": "a number; what a column is without a `kind`",
    "flag": "0 and 1 (in Parquet, SQL and JSON true and false, too)",
    "category": "one of few values, as text: `0042` stays `0042`",
    "text": "any text: free text, or an identifier that has no kind of its own",
    "email": "an e-mail address",
    "name": "a person's name, whole or a part; several columns may be names",
    "phone": "a telephone number",
    "ssn": "a social security number",
    "account": "a number of an account, customer or contract, with or without letters",
    "street": "a street with its number",
    "city": "a town",
    "ip": "an address of the internet",
    "date": "a day or time of ISO 8601 (`2031-12-31`, `2031-12-31T09:30+01:00`), or by `format`",
    "zip": "a postal code",
    "age": "an age in years that is made coarser; of a feature it is a `number`",
}
KINDS = tuple(KIND_MEANINGS)
LEARNT_ROLES = (Role.FEATURE, Role.PROTECTED, Role.TARGET)
LEARNT_KINDS = (*NUMBERS, "category")


class Aggregate(StrictModel):
    """One number per key, made of a column of the key's rows.

    `count` counts rows, whatever the column holds; `distinct` counts different values; both are 0
    for a key without rows. The others are of numbers; they leave missing values out, and are
    missing for a key without any.
    """

    column: str = Field(description="a column of the joined source")
    by: Literal["count", "distinct", "sum", "mean", "min", "max"] = Field(
        description="how its rows of one key become a number"
    )

    @property
    def needs_numbers(self) -> bool:
        """Whether it is made of numbers alone."""
        return self.by not in ("count", "distinct")


class PartnerAgreement(StrictModel):
    """Columns that both sides deliver under one name, and have to say the same about one key.

    What a bank has: the date of birth or the postcode that the bureau sends back. At least `ratio`
    of the matched rows with a value on both sides have to agree in all of them.
    """

    columns: tuple[str, ...] = Field(min_length=1, description="what both sides say of one key")
    ratio: float = Field(gt=0, le=1, description="share of matched rows that have to agree")


class Join(StrictModel):
    """One more source, joined to the rows so far by a key that both have.

    `take: one` expects at most one row per key and stops on more; `latest` takes the last row by
    `order_by`; `none` takes no row as it is, only `aggregate`. With `required` the stage stops
    where a row finds no partner. Rows without a key never match.
    """

    source: str = Field(description="a declared source")
    by: str = Field(description="the key, of a kind of text")
    take: Literal["one", "latest", "none"] = Field(
        default="one", description="which of the rows of a key"
    )
    order_by: str | None = Field(
        default=None,
        description="of `take: latest`: a number, or a date or time, compared in UTC",
    )
    aggregate: dict[str, Aggregate] = Field(
        default={}, description="derived column -> what it is made of"
    )
    required: bool = Field(default=True, description="whether every row has to find a partner")
    agree: PartnerAgreement | None = Field(
        default=None, description="what tells that a row was joined with its own partner"
    )

    @property
    def agreeing(self) -> tuple[str, ...]:
        """The columns that both sides deliver and that have to agree."""
        return self.agree.columns if self.agree else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of the source, beside the key, that the join reads."""
        return tuple(
            filter(None, (self.order_by, *(rule.column for rule in self.aggregate.values())))
        )

    @model_validator(mode="after")
    def _takes_something(self) -> "Join":
        if (self.take == "latest") != (self.order_by is not None):
            raise ValueError("`order_by` goes with `take: latest`, and only with it")
        if self.take == "none" and not self.aggregate:
            raise ValueError("`take: none` needs an `aggregate`")
        return self


class FromFlags(StrictModel):
    """A category from 0/1 columns: the label of the only 1; missing where none or several are 1."""

    rule: Literal["from_flags"] = Field(description="which rule it is")
    flags: dict[str, str] = Field(min_length=2, description="column -> label")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return tuple(self.flags)


class Recode(StrictModel):
    """A category, or a flag, from a coded column; an unlisted code is an error, missing stays so.

    `labels: {"1": married, "2": single}` gives a category, `labels: {"yes": 1, "no": 0}` a flag.
    Codes of a column of text are in quotes, codes of a column of numbers are not.
    """

    rule: Literal["recode"] = Field(description="which rule it is")
    column: str = Field(description="the column that it reads")
    labels: dict[int | str, StrictInt | str] = Field(
        min_length=1, description="code -> label; or code -> 0 or 1, for a flag"
    )

    @property
    def is_number(self) -> bool:
        """Whether its labels are numbers."""
        return all(isinstance(label, int) for label in self.labels.values())

    @model_validator(mode="after")
    def _labels_are_of_one_type(self) -> "Recode":
        if any(isinstance(label, int) for label in self.labels.values()) != self.is_number:
            raise ValueError("`labels` are all text, or all numbers")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return (self.column,)


class AtMost(StrictModel):
    """1 where a number is at most `limit`, else 0; missing stays missing."""

    rule: Literal["at_most"] = Field(description="which rule it is")
    column: str = Field(description="the column that it reads")
    limit: float = Field(description="in the column's unit")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return (self.column,)


Derivation = Annotated[FromFlags | Recode | AtMost, Field(discriminator="rule")]


class IngestParams(StrictModel):
    """How the sources come together. `missing` lists codes that mean "not known", by column."""

    base: str = Field(description="the source whose rows are the rows of the result")
    joins: tuple[Join, ...] = Field(default=(), description="the other sources, in this order")
    missing: dict[str, tuple[float, ...]] = Field(
        default={}, description='column -> codes that mean "not known"'
    )
    derive: dict[str, Derivation] = Field(
        default={}, description="derived column -> the rule that makes it"
    )
    third_persons: Literal["masked", "kept"] = Field(
        description="what becomes of other people of the delivery in somebody's free texts: they "
        "are masked before the texts are sealed, or kept as they are"
    )
    dated_by: str | None = Field(
        default=None,
        description="a date column of the base source: rows dated after their subject was erased "
        "are taken in again; without one, an erased subject stays out until a person lifts the "
        "tombstone",
    )

    def keys(self, source: str) -> tuple[str, ...]:
        """Return the columns that `source` shares with others: its keys, and what has to agree.

        They need no declaration under `source` where another source declares them.
        """
        return tuple(
            dict.fromkeys(
                name
                for join in self.joins
                if join.source == source
                for name in (join.by, *join.agreeing)
            )
        )

    def read_from(self, source: str, columns: Columns) -> tuple[str, ...]:
        """Return the columns of `source` that are read; what nobody needs is never in memory.

        These are its columns that are kept, those that a rule or a join reads, and its keys.
        """
        read_by_rules = {name for rule in self.derive.values() for name in rule.inputs}
        read_by_rules |= {name for join in self.joins for name in (join.by, *join.agreeing)}
        for join in self.joins:
            if join.source == source:
                read_by_rules |= set(join.inputs)
        if self.dated_by:
            read_by_rules.add(self.dated_by)

        own = [name for name, column in columns.root.items() if column.source == source]
        needed = [
            name
            for name in own
            if columns.root[name].role is not Role.DROPPED or name in read_by_rules
        ]
        return tuple(dict.fromkeys((*needed, *self.keys(source))))


@dataclass(frozen=True)
class WiringRule:
    """A rule of `wiring_faults`: the section to mend, what it expects, the names that break it."""

    section: str
    expected: str
    offenders: set[str]
    remedy: str = "Mend the use case."

    def at(self, where: str = "") -> ConfigError:
        """Return the fault, in the file `where` if that is known."""
        return ConfigError(
            f"{where}: {self.section}" if where else self.section,
            expected=self.expected,
            found=", ".join(sorted(self.offenders)),
            remedy=self.remedy,
        )


def check_wiring(columns: Columns, params: IngestParams, sources: Sources) -> None:
    """Check that columns, joins and rules name only what there is, before anything is read.

    Raises:
        ConfigError: Names the rule that is broken, and all names that break it; several rules are a
            `SeveralFaultsError`.
    """
    faults = FaultList()
    for rule in wiring_faults(columns, params, sources):
        faults.add(rule.at())
    faults.raise_all()


def wiring_faults(
    columns: Columns, params: IngestParams, sources: Sources
) -> tuple[WiringRule, ...]:
    """Return the rules between columns, joins, rules and sources that the use case breaks."""
    rules = (
        *_column_rules(columns, sources),
        *_source_rules(params, sources),
        *_rename_rules(columns, params, sources),
        *_derivation_rules(columns, params),
        *_join_rules(columns, params),
        *_reading_rules(columns, params),
    )
    return tuple(rule for rule in rules if rule.offenders)


def _column_rules(columns: Columns, sources: Sources) -> tuple[WiringRule, ...]:
    declared = columns.root
    return (
        WiringRule("columns", "other names: ingest adds these", set(ADDED) & set(declared)),
        *_kind_rules(columns),
        WiringRule(
            "columns",
            "a declared source",
            {column.source for column in declared.values()} - {*sources.root, DERIVED},
        ),
    )


def _kind_rules(columns: Columns) -> tuple[WiringRule, ...]:
    declared = columns.root
    unknown = {name: column.kind for name, column in declared.items() if column.kind not in KINDS}
    return (
        WiringRule(
            "columns",
            f"a known `kind`: {', '.join(KINDS)}",
            set(unknown),
            suggestion(sorted(set(unknown.values())), KINDS, "Mend the spelling."),
        ),
        # As a number 0042 and 42 are one person, and so are two ids that differ in the 17th digit.
        WiringRule(
            "columns",
            "a `kind` of text for what says who somebody is",
            {
                name
                for name, column in declared.items()
                if column.role in (Role.SUBJECT, Role.IDENTIFIER) and column.kind in NUMBERS
            },
            TEXT_KIND,
        ),
        # What has one of these roles is kept as it is: a name would be a category of the model, and
        # an age a category for each year.
        WiringRule(
            "columns",
            f"kind {', '.join(LEARNT_KINDS)} for what a model learns from or is judged by",
            {
                name
                for name, column in declared.items()
                if column.role in LEARNT_ROLES and column.kind in set(KINDS) - set(LEARNT_KINDS)
            },
            "Declare an age as `number`; give what tells who somebody is the role `identifier` or "
            "`quasi_identifier`.",
        ),
    )


def _source_rules(params: IngestParams, sources: Sources) -> tuple[WiringRule, ...]:
    declared = set(sources.root)
    joined = [params.base, *(join.source for join in params.joins)]
    return (
        WiringRule("ingest", "declared sources in `base` and `joins`", set(joined) - declared),
        WiringRule(
            "ingest", "every source in use: none is read for nothing", declared - set(joined)
        ),
        WiringRule(
            "ingest", "each source joined once", {name for name in joined if joined.count(name) > 1}
        ),
    )


def _rename_rules(
    columns: Columns, params: IngestParams, sources: Sources
) -> tuple[WiringRule, ...]:
    """Return the rules of `rename`: after it, the file has each declared column once."""
    rules: list[WiringRule] = []
    for source, declared in sources.root.items():
        rename = declared.rename if isinstance(declared, FileSource | SqlSource) else {}
        own = {name for name, column in columns.root.items() if column.source == source}
        own |= set(params.keys(source))
        rules += (
            WiringRule(
                f"sources.{source}.rename",
                "names of declared columns of this source, as in `{name there: name here}`",
                set(rename.values()) - own,
                "Declare the column in `columns:`, or take the line out.",
            ),
            WiringRule(
                f"sources.{source}.rename",
                "delivered names that no other declared column of this source has",
                set(rename) & (own - set(rename.values())),
                "Rename the other column, too.",
            ),
        )
    return tuple(rules)


def _derivation_rules(columns: Columns, params: IngestParams) -> tuple[WiringRule, ...]:
    derived = {name for name, column in columns.root.items() if column.source == DERIVED}
    computed = {*params.derive, *(name for join in params.joins for name in join.aggregate)}
    inputs = {name for rule in params.derive.values() for name in rule.inputs}
    return (
        WiringRule(
            "ingest", "a rule for each derived column, and the other way round", computed ^ derived
        ),
        WiringRule("ingest", "declared columns in rules", inputs - set(columns.root)),
        _copying_rule(columns, params),
        *_number_rules(columns, params),
        *_recode_rules(columns, params),
    )


def _copying_rule(columns: Columns, params: IngestParams) -> WiringRule:
    """Return the rule that no feature is a protected attribute, or the outcome, by another name."""
    made_of = {name: set(rule.inputs) for name, rule in params.derive.items()}
    made_of |= {
        name: {rule.column} for join in params.joins for name, rule in join.aggregate.items()
    }
    target = columns.named(Role.TARGET)
    kept_apart = {*columns.named(Role.PROTECTED), *target}
    for name in tuple(kept_apart):
        # An age may be a feature where a protected group is made of it by a threshold: what comes
        # one to one, and what tells the outcome, may not.
        if name in target or not isinstance(params.derive.get(name), AtMost):
            kept_apart |= _origins(name, made_of)

    return WiringRule(
        "ingest",
        "features that are not made of a protected attribute or the target, nor what these are "
        "made of",
        {
            name
            for name in columns.named(Role.FEATURE)
            if kept_apart & {name, *_origins(name, made_of)}
        },
        "Give the column the role `dropped`; a protected attribute and the outcome are no features "
        "under any name.",
    )


def _origins(name: str, made_of: dict[str, set[str]]) -> set[str]:
    """Return all columns that a derived column is made of, by however many rules."""
    origins: set[str] = set()
    waiting = [name]
    while waiting:
        further = made_of.get(waiting.pop(), set()) - origins
        origins |= further
        waiting += further
    return origins


def _number_rules(columns: Columns, params: IngestParams) -> tuple[WiringRule, ...]:
    """Return the rules about what is made of numbers, and what is made a number.

    Text is never equal to 1: flags of `kind: category` would all be unset, and every row missing.
    """
    kinds = {name: column.kind for name, column in columns.root.items()}
    aggregates = {name: rule for join in params.joins for name, rule in join.aggregate.items()}
    of_numbers = {
        name
        for rule in params.derive.values()
        if isinstance(rule, AtMost | FromFlags)
        for name in rule.inputs
    }
    of_numbers |= {rule.column for rule in aggregates.values() if rule.needs_numbers}
    numbers = {name for name, rule in params.derive.items() if isinstance(rule, AtMost)}
    texts = {name for name, rule in params.derive.items() if isinstance(rule, FromFlags)}
    return (
        WiringRule(
            "ingest",
            "columns of numbers in `at_most`, `from_flags`, `sum`, `mean`, `min` and `max`",
            {name for name in of_numbers if name in kinds and kinds[name] not in NUMBERS},
            "Declare the column's `kind`; of text `recode`, `count` and `distinct` are made.",
        ),
        WiringRule(
            "ingest",
            "a `kind` of numbers for what `at_most` and `aggregate` make",
            {
                name
                for name in numbers | set(aggregates)
                if kinds.get(name, "number") not in NUMBERS
            },
            "Mend the `kind` of the derived column.",
        ),
        WiringRule(
            "ingest",
            "a `kind` of text for what `from_flags` makes, for example `category`",
            {name for name in texts if kinds.get(name) in NUMBERS},
            "Mend the `kind` of the derived column.",
        ),
    )


def _recode_rules(columns: Columns, params: IngestParams) -> tuple[WiringRule, ...]:
    kinds = {name: column.kind for name, column in columns.root.items()}
    recodes = {
        name: rule
        for name, rule in params.derive.items()
        if isinstance(rule, Recode) and name in kinds and rule.column in kinds
    }
    return (
        WiringRule(
            "ingest.derive",
            "labels 0 and 1 for a column of kind `flag`, and text for a category",
            {
                name
                for name, rule in recodes.items()
                if rule.is_number != (kinds[name] in NUMBERS)
                or (kinds[name] == "flag" and not set(rule.labels.values()) <= {0, 1})
            },
            "Mend the labels, or the `kind` of the derived column.",
        ),
        WiringRule(
            "ingest.derive",
            "codes in quotes for a column of text, and without for one of numbers",
            {
                name
                for name, rule in recodes.items()
                if any(isinstance(c, int) != (kinds[rule.column] in NUMBERS) for c in rule.labels)
            },
            'Write `"1": …` for text, `1: …` for a number.',
        ),
    )


def _join_rules(columns: Columns, params: IngestParams) -> tuple[WiringRule, ...]:
    declared = columns.root
    source_of_input = {name: join.source for join in params.joins for name in join.inputs}
    only_aggregated = {join.source for join in params.joins if join.take == "none"}
    return (
        WiringRule(
            "ingest.joins",
            "a key of a `kind` of text in `by`",
            {
                join.by
                for join in params.joins
                if join.by in declared and declared[join.by].kind in NUMBERS
            },
            TEXT_KIND,
        ),
        WiringRule(
            "ingest.joins",
            "a declared column in `by`",
            {join.by for join in params.joins} - set(declared),
            suggestion(
                sorted({join.by for join in params.joins} - set(declared)),
                tuple(declared),
                "Declare the key in `columns:`, under one of its sources.",
            ),
        ),
        WiringRule(
            "ingest.joins",
            "columns of the joined source",
            {
                name
                for name, source in source_of_input.items()
                if name not in declared or declared[name].source != source
            },
        ),
        WiringRule(
            "ingest.joins",
            "in `agree`, declared columns of the base source, beside the key",
            {
                name
                for join in params.joins
                for name in join.agreeing
                if name == join.by or name not in declared or declared[name].source != params.base
            },
        ),
        # A kept column of a source that gives no rows would not be in the result: say so here.
        WiringRule(
            "ingest.joins",
            "role `dropped` for what is only aggregated",
            {
                name
                for name, column in declared.items()
                if column.source in only_aggregated and column.role is not Role.DROPPED
            },
        ),
    )


def _reading_rules(columns: Columns, params: IngestParams) -> tuple[WiringRule, ...]:
    declared = columns.root
    base_dates = {
        name
        for name, column in declared.items()
        if (column.source, column.kind) == (params.base, "date")
    }
    numeric = {name for name, column in declared.items() if column.kind in NUMBERS}
    return (
        WiringRule(
            "ingest.dated_by",
            "a declared column of the base source, of kind `date`",
            {params.dated_by} - base_dates if params.dated_by else set(),
        ),
        WiringRule("ingest.missing", "declared columns of numbers", set(params.missing) - numeric),
    )
