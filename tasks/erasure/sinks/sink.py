"""What every sink does."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from tasks.erasure.searching.traces import Traces


@dataclass(frozen=True)
class Purged:
    """What a sink did. Counts and places, never a value."""

    searched: int = 0
    rewritten: int = 0  # files, cells and records from which the person was taken
    removed: int = 0  # files that had to go as a whole
    left: tuple[str, ...] = ()  # what still holds the person, and why a person has to decide
    unseen: tuple[str, ...] = ()  # what could not be searched, and what would make it possible

    def __add__(self, other: "Purged") -> "Purged":
        return Purged(
            self.searched + other.searched,
            self.rewritten + other.rewritten,
            self.removed + other.removed,
            self.left + other.left,
            self.unseen + other.unseen,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it for the journal and the receipt."""
        return asdict(self)


class Sink(Protocol):
    """One kind of place in which programs leave what they saw."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def purge(self, traces: Traces) -> Purged:
        """Take the people out of it. Called again, it finds nothing; what is left or unseen is said."""
