"""Everything about one person, nothing about another; the status page names nobody."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks.config.cases import load_case
from tasks.erasure.erasing import erase, resume
from tasks.erasure.export import export_person
from tasks.erasure.holds import place_hold
from tasks.erasure.journal import RUNNING, Flagged, open_journal
from tasks.erasure.status import (
    due,
    hold_rows,
    model_rows,
    read_status,
    request_rows,
    write_status_page,
)
from tasks.errors import SealError
from tasks.keystore.custody import LOCAL, local_custodian
from tests.installations import installation_at
from tests.tasks.erasure.conftest import CASE, DAY, PEOPLE, SmallInstallation, email, name
from tests.tasks.erasure.test_saga import forget, keep, plant


def exported(number: int, **more: Any) -> dict[str, Any]:
    return export_person(
        email(number), why="test", day=DAY, **more, installation=installation_at(Path())
    )


def test_everything_about_one_person_and_nothing_about_another(
    installation: SmallInstallation,
) -> None:
    found = exported(3)
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    held = {one["dataset"]: one for one in found["held"]}
    assert set(held) == {"tiny/ingest/rows", "tiny/redact/rows", "tiny/explain/reasons"}
    assert held["tiny/ingest/rows"]["versions"] == 3
    assert held["tiny/ingest/rows"]["copies"] == 7
    assert sorted(row["income"] for row in held["tiny/ingest/rows"]["rows"]) == [21.0, 22.0, 23.0]
    assert name(3) in text
    for number in set(range(PEOPLE)) - {3}:
        assert email(number) not in text
        assert installation.subject(number) not in text
    (case,) = found["use_cases"]
    assert case["sources"]["applications"]["legal_basis"] == "consent"
    assert case["purpose"]
    assert case["columns"]["email"]["role"] == "subject"
    audited = "".join(path.read_text() for path in (installation.home / "audit").glob("*.jsonl"))
    assert "people:export" in audited
    assert email(3) not in audited


def test_a_stranger_is_told_that_nothing_is_held(installation: SmallInstallation) -> None:
    found = export_person(
        "stranger@example.org", why="test", day=DAY, installation=installation_at(Path())
    )
    assert (found["held"], found["restricted"], found["use_cases"]) == ([], [], [])


def test_restricted_records_are_told_of_and_given_when_two_custodians_open_them(
    installation: SmallInstallation,
) -> None:
    keep(installation, 25)
    forget(3)
    found = exported(3)
    assert found["held"] == []
    assert found["restricted"][0]["basis"] == "12 CFR 1002.12(b), 25 months"
    pair = [(one, local_custodian(one, installation_at(Path()))) for one in LOCAL]
    opened = exported(3, custodians=pair)
    assert [one["dataset"] for one in opened["held"]] == ["tiny/explain/reasons"]
    with pytest.raises(SealError):
        exported(
            3,
            custodians=[pair[0], (LOCAL[1], local_custodian("stranger", installation_at(Path())))],
        )


def test_a_request_that_was_put_off_is_seen_ageing_and_carried_out_by_the_next_run(
    installation: SmallInstallation,
) -> None:
    erase(
        CASE,
        [email(3)],
        received=date(2026, 10, 20),
        day=DAY,
        later=True,
        installation=installation_at(Path()),
    )
    erase(
        CASE,
        [email(3)],
        received=date(2026, 10, 20),
        day=DAY,
        later=True,
        installation=installation_at(Path()),
    )
    status = read_status(open_journal(installation_at(Path())), DAY, installation_at(Path()))
    (request,) = status.requests
    assert (request.state, due(request)) == (RUNNING, date(2026, 11, 20))
    assert status.overdue == (request,)
    ((_, _, received, age, _, state),) = request_rows(status)
    assert (received, age, state) == ("2026-10-20", "35 days", "not done, 4 days past its term")
    assert exported(3)["held"]
    assert [
        one.state for one in resume(day=DAY, installation=installation_at(Path())).requests
    ] == ["erased"]
    assert exported(3)["held"] == []
    after = read_status(open_journal(installation_at(Path())), DAY, installation_at(Path()))
    assert after.overdue == ()
    assert request_rows(after)[0][5] == "erased 2026-11-24, past its term"


@pytest.mark.parametrize(
    ("received", "term"),
    [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 12, 5), date(2027, 1, 5)),
    ],
)
def test_the_term_is_one_month(installation: SmallInstallation, received: date, term: date) -> None:
    erase(
        CASE,
        [email(3)],
        received=received,
        day=date(2028, 3, 1),
        later=True,
        installation=installation_at(Path()),
    )
    assert due(open_journal(installation_at(Path())).requests()[0]) == term


def test_the_page_shows_requests_models_and_holds_and_names_nobody(
    installation: SmallInstallation,
) -> None:
    plant(installation, 1)
    plant(installation, 2)
    place_hold(
        open_journal(installation_at(Path())),
        installation.subject(4),
        CASE,
        "Court of X, case 7/2026",
        DAY,
        date(2027, 1, 1),
        installation_at(installation.root),
    )
    keep(installation, 25)
    forget(1, 2, PEOPLE - 1)
    status = read_status(
        open_journal(installation_at(Path())), date(2027, 1, 2), installation_at(Path())
    )
    assert model_rows(status) == [
        ("loan", "1", "3", "2026-11-24", "39 days"),
        ("loan", "2", "3", "2026-11-24", "39 days"),
    ]
    assert hold_rows(status)[0][5] == "review is due"
    page = write_status_page(status, installation.home / "requests").read_text()
    assert (
        "3 requests, 0 not done (0 past their term), 2 with records that are kept, 2 registered models"
        in page
    )
    assert "12 CFR 1002.12(b), 25 months" in page
    for number in (1, 2, 4, PEOPLE - 1):
        assert email(number) not in page
        assert installation.subject(number) not in page


def test_a_model_that_came_out_the_same_without_them_is_no_longer_flagged(
    installation: SmallInstallation,
) -> None:
    plant(installation, 1)
    journal = open_journal(installation_at(Path()))
    journal.flag("b", Flagged("loan", "1", "another dataset", 2, DAY))
    assert model_rows(read_status(journal, DAY, installation_at(Path()))) == []


def test_the_page_of_an_installation_without_requests_says_so(
    installation: SmallInstallation,
) -> None:
    page = write_status_page(
        read_status(open_journal(installation_at(Path())), DAY, installation_at(Path())),
        installation.home / "requests",
    )
    assert "0 requests" in page.read_text()
    values = load_case(CASE, installation.root)
    assert values["erasure"]["keep"] == {}
