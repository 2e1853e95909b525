"""The list of erasures grows by what people do, once for every change."""

from datetime import date

import pytest

from tasks.keystore.keys import KeyStore
from tasks.keystore.tombstone_events import lift_tombstones, readmit_subjects, set_tombstones

DAY = date(2026, 11, 24)
EARLIER = date(2026, 1, 1)
LATER = date(2027, 1, 1)
A, B, C = "a" * 32, "b" * 32, "c" * 32


def events(store: KeyStore) -> list[tuple[int, str, str]]:
    """Return place, day and event of the whole list."""
    rows = store.tables.rows("SELECT seq, day, event FROM tombstones ORDER BY seq")
    return [(seq, day, event) for seq, day, event in rows]


def test_the_first_tombstones_take_the_first_places(store: KeyStore) -> None:
    assert set_tombstones(store, [A, B], DAY) == 2
    assert events(store) == [(1, "2026-11-24", "erased"), (2, "2026-11-24", "erased")]


def test_no_subject_adds_no_event_and_gives_the_last_place(store: KeyStore) -> None:
    assert set_tombstones(store, [], DAY) == 0
    set_tombstones(store, [A], DAY)
    assert set_tombstones(store, [], DAY) == 1


def test_a_subject_who_is_named_twice_gets_a_single_tombstone(store: KeyStore) -> None:
    assert set_tombstones(store, [A, A], DAY) == 1


@pytest.mark.parametrize("day", [DAY, EARLIER], ids=["same day", "earlier day"])
def test_a_tombstone_is_not_set_again_for_that_day_or_an_earlier_one(
    store: KeyStore, day: date
) -> None:
    set_tombstones(store, [A], DAY)
    assert set_tombstones(store, [A], day) == 1
    assert store.tombstones().get(A) == DAY


def test_a_later_erasure_moves_the_day(store: KeyStore) -> None:
    set_tombstones(store, [A], DAY)
    assert set_tombstones(store, [A], LATER) == 2
    assert store.tombstones().get(A) == LATER


def test_only_those_without_a_tombstone_are_added(store: KeyStore) -> None:
    set_tombstones(store, [A], DAY)
    assert set_tombstones(store, [A, B], DAY) == 2
    assert store.tombstones().is_out(B)


def test_a_returned_subject_is_erased_again_on_the_same_day(store: KeyStore) -> None:
    set_tombstones(store, [A], DAY)
    readmit_subjects(store, [A], DAY)
    assert set_tombstones(store, [A], DAY) == 3
    assert store.tombstones().is_out(A)


def test_lifting_counts_only_those_who_had_a_tombstone(store: KeyStore) -> None:
    set_tombstones(store, [A, B], DAY)
    assert lift_tombstones(store, [A, C, A], LATER) == 1
    assert not store.tombstones().is_out(A)
    assert store.tombstones().is_out(B)


def test_lifting_twice_adds_no_second_event(store: KeyStore) -> None:
    set_tombstones(store, [A], DAY)
    lift_tombstones(store, [A], LATER)
    before = events(store)
    assert lift_tombstones(store, [A], LATER) == 0
    assert events(store) == before


def test_the_tombstone_of_a_returned_subject_can_still_be_lifted(store: KeyStore) -> None:
    set_tombstones(store, [A], DAY)
    readmit_subjects(store, [A], DAY)
    assert lift_tombstones(store, [A], LATER) == 1
    assert store.tombstones().get(A) is None


def test_after_lifting_a_new_erasure_sets_a_tombstone_again(store: KeyStore) -> None:
    set_tombstones(store, [A], DAY)
    lift_tombstones(store, [A], DAY)
    assert set_tombstones(store, [A], DAY) == 3
    assert store.tombstones().is_out(A)


def test_only_those_who_are_out_are_readmitted(store: KeyStore) -> None:
    set_tombstones(store, [A], DAY)
    assert readmit_subjects(store, [A, B, A], LATER) == 1
    assert events(store)[1:] == [(2, "2027-01-01", "returned")]


def test_readmitting_twice_adds_no_second_event(store: KeyStore) -> None:
    set_tombstones(store, [A], DAY)
    readmit_subjects(store, [A], DAY)
    assert readmit_subjects(store, [A], LATER) == 0
    assert len(events(store)) == 2


def test_places_go_on_without_a_gap_over_all_kinds_of_events(store: KeyStore) -> None:
    set_tombstones(store, [A, B], DAY)
    readmit_subjects(store, [A], DAY)
    lift_tombstones(store, [B], DAY)
    set_tombstones(store, [C], DAY)
    assert [seq for seq, _, _ in events(store)] == [1, 2, 3, 4, 5]


def test_an_event_that_cannot_be_written_leaves_none_of_its_call(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second subject's mark has no value, which the table refuses."""
    marks = iter([b"m" * 16, None])
    monkeypatch.setattr("tasks.keystore.tombstone_events.mark_of", lambda *_: next(marks))
    with pytest.raises(Exception, match="NOT NULL"):
        set_tombstones(store, [A, B], DAY)
    assert events(store) == []
