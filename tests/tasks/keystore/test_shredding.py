"""Shredding: which keys die, which ones only custodians keep, and what a second call changes."""

from datetime import date
from pathlib import Path

import pytest

from tasks.errors import SealError
from tasks.keystore.custodians import (
    LOCAL,
    Restriction,
    load_custodians,
    local_custodian,
    unseal_by_two,
)
from tasks.keystore.keys import GENERATION, KEPT, KeyStore, Retention, bucket_of, open_keys
from tasks.keystore.shredding import (
    RESTRICTED,
    end_hold,
    restricted_envelopes,
    restricted_of,
    restricted_until,
    rotate_root,
    shred,
    shred_restricted,
)
from tests.installations import installation_at

DAY = date(2026, 11, 24)
LATER = date(2027, 3, 1)
REVIEW = date(2028, 12, 24)
A, B, C = "a" * 32, "b" * 32, "c" * 32


def restriction(*, is_held: bool = False, review: date = REVIEW) -> Restriction:
    custodians = load_custodians(installation_at(Path()), allow_local=True)
    return Restriction("12 CFR 1002.12(b)", review, custodians, held=is_held)


def restricted(store: KeyStore, subject: str, kept: Restriction) -> bytes:
    """Make a subject's key of decision records, restrict it, and return its id."""
    store.for_subjects([subject], Retention.DECISION_RECORD)
    (key_id,) = shred(store, [subject], DAY, restrict={subject: kept}).restricted
    return key_id


def stored_buckets(store: KeyStore) -> dict[int, bytes]:
    return dict(store.tables.rows("SELECT bucket, wrapped FROM buckets"))


# Destroying


def test_a_subject_without_a_key_is_passed_over(store: KeyStore) -> None:
    store.for_subjects([A])
    shredded = shred(store, [B], DAY)
    assert shredded.destroyed == ()
    assert store.ids_of(A)


def test_nobody_to_shred_changes_no_key(store: KeyStore) -> None:
    key_id = store.for_subjects([A])[A].key_id
    assert shred(store, [], DAY).destroyed == ()
    assert key_id in store.by_id([key_id])


def test_a_destroyed_key_is_noted_with_its_day(store: KeyStore) -> None:
    key_id = store.for_subjects([A])[A].key_id
    shred(store, [A], DAY)
    assert store.is_shredded([key_id]) == {key_id: (1, "2026-11-24")}


def test_a_second_call_changes_neither_place_nor_day(store: KeyStore) -> None:
    key_id = store.for_subjects([A])[A].key_id
    shred(store, [A], DAY)
    assert shred(store, [A], LATER).destroyed == ()
    assert store.is_shredded([key_id]) == {key_id: (1, "2026-11-24")}


def test_places_among_erasures_go_on_over_calls(store: KeyStore) -> None:
    keys = store.for_subjects([A, B])
    shred(store, [B], DAY)
    shred(store, [A], LATER)
    places = store.is_shredded([keys[A].key_id, keys[B].key_id])
    assert places == {keys[B].key_id: (1, "2026-11-24"), keys[A].key_id: (2, "2027-03-01")}


def test_a_subject_who_is_named_twice_is_shredded_once(store: KeyStore) -> None:
    store.for_subjects([A])
    assert len(shred(store, [A, A], DAY).destroyed) == 1


def test_a_neighbour_in_the_bucket_keeps_its_key_under_a_new_wrapping(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.keystore.keys.BUCKETS", 1)
    keys = store.for_subjects([A, B])
    query = "SELECT wrapped FROM keys WHERE key_id = ?"
    before = store.tables.rows(query, keys[B].key_id)
    shred(store, [A], DAY)
    assert store.tables.rows(query, keys[B].key_id) != before
    assert open_keys(installation_at(Path())).for_subjects([B])[B].nonce_key == keys[B].nonce_key


def test_only_the_bucket_of_the_destroyed_key_gets_a_new_key(store: KeyStore) -> None:
    people = [f"{number:032x}" for number in range(20)]
    key_id = store.for_subjects(people)[people[0]].key_id
    before = stored_buckets(store)
    shred(store, people[:1], DAY)
    after = stored_buckets(store)
    assert {bucket for bucket in before if after[bucket] != before[bucket]} == {bucket_of(key_id)}


def test_the_keys_of_many_buckets_are_wrapped_anew_batch_by_batch(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.keystore.shredding.BUCKETS_AT_ONCE", 2)
    monkeypatch.setattr("tasks.keystore.keys.BUCKETS", 7)
    people = [f"{number:032x}" for number in range(60)]
    keys = store.for_subjects(people)
    assert len(shred(store, people[:30], DAY).destroyed) == 30
    left = open_keys(installation_at(Path())).for_subjects(people[30:])
    assert {name: key.nonce_key for name, key in left.items()} == {
        name: keys[name].nonce_key for name in people[30:]
    }


def test_the_destroyed_key_itself_is_never_unwrapped(store: KeyStore) -> None:
    """Its wrapping is unreadable, and it is destroyed all the same."""
    key_id = store.for_subjects([A])[A].key_id
    store.tables.run("UPDATE keys SET wrapped = ?", [(b"x" * 92,)])
    assert shred(store, [A], DAY).destroyed == (key_id,)


def test_an_altered_neighbour_stops_the_erasure_and_nothing_is_changed(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.keystore.keys.BUCKETS", 1)
    keys = store.for_subjects([A, B])
    store.tables.run("UPDATE keys SET wrapped = ? WHERE key_id = ?", [(b"x" * 92, keys[B].key_id)])
    before = stored_buckets(store)
    with pytest.raises(SealError, match="an altered one"):
        shred(store, [A], DAY)
    assert stored_buckets(store) == before
    assert store.is_shredded([keys[A].key_id]) == {}
    assert set(store.ids_of(A).values()) == {keys[A].key_id}


def test_the_count_of_keys_follows(store: KeyStore) -> None:
    store.for_subjects([A, B, C])
    shred(store, [A, B], DAY)
    assert store.fact(KEPT) == "1"


def test_every_erasure_moves_the_generation(store: KeyStore) -> None:
    store.for_subjects([A])
    shred(store, [A], DAY)
    assert store.fact(GENERATION) == "1"
    rotate_root(store)
    assert store.fact(GENERATION) == "2"


def test_a_key_that_is_made_after_shredding_is_another_one(store: KeyStore) -> None:
    before = store.for_subjects([A])[A]
    shred(store, [A], DAY)
    after = store.for_subjects([A])[A]
    assert after.key_id != before.key_id
    assert after.nonce_key != before.nonce_key


# Restricting


def test_a_restriction_keeps_decision_records_and_no_training_key(store: KeyStore) -> None:
    training = store.for_subjects([A])[A].key_id
    reasons = store.for_subjects([A], Retention.DECISION_RECORD)[A].key_id
    shredded = shred(store, [A], DAY, restrict={A: restriction()})
    assert shredded.destroyed == (training,)
    assert shredded.restricted == (reasons,)
    assert reasons not in store.is_shredded([training, reasons])


def test_a_restriction_of_one_subject_keeps_nothing_of_another(store: KeyStore) -> None:
    keys = store.for_subjects([A, B], Retention.DECISION_RECORD)
    shredded = shred(store, [A, B], DAY, restrict={A: restriction()})
    assert shredded.destroyed == (keys[B].key_id,)
    assert restricted_of(store, B) == set()


def test_a_restriction_of_a_subject_without_a_decision_record_keeps_nothing(
    store: KeyStore,
) -> None:
    store.for_subjects([A])
    assert shred(store, [A], DAY, restrict={A: restriction()}).restricted == ()
    assert stored_buckets(store).keys().isdisjoint({RESTRICTED})


def test_a_restricted_key_is_out_of_the_pipelines_reach(store: KeyStore) -> None:
    key_id = restricted(store, A, restriction())
    assert store.by_id([key_id]) == {}
    assert store.ids_of(A) == {}


def test_a_second_shredding_does_not_touch_a_restricted_key(store: KeyStore) -> None:
    key_id = restricted(store, A, restriction())
    before = restricted_envelopes(store, A)
    assert shred(store, [A], LATER).destroyed == ()
    assert restricted_of(store, A) == {key_id}
    assert restricted_envelopes(store, A) == before


def test_custodians_open_the_very_key_that_was_restricted(store: KeyStore) -> None:
    key = store.for_subjects([A], Retention.DECISION_RECORD)[A]
    shred(store, [A], DAY, restrict={A: restriction()})
    ((key_id, sealed),) = restricted_envelopes(store, A).items()
    pair = [(name, local_custodian(name, installation_at(Path()))) for name in LOCAL]
    assert key_id == key.key_id
    assert unseal_by_two(key_id, sealed, pair)[32:] == key.nonce_key


def test_why_and_since_when_a_key_is_kept_is_stored_with_it(store: KeyStore) -> None:
    restricted(store, A, restriction(is_held=True))
    rows = store.tables.rows("SELECT basis, since, review, held FROM restricted_keys")
    assert rows == [("12 CFR 1002.12(b)", "2026-11-24", "2028-12-24", 1)]


def test_a_later_restriction_leaves_earlier_ones_readable(store: KeyStore) -> None:
    restricted(store, A, restriction())
    before = restricted_envelopes(store, A)
    restricted(store, B, restriction())
    assert restricted_envelopes(store, A) == before


def test_a_customer_who_returned_is_restricted_a_second_time_beside_the_first(
    store: KeyStore,
) -> None:
    first = restricted(store, A, restriction())
    second = restricted(store, A, restriction())
    assert restricted_of(store, A) == {first, second}
    assert set(restricted_envelopes(store, A)) == {first, second}


def test_envelopes_are_those_of_one_subject_alone(store: KeyStore) -> None:
    key_id = restricted(store, A, restriction())
    restricted(store, B, restriction())
    assert set(restricted_envelopes(store, A)) == {key_id}
    assert restricted_envelopes(store, C) == {}


def test_an_altered_restricted_key_is_refused(store: KeyStore) -> None:
    restricted(store, A, restriction())
    store.tables.run("UPDATE restricted_keys SET sealed = ?", [(b"x" * 92,)])
    with pytest.raises(SealError, match="an altered one"):
        restricted_envelopes(store, A)


def test_restricted_keys_that_changed_places_are_refused(store: KeyStore) -> None:
    """Each is wrapped with its own id, so that one does not pass for the other."""
    first = restricted(store, A, restriction())
    second = restricted(store, B, restriction())
    sealed: dict[bytes, bytes] = dict(
        store.tables.rows("SELECT key_id, sealed FROM restricted_keys")
    )
    store.tables.run(
        "UPDATE restricted_keys SET sealed = ? WHERE key_id = ?",
        [(sealed[second], first), (sealed[first], second)],
    )
    with pytest.raises(SealError):
        restricted_envelopes(store, A)


# The end of a restriction


@pytest.mark.parametrize(
    ("day", "is_due"),
    [(date(2028, 12, 23), False), (REVIEW, True), (date(2029, 1, 1), True)],
)
def test_a_key_that_a_law_keeps_is_due_from_its_review_on(
    store: KeyStore, day: date, is_due: bool
) -> None:
    key_id = restricted(store, A, restriction())
    assert restricted_until(store, day) == ({key_id} if is_due else set())


def test_a_key_that_a_hold_keeps_is_never_due_by_itself(store: KeyStore) -> None:
    restricted(store, A, restriction(is_held=True))
    assert restricted_until(store, date(2999, 1, 1)) == set()


def test_a_hold_that_ended_leaves_the_key_due_at_its_new_review(store: KeyStore) -> None:
    key_id = restricted(store, A, restriction(is_held=True))
    end_hold(store, [key_id], LATER)
    assert restricted_until(store, DAY) == set()
    assert restricted_until(store, LATER) == {key_id}


def test_the_end_of_a_hold_on_one_key_leaves_that_on_another(store: KeyStore) -> None:
    first = restricted(store, A, restriction(is_held=True))
    restricted(store, B, restriction(is_held=True))
    end_hold(store, [first], LATER)
    assert restricted_until(store, date(2999, 1, 1)) == {first}


def test_a_restricted_key_that_is_destroyed_is_noted_and_has_no_envelope(
    store: KeyStore,
) -> None:
    key_id = restricted(store, A, restriction())
    assert shred_restricted(store, [key_id], LATER) == (key_id,)
    assert store.is_shredded([key_id]) == {key_id: (1, "2027-03-01")}
    assert restricted_envelopes(store, A) == {}


def test_destroying_one_restricted_key_leaves_the_others_as_they_were(store: KeyStore) -> None:
    first = restricted(store, A, restriction())
    restricted(store, B, restriction())
    before = restricted_envelopes(store, B)
    bucket_key = stored_buckets(store)[RESTRICTED]
    shred_restricted(store, [first], LATER)
    assert restricted_envelopes(open_keys(installation_at(Path())), B) == before
    assert stored_buckets(store)[RESTRICTED] != bucket_key


def test_destroying_a_restricted_key_twice_changes_nothing_more(store: KeyStore) -> None:
    key_id = restricted(store, A, restriction())
    shred_restricted(store, [key_id], DAY)
    generation = store.fact(GENERATION)
    assert shred_restricted(store, [key_id], LATER) == ()
    assert store.fact(GENERATION) == generation
    assert store.is_shredded([key_id]) == {key_id: (1, "2026-11-24")}


def test_a_key_in_use_is_not_destroyed_as_a_restricted_one(store: KeyStore) -> None:
    key_id = store.for_subjects([A], Retention.DECISION_RECORD)[A].key_id
    assert shred_restricted(store, [key_id], DAY) == ()
    assert key_id in store.by_id([key_id])


def test_restricted_keys_survive_a_rotation_of_the_root_key(store: KeyStore) -> None:
    restricted(store, A, restriction())
    before = restricted_envelopes(store, A)
    rotate_root(store)
    assert restricted_envelopes(open_keys(installation_at(Path())), A) == before


def test_a_rotation_of_an_empty_store_wraps_nothing_and_changes_the_root_key(
    store: KeyStore, home: Path
) -> None:
    before = (home / "root.key").read_text()
    assert rotate_root(store) == 0
    assert (home / "root.key").read_text() != before
