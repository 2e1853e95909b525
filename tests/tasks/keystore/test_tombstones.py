"""Tombstones: what a list of events comes to, and what its digest says."""

import hashlib
from datetime import date

import pytest

from tasks.keystore.keys import KeyStore, Retention
from tasks.keystore.tombstones import (
    ERASED,
    LIFTED,
    MARK_BYTES,
    RETURNED,
    TombstoneDigest,
    Tombstones,
    mark_of,
)

MARK_KEY = b"k" * 32
DAY = "2026-11-24"
LATER = "2027-01-01"
A, B = "a" * 32, "b" * 32


def read(store: KeyStore, *events: tuple[str, str, str]) -> Tombstones:
    """Write events `(subject, day, event)` as the list of erasures, and read it."""
    rows = [
        (place, mark_of(MARK_KEY, subject), day, event)
        for place, (subject, day, event) in enumerate(events, 1)
    ]
    store.tables.run("DELETE FROM tombstones")
    store.tables.run("INSERT INTO tombstones VALUES (?,?,?,?)", rows)
    return Tombstones.read(store.tables, MARK_KEY)


def test_nobody_is_out_by_an_empty_list(store: KeyStore) -> None:
    tombstones = read(store)
    assert len(tombstones) == 0
    assert tombstones.checkpoint.count == 0
    assert not tombstones.is_out(A)
    assert tombstones.get(A) is None


def test_an_erased_subject_is_out_since_the_day_of_the_erasure(store: KeyStore) -> None:
    tombstones = read(store, (A, DAY, ERASED))
    assert tombstones.is_out(A)
    assert tombstones.get(A) == date(2026, 11, 24)
    assert not tombstones.is_out(B)


def test_a_second_erasure_moves_the_day_and_counts_the_person_once(store: KeyStore) -> None:
    tombstones = read(store, (A, DAY, ERASED), (A, LATER, ERASED))
    assert tombstones.get(A) == date(2027, 1, 1)
    assert len(tombstones) == 1
    assert tombstones.checkpoint.count == 2


def test_a_lifted_tombstone_leaves_no_day(store: KeyStore) -> None:
    tombstones = read(store, (A, DAY, ERASED), (A, LATER, LIFTED))
    assert not tombstones.is_out(A)
    assert tombstones.get(A) is None
    assert len(tombstones) == 0


def test_a_returned_subject_may_have_keys_and_keeps_the_day(store: KeyStore) -> None:
    tombstones = read(store, (A, DAY, ERASED), (A, LATER, RETURNED))
    assert not tombstones.is_out(A)
    assert tombstones.get(A) == date(2026, 11, 24)


def test_a_return_ends_with_the_next_erasure(store: KeyStore) -> None:
    tombstones = read(store, (A, DAY, ERASED), (A, DAY, RETURNED), (A, LATER, ERASED))
    assert tombstones.is_out(A)
    assert tombstones.returned == frozenset()


def test_events_count_by_their_place_and_not_by_their_day(store: KeyStore) -> None:
    assert read(store, (A, LATER, LIFTED), (A, DAY, ERASED)).is_out(A)


def test_lifting_where_nothing_stands_is_counted_and_changes_nobody(store: KeyStore) -> None:
    tombstones = read(store, (A, DAY, LIFTED))
    assert len(tombstones) == 0
    assert tombstones.checkpoint.count == 1


def test_a_return_changes_neither_count_nor_digest(store: KeyStore) -> None:
    before = read(store, (A, DAY, ERASED)).checkpoint
    assert read(store, (A, DAY, ERASED), (A, LATER, RETURNED)).checkpoint == before


@pytest.mark.parametrize(
    "events",
    [
        [(B, DAY, ERASED)],
        [(A, LATER, ERASED)],
        [(A, DAY, LIFTED)],
        [(A, DAY, ERASED), (B, DAY, ERASED)],
        [],
    ],
    ids=["subject", "day", "event", "length", "none"],
)
def test_the_digest_differs_where_any_event_does(
    store: KeyStore, events: list[tuple[str, str, str]]
) -> None:
    reference = read(store, (A, DAY, ERASED)).checkpoint
    assert read(store, *events).checkpoint.sha256 != reference.sha256


def test_the_digest_depends_on_the_order_of_events(store: KeyStore) -> None:
    forwards = read(store, (A, DAY, ERASED), (B, DAY, ERASED)).checkpoint
    backwards = read(store, (B, DAY, ERASED), (A, DAY, ERASED)).checkpoint
    assert forwards.count == backwards.count
    assert forwards.sha256 != backwards.sha256


def test_the_same_list_has_the_same_digest(store: KeyStore) -> None:
    assert read(store, (A, DAY, ERASED)) == read(store, (A, DAY, ERASED))


def test_the_digest_of_an_empty_list_stays_what_it_was(store: KeyStore) -> None:
    """Releases depend on it: another value would put all of them out of date."""
    expected = hashlib.sha256(b"portcullis erasures v1").hexdigest()
    assert read(store).checkpoint == TombstoneDigest(0, expected)


def test_under_another_mark_key_nobody_is_recognised(store: KeyStore) -> None:
    read(store, (A, DAY, ERASED))
    stranger = Tombstones.read(store.tables, b"x" * 32)
    assert not stranger.is_out(A)
    assert len(stranger) == 1


def test_a_mark_has_128_bits_and_differs_by_subject_and_by_key() -> None:
    marks = {mark_of(key, subject) for key in (MARK_KEY, b"x" * 32) for subject in (A, B)}
    assert len(marks) == 4
    assert {len(mark) for mark in marks} == {MARK_BYTES}


@pytest.mark.parametrize("retention", list(Retention))
def test_a_mark_under_the_key_of_lookups_is_no_lookup(
    store: KeyStore, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_pepper", MARK_KEY)
    assert mark_of(MARK_KEY, f"{retention}\x00{A}") != store.lookup(A, retention)
