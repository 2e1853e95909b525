"""Sources of data, as a use case declares them: where they lie, whose they are, and what allows their use."""

import os
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel


class _Source(BaseModel):
    """What every source declares, whatever its kind. Without an agreement in force it is not read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str = Field(min_length=1)
    role: Literal["controller", "joint_controller", "independent_controller", "processor"]
    legal_basis: str = Field(min_length=1)
    agreement: str = Field(min_length=1, description="id of the data-processing agreement or record of processing")
    expires: date


class FileSource(_Source):
    """A file: a local path, `s3://…` or `https://…`."""

    kind: Literal["file"]
    path: str
    format: Literal["csv", "parquet", "jsonl"]

    @property
    def is_remote(self) -> bool:
        """Whether reading it crosses a network."""
        return "://" in self.path and not self.path.startswith("file://")


class SqlSource(_Source):
    """A query. The URL comes from the environment: it may hold a password."""

    kind: Literal["sql"]
    url_variable: str
    query: str
    watermark: str | None = Field(default=None, description="a query of one value that changes when the data does")
    is_remote: Literal[True] = True


class PackagedSource(_Source):
    """A data file that an installed Python package ships."""

    kind: Literal["packaged"]
    package: str
    path: str
    row_key: str | None = Field(default=None, description="name of a key column to add: 1, 2, 3, …")
    is_remote: Literal[False] = False


class SampleSource(_Source):
    """Invented identities, alone or around real rows, from a seeded generator (`tasks.ingest.sample`)."""

    kind: Literal["sample"]
    of: Literal["loan", "identities"]
    part: str
    rows: int = Field(ge=1)
    seed: int
    is_remote: Literal[False] = False


Source = Annotated[FileSource | SqlSource | PackagedSource | SampleSource, Field(discriminator="kind")]


class Sources(RootModel[dict[str, Source]]):
    """The `sources:` section of a use case."""

    model_config = ConfigDict(frozen=True)

    @property
    def is_remote(self) -> bool:
        """Whether any of them is read over a network: only then is a retry worth its time."""
        return any(source.is_remote for source in self.root.values())


def today() -> date:
    """Return today's date in UTC; `$PORTCULLIS_TODAY` (ISO) stands in for it in drills."""
    given = os.environ.get("PORTCULLIS_TODAY")
    return date.fromisoformat(given) if given else datetime.now(UTC).date()


def lapsed(sources: Sources, on: date | None = None) -> tuple[str, ...]:
    """Return one line per source whose agreement is not in force on that day (default: today)."""
    day = on or today()
    return tuple(
        f"source `{name}`: agreement {source.agreement} with {source.owner} expired on {source.expires}; today is {day}"
        for name, source in sources.root.items()
        if source.expires < day
    )
