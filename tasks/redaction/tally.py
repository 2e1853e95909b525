"""What is counted while texts go by, and the report that it becomes. Counts only, never a value."""

from collections import Counter
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from tasks.redaction.columns.explaining import ColumnReport
from tasks.redaction.leakage import Leakage, LeakageCount, Ratio

NO_TEXT = "none: the data holds no free text"


class RedactReport(BaseModel):
    """What was found, what became of it, and what leaked. Counts only."""

    model_config = ConfigDict(frozen=True)

    rows: int
    texts: int
    withheld: Ratio
    surviving_identifiers: int
    entities: dict[str, dict[str, int]]  # column -> kind -> how many were masked
    explained: dict[
        str, ColumnReport
    ]  # column -> what it was taken for, why, and what became of it
    leakage: Leakage | None  # None: the data carries no planted answers
    recogniser: str  # which recogniser of names was at work, and why


@dataclass
class Tally:
    """Counts of one chunk of rows, or of all; chunks are added up in any order."""

    rows: int = 0
    texts: int = 0
    withheld: int = 0
    survivors: int = 0
    entities: dict[str, Counter[str]] = field(default_factory=dict)
    leakage: LeakageCount = field(default_factory=LeakageCount)
    recogniser: str = NO_TEXT
    explained: dict[str, ColumnReport] = field(default_factory=dict)  # of the first chunk

    def add(self, other: "Tally") -> None:
        """Add another chunk's counts."""
        self.rows += other.rows
        self.texts += other.texts
        self.withheld += other.withheld
        self.survivors += other.survivors
        for column, counter in other.entities.items():
            self.entities.setdefault(column, Counter()).update(counter)
        self.leakage.add_count(other.leakage)
        self.explained = self.explained or other.explained
        self.recogniser = other.recogniser if self.recogniser == NO_TEXT else self.recogniser

    def report(self, *, has_gold: bool) -> RedactReport:
        """Return the report."""
        return RedactReport(
            rows=self.rows,
            texts=self.texts,
            withheld=Ratio(count=self.withheld, of=self.texts + self.withheld),
            surviving_identifiers=self.survivors,
            entities={
                name: dict(sorted(counter.items()))
                for name, counter in sorted(self.entities.items())
            },
            explained=self.explained,
            leakage=self.leakage.measured() if has_gold else None,
            recogniser=self.recogniser,
        )
