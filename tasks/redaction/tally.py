"""What is counted while texts go by, and the report that it becomes. Counts only, never a value."""

from collections import Counter
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from tasks.redaction.cloud.disclosing import Disclosure
from tasks.redaction.cloud.macie import BucketReport
from tasks.redaction.columns.explaining import ColumnReport
from tasks.redaction.leakage import Leakage, LeakageCount, Ratio

NO_TEXT = "none: the data holds no free text"


class RedactReport(BaseModel):
    """What was found, what became of it, and what leaked. Counts only.

    Attributes:
        rows: All rows.
        texts: Cells that were masked, in all columns of free text.
        withheld: Cells that could not be read, of all that are neither missing nor empty.
        surviving_identifiers: Identifiers that still stand in the text of their own row.
        short_identifiers: Those that were not looked for, since so few signs stand anywhere.
        entities: Column -> kind -> how many spans were masked.
        explained: Column -> what it was taken for, why, and what became of it.
        leakage: Against planted answers; None: the data carries none.
        recogniser: Which recogniser of names was at work, and why.
        sent: What was sent to detectors that others run.
        bucket: What Amazon Macie has found in a bucket; None: it was not asked.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    texts: int
    withheld: Ratio
    surviving_identifiers: int
    short_identifiers: int
    entities: dict[str, dict[str, int]]
    explained: dict[str, ColumnReport]
    leakage: Leakage | None
    recogniser: str
    sent: tuple[Disclosure, ...] = ()
    bucket: BucketReport | None = None


@dataclass
class Tally:
    """Counts of one chunk of rows, or of all; the sum does not depend on the chunks' order."""

    rows: int = 0
    texts: int = 0
    withheld: int = 0
    survivors: int = 0
    short_identifiers: int = 0
    entities: dict[str, Counter[str]] = field(default_factory=dict)
    leakage: LeakageCount = field(default_factory=LeakageCount)
    recogniser: str = NO_TEXT
    explained: dict[str, ColumnReport] = field(default_factory=dict)  # of the first chunk
    sent: dict[str, Counter[str]] = field(default_factory=dict)  # service -> `texts`, `bytes`, …

    def add(self, other: "Tally") -> None:
        """Add another chunk's counts."""
        self.rows += other.rows
        self.texts += other.texts
        self.withheld += other.withheld
        self.survivors += other.survivors
        self.short_identifiers += other.short_identifiers
        for column, counter in other.entities.items():
            self.entities.setdefault(column, Counter()).update(counter)
        self.leakage.add_count(other.leakage)
        for service, sent in other.sent.items():
            self.sent.setdefault(service, Counter()).update(sent)

        # These are the same in every chunk, or absent: the first that says something counts.
        self.explained = self.explained or other.explained
        self.recogniser = other.recogniser if self.recogniser == NO_TEXT else self.recogniser

    def report(
        self,
        *,
        has_gold: bool,
        sent: tuple[Disclosure, ...] = (),
        bucket: BucketReport | None = None,
    ) -> RedactReport:
        """Return the report; `has_gold` says whether the data carries planted answers."""
        return RedactReport(
            rows=self.rows,
            texts=self.texts,
            withheld=Ratio(count=self.withheld, of=self.texts + self.withheld),
            surviving_identifiers=self.survivors,
            short_identifiers=self.short_identifiers,
            entities={
                name: dict(sorted(counter.items()))
                for name, counter in sorted(self.entities.items())
            },
            explained=self.explained,
            # Without planted answers the counts are 0 of 0, and None says so: `0 leaked` would be a
            # measured nought.
            leakage=self.leakage.measured() if has_gold else None,
            recogniser=self.recogniser,
            sent=sent,
            bucket=bucket,
        )
