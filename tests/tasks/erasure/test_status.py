"""The status page: every request against its term of one month, and nobody's name."""

from dataclasses import replace
from datetime import date

import pytest

from tasks.erasure.journal import FlaggedModel, Hold
from tasks.erasure.request import Custody, Deferral, ErasureRequest, RequestState, StepFailure
from tasks.erasure.status import (
    REQUEST_HEAD,
    RequestStatus,
    hold_rows,
    model_rows,
    read_status,
    request_rows,
    term_end,
    write_status_page,
)
from tasks.keystore.keys import Retention
from tests.tasks.erasure.small_installation import (
    DAY,
    LAW,
    PEOPLE,
    SmallInstallation,
    email,
)

RECEIVED = date(2026, 10, 20)
TERM = date(2026, 11, 20)
RUNNING = ErasureRequest("E1", "b", "loan", RECEIVED, DAY)
DEFERRAL = Deferral(
    Retention.DECISION_RECORD, LAW, date(2028, 12, 24), False, Custody.CUSTODIANS, "ab"
)
HOLD = Hold("H1", b"mark", "loan", "Court of X", DAY, date(2027, 1, 1))


def status_of(*requests: ErasureRequest, day: date = DAY) -> RequestStatus:
    return RequestStatus(day, requests, (), ())


def state_of(request: ErasureRequest, day: date = DAY) -> str:
    ((*_, state),) = request_rows(status_of(request, day=day))
    return state


def state_of_hold(hold: Hold, day: date) -> str:
    ((*_, state),) = hold_rows(RequestStatus(day, (), (hold,), ()))
    return state


@pytest.mark.parametrize(
    ("received", "term"),
    [
        (RECEIVED, TERM),
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 12, 5), date(2027, 1, 5)),
    ],
)
def test_the_term_is_one_month_from_receipt(received: date, term: date) -> None:
    assert term_end(replace(RUNNING, received=received)) == term


@pytest.mark.parametrize(
    ("day", "state", "is_overdue"),
    [
        (date(2026, 11, 19), "not done, 1 days left", False),
        (TERM, "not done, 0 days left", False),
        (DAY, "not done, 4 days past its term", True),
    ],
)
def test_a_running_request_is_overdue_from_the_day_after_its_term(
    day: date, state: str, is_overdue: bool
) -> None:
    assert state_of(RUNNING, day) == state
    assert bool(status_of(RUNNING, day=day).overdue) is is_overdue


def test_the_term_runs_on_for_what_was_set_aside_and_the_reason_is_shown() -> None:
    failure = StepFailure("purge git", "RuntimeError", DAY)
    aside = replace(RUNNING, state=RequestState.SET_ASIDE, failures=(failure,))
    waits = replace(RUNNING, failures=(failure,))

    assert status_of(aside, day=DAY).overdue == (aside,)
    assert state_of(aside, DAY) == (
        "not done, set aside at `purge git` on 2026-11-24 (RuntimeError), 4 days past its term"
    )
    assert state_of(waits, TERM) == (
        "not done, waits at `purge git` on 2026-11-24 (RuntimeError), 0 days left"
    )


def test_where_nothing_was_held_nobody_is_called_erased() -> None:
    ended = replace(RUNNING, state=RequestState.NOTHING_HELD, closed=TERM, day=TERM)

    assert state_of(ended, DAY) == "nothing was held 2026-11-20"


def test_a_request_that_is_done_is_never_overdue() -> None:
    done = replace(RUNNING, state=RequestState.ERASED, closed=DAY)

    assert status_of(done, day=date(2030, 1, 1)).overdue == ()


def test_a_request_that_was_carried_out_late_says_so() -> None:
    late = replace(RUNNING, state=RequestState.ERASED, closed=DAY)
    in_time = replace(late, day=TERM, closed=TERM)

    assert state_of(late) == "erased 2026-11-24, past its term"
    assert state_of(in_time) == "erased 2026-11-20"


@pytest.mark.parametrize(("is_held", "until"), [(True, "while held, reviewed"), (False, "until")])
def test_a_deferred_request_says_what_is_kept_why_and_until_when(is_held: bool, until: str) -> None:
    deferral = replace(DEFERRAL, is_held=is_held)
    deferred = replace(RUNNING, state=RequestState.DEFERRED, deferral=deferral)

    assert state_of(deferred) == (
        f"training data erased 2026-11-24; decision-record kept {until} 2028-12-24: {LAW}"
    )


def test_age_ends_when_the_request_is_closed() -> None:
    closed = replace(RUNNING, state=RequestState.ERASED, closed=DAY)

    (row,) = request_rows(status_of(closed, day=date(2030, 1, 1)))

    assert dict(zip(REQUEST_HEAD, row, strict=True))["age"] == "35 days"


@pytest.mark.parametrize(
    ("hold", "day", "state"),
    [
        (HOLD, DAY, "in force"),
        (HOLD, date(2027, 1, 1), "review is due"),
        (replace(HOLD, released=DAY), date(2027, 1, 1), "released 2026-11-24"),
    ],
)
def test_a_hold_is_in_force_until_somebody_has_to_look_at_it(
    hold: Hold, day: date, state: str
) -> None:
    assert state_of_hold(hold, day) == state


def test_a_model_that_came_out_the_same_without_them_is_no_longer_listed(
    small_installation: SmallInstallation,
) -> None:
    small_installation.plant(1)
    small_installation.journal.flag_model("b", FlaggedModel("loan", "1", "another dataset", 2, DAY))

    status = read_status(small_installation.journal, DAY, small_installation.installation)

    assert model_rows(status) == []


def test_a_registry_that_cannot_be_read_takes_no_model_off_the_list(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_installation.journal.flag_model("b", FlaggedModel("loan", "1", "code", 2, DAY))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    status = read_status(small_installation.journal, DAY, small_installation.installation)

    assert len(model_rows(status)) == 1


def test_the_page_shows_requests_models_and_holds_and_names_nobody(
    small_installation: SmallInstallation,
) -> None:
    small_installation.plant(1)
    small_installation.plant(2)
    small_installation.hold(4, date(2027, 1, 1))
    small_installation.keep_decision_records(25)
    small_installation.erase(1, 2, PEOPLE - 1)

    day = date(2027, 1, 2)
    status = read_status(small_installation.journal, day, small_installation.installation)
    page = write_status_page(status, small_installation.home / "requests").read_text()

    assert model_rows(status) == [
        ("loan", "1", "3", "2026-11-24", "39 days"),
        ("loan", "2", "3", "2026-11-24", "39 days"),
    ]
    assert hold_rows(status)[0][-1] == "review is due"
    assert "Requests: 3; not done: 0 (past their term: 0, " in page
    assert "set aside because a step failed: 0); with records that are kept: 2. " in page
    assert "Registered models to be trained again: 2." in page
    assert LAW in page
    for number in (1, 2, 4, PEOPLE - 1):
        assert email(number) not in page
        assert small_installation.subject(number) not in page


def test_the_page_of_an_installation_without_requests_says_so(
    small_installation: SmallInstallation,
) -> None:
    status = read_status(small_installation.journal, DAY, small_installation.installation)

    folder = small_installation.home / "requests"
    page = write_status_page(status, folder)

    assert "Requests: 0; not done: 0 " in page.read_text()
    assert folder.stat().st_mode & 0o077 == 0
