"""One measured rate of one check in one situation."""

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
