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


@dataclass(frozen=True)
class PurgeReport:
    """What a sink did. Counts and places, never a value."""

    searched: int = 0
    rewritten: int = 0  # files, cells and records from which the person was taken
    removed: int = 0  # files that had to go as a whole
    left: tuple[str, ...] = ()  # what still holds the person, and why a person has to decide
    unseen: tuple[str, ...] = ()  # what could not be searched, and what would make it possible

    def __add__(self, other: "PurgeReport") -> "PurgeReport":
        return PurgeReport(
            searched=self.searched + other.searched,
            rewritten=self.rewritten + other.rewritten,
            removed=self.removed + other.removed,
            left=self.left + other.left,
            unseen=self.unseen + other.unseen,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it for the journal."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PurgeReport":
        """Read it from the journal, where tuples are lists."""
        return cls(**{**values, "left": tuple(values["left"]), "unseen": tuple(values["unseen"])})


class Sink(Protocol):
    """One kind of place in which programs leave what they read."""

    @property
    def sink_id(self) -> SinkId:
        """What the journal and the receipt call it."""

    def purge(self, terms: SearchTerms) -> PurgeReport:
        """Take the people out of it.

        Called again, it finds nothing more to do: what is left or unseen is reported again.
        """
