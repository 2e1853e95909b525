"""One measured rate of one check in one situation, and how such rows are printed."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """How often a check did not pass, of so many replicates, and the band it has to lie in."""

    gate: str
    check: str
    situation: str
    rows: int
    rate: float
    replicates: int
    expected_low: float
    expected_high: float

    @property
    def is_in_band(self) -> bool:
        """Whether the rate lies where it was expected; nan does not."""
        return self.expected_low <= self.rate <= self.expected_high


def print_rows(rows: Iterable[Row]) -> None:
    """Print rows as a table as they are measured, those outside their band marked."""
    print("| check | situation | rows | rate | replicates | band |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        mark = "" if row.is_in_band else " **outside**"
        print(
            f"| {row.check} | {row.situation} | {row.rows:,} | {row.rate:.1%}{mark} | "
            f"{row.replicates or 'exact'} | {row.expected_low:.0%} to {row.expected_high:.0%} |",
            flush=True,
        )
