"""What every sink does, and what it reports."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from tasks.erasure.searching.search_terms import SearchTerms


class SinkId(StrEnum):
    """The sinks of an installation, as journals and receipts name them."""

    MLFLOW = "MLflow"
    PREFECT = "Prefect"
    WORKSPACE = "workspace"
    VERSIONS = "versions"
    SCRATCH = "scratch"
    STATE = "state"
    GIT = "git"
    TEXTS = "texts of others"


@dataclass(frozen=True)
class PurgeOptions:
    """What a caller allows a sink to do."""

    is_dry_run: bool = False  # nothing is changed: what would be is listed as `planned`
    removes_files: bool = False  # a file that cannot be masked in place goes as a whole
    searches_texts: bool = False  # other people's sealed rows are opened for their texts


AS_MASKING_ALLOWS = PurgeOptions()


@dataclass(frozen=True)
class PurgeReport:
    """What a sink did. Counts and places, never a value."""

    searched: int = 0
    rewritten: int = 0  # files, cells and records from which the person was taken
    removed: int = 0  # files that had to go as a whole
    left: tuple[str, ...] = ()  # what still holds the person, and why a person has to decide
    unseen: tuple[str, ...] = ()  # what could not be searched, and what would make it possible
    planned: tuple[str, ...] = ()  # what a dry run would change, one line for each place

    def __add__(self, other: "PurgeReport") -> "PurgeReport":
        return PurgeReport(
            searched=self.searched + other.searched,
            rewritten=self.rewritten + other.rewritten,
            removed=self.removed + other.removed,
            left=self.left + other.left,
            unseen=self.unseen + other.unseen,
            planned=self.planned + other.planned,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it for the journal."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PurgeReport":
        """Read it from the journal, where tuples are lists."""
        texts = {name: tuple(values.get(name, ())) for name in ("left", "unseen", "planned")}
        return cls(**{**values, **texts})


class Sink(Protocol):
    """One kind of place in which programs leave what they read."""

    @property
    def sink_id(self) -> SinkId:
        """What the journal and the receipt call it."""

    def purge(self, terms: SearchTerms, options: PurgeOptions = AS_MASKING_ALLOWS) -> PurgeReport:
        """Take the people out of it.

        Called again, it finds nothing more to do: what is left or unseen is reported again.
        """
