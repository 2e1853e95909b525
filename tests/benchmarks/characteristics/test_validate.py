"""The gate lets good deliveries through and sees each fault: a small run of the measurement."""

from benchmarks.characteristics.validate import (
    EARLIER_GATE,
    WHOLE_GATE,
    measure,
)

# Those that every earlier check lets through, and that are seen every time in the full run.
CERTAIN = (
    "bureau file joined one row off",
    "labels flipped, 10 %",
    "half of the approved black applicants relabelled",
    "columns bd and vr swapped",
    "income shuffled",
    "every source delivered twice",
)


def rates(*situations: str, replicates: int) -> dict[tuple[str, str], float]:
    table = measure(replicates, 5, situations=situations)
    for row in table:
        assert row.expected_low <= row.rate <= row.expected_high, row
    return {(row.situation, row.check): row.rate for row in table}


def test_good_deliveries_pass() -> None:
    measured = rates("a good delivery", replicates=12)
    assert measured["a good delivery", WHOLE_GATE] <= 1 / 12


def test_faults_that_passed_before_are_seen() -> None:
    measured = rates(*CERTAIN, replicates=2)
    for situation in CERTAIN:
        assert measured[situation, WHOLE_GATE] == 1, situation
        assert measured[situation, EARLIER_GATE] == 0, situation
