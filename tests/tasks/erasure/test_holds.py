"""Holds and terms: who keeps what, until when, and what ends it."""

from datetime import date

import pytest

from tasks.erasure.erasing import release_hold
from tasks.erasure.holds import (
    KeepingReason,
    active_holds,
    find_restrictions,
    legal_term,
    place_hold,
    release_holds,
    require_holds,
)
from tasks.erasure.journal import Hold, Journal
from tasks.erasure.request import ErasureRequest
from tasks.errors import ConfigError, DataError
from tasks.keystore.custodians import Restriction
from tasks.keystore.keys import Retention
from tasks.keystore.state import read_state
from tests.tasks.erasure.small_installation import (
    BASIS,
    CASE,
    DAY,
    LAW,
    PEOPLE,
    SmallInstallation,
    bytes_below,
    email,
)

REVIEW = date(2027, 6, 1)
AFTER_THE_TERM = date(2028, 2, 1)


def restrictions_of(small_installation: SmallInstallation, number: int) -> dict[str, Restriction]:
    """What is kept of one person whose request is under way."""
    keys = small_installation.keys
    subject = small_installation.subject(number)
    ids = keys.ids_of(subject)
    key_ids: dict[Retention, tuple[str, ...]] = {
        retention: (key_id.hex(),) for retention, key_id in ids.items()
    }
    request = ErasureRequest("E1", "b", CASE, DAY, DAY, subject=subject, key_ids=key_ids)
    return find_restrictions(
        keys,
        small_installation.journal,
        [request],
        {key_id.hex(): {CASE} for key_id in ids.values()},
        small_installation.installation,
    )


def test_a_hold_is_its_person_s_and_nobody_else_s(small_installation: SmallInstallation) -> None:
    hold = small_installation.hold(2)

    installation = small_installation.installation
    journal = small_installation.journal
    assert active_holds(journal, small_installation.subject(2), installation) == [hold]
    assert active_holds(journal, small_installation.subject(3), installation) == []


def test_a_hold_says_whose_it_is_to_nobody_who_has_no_secret(
    small_installation: SmallInstallation,
) -> None:
    small_installation.hold(2)

    assert small_installation.subject(2).encode() not in bytes_below(small_installation.home)


@pytest.mark.parametrize(
    ("basis", "review"),
    [
        pytest.param("", REVIEW, id="no basis"),
        pytest.param("   7/2026   ", REVIEW, id="a number alone"),
        pytest.param(BASIS, DAY, id="a review today"),
        pytest.param(BASIS, date(2026, 1, 1), id="a review that is past"),
    ],
)
def test_a_hold_needs_a_basis_and_a_day_of_review(
    small_installation: SmallInstallation, basis: str, review: date
) -> None:
    with pytest.raises(ConfigError, match="legal basis"):
        place_hold(
            small_installation.keys,
            small_installation.journal,
            ["subject"],
            CASE,
            basis,
            DAY,
            review,
            small_installation.installation,
        )
    assert small_installation.journal.holds() == []


def test_releasing_ends_every_hold_on_the_person(small_installation: SmallInstallation) -> None:
    installation = small_installation.installation
    journal = small_installation.journal
    subject = small_installation.subject(2)
    small_installation.hold(2)
    small_installation.hold(2)
    other = small_installation.hold(3)

    holds = require_holds(journal, [subject], installation)
    release_holds(small_installation.keys, journal, [subject], holds, DAY, installation.workspace)

    assert len(holds) == 2
    assert active_holds(journal, subject, installation) == []
    assert [hold for hold in journal.holds() if hold.released is None] == [other]


def test_releasing_where_there_is_no_hold_is_a_mistake(
    small_installation: SmallInstallation,
) -> None:
    with pytest.raises(DataError, match="Check the identifier"):
        require_holds(small_installation.journal, ["subject"], small_installation.installation)


def test_without_law_or_hold_nothing_is_kept(small_installation: SmallInstallation) -> None:
    assert restrictions_of(small_installation, 1) == {}


def test_a_hold_keeps_the_records_until_somebody_looks_again(
    small_installation: SmallInstallation,
) -> None:
    small_installation.hold(1, REVIEW)

    (restriction,) = restrictions_of(small_installation, 1).values()

    assert (restriction.basis, restriction.review, restriction.held) == (BASIS, REVIEW, True)


def test_a_law_keeps_them_for_its_term(small_installation: SmallInstallation) -> None:
    small_installation.keep_decision_records(25)

    (restriction,) = restrictions_of(small_installation, 1).values()

    expected = (LAW, date(2028, 12, 24), False)
    assert (restriction.basis, restriction.review, restriction.held) == expected


@pytest.mark.parametrize("review", [date(2027, 1, 1), date(2031, 1, 1)])
def test_of_a_law_and_a_hold_the_longer_counts_and_both_are_named(
    small_installation: SmallInstallation, review: date
) -> None:
    small_installation.keep_decision_records(25)
    small_installation.hold(1, review)

    (restriction,) = restrictions_of(small_installation, 1).values()

    assert restriction.review == max(review, date(2028, 12, 24))
    assert restriction.basis == f"{BASIS}; {LAW}"
    assert restriction.held


def test_two_holds_on_one_basis_name_it_once(small_installation: SmallInstallation) -> None:
    small_installation.hold(1, REVIEW)
    small_installation.hold(1, date(2027, 7, 1))

    (restriction,) = restrictions_of(small_installation, 1).values()

    assert (restriction.basis, restriction.review) == (BASIS, date(2027, 7, 1))


def test_who_has_no_decision_record_has_nothing_to_keep(
    small_installation: SmallInstallation,
) -> None:
    small_installation.keep_decision_records(25)
    small_installation.hold(PEOPLE - 1)
    ids = small_installation.keys.ids_of(small_installation.subject(PEOPLE - 1))
    assert Retention.DECISION_RECORD not in ids

    assert restrictions_of(small_installation, PEOPLE - 1) == {}


def test_a_term_is_counted_from_the_request(small_installation: SmallInstallation) -> None:
    workspace = small_installation.workspace
    assert legal_term(CASE, DAY, workspace) is None

    small_installation.keep_decision_records(1)
    assert legal_term(CASE, date(2027, 1, 31), workspace) == KeepingReason(LAW, date(2027, 2, 28))


class KilledError(Exception):
    """Stands for `kill -9`: nothing catches it."""


def _die(*_: object, **__: object) -> None:
    raise KilledError


@pytest.fixture
def kept_by_law(small_installation: SmallInstallation) -> SmallInstallation:
    """Of somebody who was erased a law keeps the decision records for a year."""
    small_installation.keep_decision_records(12)
    small_installation.erase(1)
    return small_installation


def test_a_hold_whose_process_was_killed_before_the_key_store_had_it_outlives_the_term(
    kept_by_law: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tasks.erasure.holds.begin_hold", _die)
        with pytest.raises(KilledError):
            kept_by_law.hold(1)
    (hold,) = kept_by_law.journal.holds()
    assert hold.released is None

    kept_by_law.resume(AFTER_THE_TERM)

    assert kept_by_law.restricted_keys(1) == 1
    (request,) = kept_by_law.journal.requests()
    assert request.deferral is not None
    assert request.deferral.is_held


def test_a_release_that_was_killed_before_the_journal_had_it_lets_the_hold_go_on(
    kept_by_law: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_by_law.hold(1)

    def release() -> None:
        release_hold(CASE, email(1), installation=kept_by_law.installation, day=DAY)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "put_holds", _die)
        with pytest.raises(KilledError):
            release()

    kept_by_law.resume(AFTER_THE_TERM)
    assert kept_by_law.restricted_keys(1) == 1

    release()
    kept_by_law.resume(AFTER_THE_TERM)
    assert kept_by_law.restricted_keys(1) == 0


def test_a_night_on_which_nothing_is_to_be_held_anew_changes_no_key_store(
    kept_by_law: SmallInstallation,
) -> None:
    kept_by_law.hold(1)
    kept_by_law.resume()
    before = read_state(kept_by_law.keys, kept_by_law.installation)

    kept_by_law.resume()

    assert read_state(kept_by_law.keys, kept_by_law.installation) == before


def test_a_hold_is_on_all_spellings_of_a_person_or_on_none(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_hold = Journal._put_hold
    written: list[Hold] = []

    def put_first(journal: Journal, hold: Hold) -> None:
        if written:
            raise KilledError
        written.append(hold)
        put_hold(journal, hold)

    monkeypatch.setattr(Journal, "_put_hold", put_first)
    with pytest.raises(KilledError):
        place(small_installation, 2, 3)

    assert written
    assert small_installation.journal.holds() == []


def test_a_hold_that_cannot_be_audited_is_not_placed(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.erasure.holds.audit", _die)

    with pytest.raises(KilledError):
        small_installation.hold(2)

    assert small_installation.journal.holds() == []


def place(small_installation: SmallInstallation, *numbers: int) -> Hold:
    """Place one hold on the pseudonyms of those numbers, as on a person's several spellings."""
    return place_hold(
        small_installation.keys,
        small_installation.journal,
        [small_installation.subject(number) for number in numbers],
        CASE,
        BASIS,
        DAY,
        REVIEW,
        small_installation.installation,
    )
