"""The gate is quiet about good data and sees each fault: a small run of the measurement."""

from benchmarks.characteristics.explain import measure


def test_every_rate_lies_in_its_band() -> None:
    table = measure(1, seed=5)
    outside = [row for row in table if not row.expected_low <= row.rate <= row.expected_high]
    assert outside == []
    assert {row.gate for row in table} == {"explain"}
