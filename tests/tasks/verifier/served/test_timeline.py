"""When a model served: by the moves of the alias, and not by what was decided."""

import pytest

from tasks.verifier.expiry import epoch
from tasks.verifier.served.shown import lines_of_timeline
from tasks.verifier.served.timeline import ServedPeriod, ServedTimeline


def period(since: str = "", until: str = "", decision: int = 7) -> ServedPeriod:
    return ServedPeriod(
        registry_name="loan", alias="champion", version=3, model_sha256="a" * 64, step="promote",
        decision=decision, decided_on="2026-11-01T08:00:00Z", requested_by="dana", approval=6,
        approval_sha256="b" * 64, approved_by="ann", since=since, until=until,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "serves"),
    [
        ("2026-11-01T08:59:59Z", False),
        ("2026-11-01T09:00:00Z", True),
        ("2026-11-02T08:59:59Z", True),
        ("2026-11-02T09:00:00Z", False),
    ],
)
def test_a_period_has_its_beginning_and_not_its_end(moment: str, serves: bool) -> None:
    served = period("2026-11-01T09:00:00Z", "2026-11-02T09:00:00Z")
    assert served.is_at(epoch(moment)) is serves
    assert not period().is_at(epoch(moment))


def test_the_present_one_serves_until_now() -> None:
    assert period("2026-11-01T09:00:00Z").is_at(epoch("2099-01-01T00:00:00Z"))


def test_what_was_decided_last_is_the_present_one_of_its_alias_alone() -> None:
    timeline = ServedTimeline((period(decision=7), period(decision=9)), ())
    present = timeline.present("loan", "champion")
    assert present is not None
    assert present.decision == 9
    assert timeline.present("loan", "other") is None
    assert timeline.present("claims", "champion") is None


def test_people_read_who_decided_and_what_counts_for_nothing() -> None:
    timeline = ServedTimeline(
        (period("2026-11-01T09:00:00Z"), period()), ((12, "another decision came first"),)
    )
    lines = list(lines_of_timeline(timeline))
    assert lines[0].startswith("2026-11-01T09:00:00Z to now  loan@champion: version 3")
    assert lines[1] == "  promoted by dana (entry 7), approved by ann (entry 6)"
    assert "alias not moved" in lines[2]
    assert lines[-1] == "entry 12 counts for nothing: another decision came first"
    assert all(len(line) <= 100 for line in lines)
