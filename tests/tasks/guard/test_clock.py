"""A clock that was set back dates nothing before what the log has seen signed."""

from datetime import UTC, date, datetime

import pytest

from tasks.erasure.erasing import ErasureOutcome, erase
from tasks.guard.clock import not_before_the_log
from tests.tasks.erasure.small_installation import CASE, DAY, SmallInstallation, email

SET_BACK = date(2019, 12, 31)
SINCE = date(2026, 11, 1)  # no log of these tests was signed before


@pytest.fixture
def unaided(known: SmallInstallation, monkeypatch: pytest.MonkeyPatch) -> SmallInstallation:
    """An installation with a log, whose day is the machine's clock's and no drill's."""
    monkeypatch.delenv("PORTCULLIS_TODAY")
    return known


def erase_on(
    known: SmallInstallation, day: date, lines: list[str], *, received: date | None = None
) -> ErasureOutcome:
    """Erase somebody by a clock that says that it is that day."""
    return erase(
        CASE,
        [email(5)],
        received=received or day,
        day=day,
        installation=known.installation,
        say=lines.append,
    )


def test_an_erasure_under_a_clock_that_was_set_back_is_dated_as_the_log_is(
    unaided: SmallInstallation,
) -> None:
    lines: list[str] = []

    (request,) = erase_on(unaided, SET_BACK, lines).requests

    # By the tombstone's day a row of 2020 would else be that of a customer who came back.
    tombstone = unaided.keys.tombstones().get(unaided.subject(5))
    assert tombstone == request.day
    assert tombstone is not None
    assert tombstone > SINCE
    assert any("clock is behind the log" in line for line in lines)


def test_so_is_one_whose_day_of_receipt_is_to_come_by_that_clock(
    unaided: SmallInstallation,
) -> None:
    outcome = erase_on(unaided, SET_BACK, [], received=SINCE)

    assert [request.received for request in outcome.requests] == [SINCE]


def test_a_clock_that_goes_on_is_believed(unaided: SmallInstallation) -> None:
    lines: list[str] = []
    day = date(2039, 2, 28)

    erase_on(unaided, day, lines)

    assert unaided.keys.tombstones().get(unaided.subject(5)) == day
    assert not any("clock" in line for line in lines)


def test_a_drill_s_date_counts_as_it_is(known: SmallInstallation) -> None:
    assert not_before_the_log(DAY, known.installation) == DAY
    assert not_before_the_log(SET_BACK, known.installation) == SET_BACK


def test_an_installation_without_a_log_has_nothing_to_compare_with(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORTCULLIS_TODAY")

    assert not_before_the_log(SET_BACK, small_installation.installation) == SET_BACK


def test_the_clock_of_this_machine_is_not_behind_what_it_has_signed(
    unaided: SmallInstallation,
) -> None:
    today = datetime.now(UTC).date()

    assert not_before_the_log(today, unaided.installation) == today
