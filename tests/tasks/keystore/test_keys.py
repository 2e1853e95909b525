"""Keys, in SQLite and in PostgreSQL.

Made once, destroyed for good, moved under two people, never resurrected.
"""

import json
import shutil
import threading
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import ConfigError, SealError
from tasks.keystore.custodians import (
    LOCAL,
    Restriction,
    load_custodians,
    local_custodian,
    new_custodian,
    read_private_key,
    unseal_by_two,
)
from tasks.keystore.key_tables import Row
from tasks.keystore.keys import (
    BUCKETS,
    ID_BYTES,
    NONCE_BYTES,
    ErasedError,
    KeyStore,
    Retention,
    bucket_of,
    open_keys,
)
from tasks.keystore.shredding import (
    restricted_envelopes,
    restricted_of,
    rotate_root,
    shred,
    shred_restricted,
)
from tasks.keystore.tombstone_events import lift_tombstones, readmit_subjects, set_tombstones
from tests.installations import installation_at

DAY = date(2026, 11, 24)
A, B = "a" * 32, "b" * 32


def raw(store: KeyStore) -> dict[bytes, bytes]:
    """What seals and makes nonces, of every key there is."""
    found = store.by_id([bytes(row[0]) for row in store.tables.rows("SELECT key_id FROM keys")])
    return {key_id: key.nonce_key for key_id, key in found.items()}


def restriction(**changes: Any) -> Restriction:
    values: dict[str, Any] = {
        "basis": "12 CFR 1002.12(b)",
        "review": date(2028, 12, 24),
        "custodians": load_custodians(installation_at(Path()), allow_local=True),
    }
    return Restriction(**values | changes)


def test_a_subject_has_one_key_a_class_and_the_next_process_finds_them(keys: KeyStore) -> None:
    training = keys.for_subjects([A, B])
    reasons = keys.for_subjects([A], Retention.DECISION_RECORD)
    assert len({training[A].key_id, training[B].key_id, reasons[A].key_id}) == 3
    again = open_keys(installation_at(Path()))
    assert again.for_subjects([A])[A].nonce_key == training[A].nonce_key
    assert again.ids_of(A) == {
        Retention.TRAINING: training[A].key_id,
        Retention.DECISION_RECORD: reasons[A].key_id,
    }


def test_shredding_takes_all_classes_of_one_subject_and_leaves_everybody_else_readable(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ids are random: in 4,096 buckets a person of 9,000 has no neighbour now and then.
    monkeypatch.setattr("tasks.keystore.keys.BUCKETS", 64)
    people = [f"{i:032x}" for i in range(9000)]
    made = keys.for_subjects(people)
    keys.for_subjects(people[:1], Retention.DECISION_RECORD)
    before = raw(keys)
    gone = shred(keys, people[:1], DAY)
    assert len(gone.destroyed) == 2
    neighbours = [
        key_id for key_id in before if bucket_of(key_id) in {bucket_of(i) for i in gone.destroyed}
    ]
    assert len(neighbours) > 2
    for store in (keys, open_keys(installation_at(Path()))):
        assert raw(store) == {
            key_id: key for key_id, key in before.items() if key_id not in gone.destroyed
        }
        assert store.by_id([made[people[0]].key_id]) == {}
    assert set(keys.is_shredded(before)) == set(gone.destroyed)
    assert shred(keys, people[:1], DAY).destroyed == ()


def test_keys_read_once_open_what_was_sealed_and_none_that_was_destroyed(
    keys: KeyStore,
) -> None:
    made = keys.for_subjects([A, B])
    ids = [key.key_id for key in made.values()]
    sealed = made[B].cipher.encrypt(bytes(NONCE_BYTES), b"row", b"place")

    assert set(keys.by_id_once(ids)) == set(ids)
    shred(keys, [A], DAY)
    opened_keys = keys.by_id_once([*ids, bytes(16)])

    assert set(opened_keys) == {made[B].key_id}
    opened = opened_keys[made[B].key_id].cipher.decrypt(bytes(NONCE_BYTES), sealed, b"place")
    assert opened == b"row"
    assert keys.by_id_once([]) == {}


def test_after_a_rotation_a_restored_backup_of_the_key_store_opens_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = open_keys(installation_at(Path()))
    made = keys.for_subjects([A, B])
    keys.tables.scrub()
    shutil.copy(home / "keys.db", home / "backup.db")
    shred(keys, [A], DAY)
    assert rotate_root(keys) == len({bucket_of(key.key_id) for key in made.values()})
    assert set(raw(open_keys(installation_at(Path())))) == {made[B].key_id}
    shutil.copy(home / "backup.db", home / "keys.db")
    with pytest.raises(SealError):
        open_keys(installation_at(Path())).by_id([made[A].key_id])


def test_a_backup_opens_an_erased_key_where_the_root_was_not_rotated(home: Path) -> None:
    """Why the root is rotated: without it, the same backup brings the person back."""
    keys = open_keys(installation_at(Path()))
    made = keys.for_subjects([A])
    keys.tables.scrub()
    shutil.copy(home / "keys.db", home / "backup.db")
    shred(keys, [A], DAY)
    shutil.copy(home / "backup.db", home / "keys.db")
    assert set(open_keys(installation_at(Path())).by_id([made[A].key_id])) == {made[A].key_id}


def test_nothing_of_a_destroyed_key_lies_in_the_file(home: Path) -> None:
    keys = open_keys(installation_at(Path()))
    key_id = keys.for_subjects([A, B])[A].key_id
    (wrapped,) = [
        row[0] for row in keys.tables.rows("SELECT wrapped FROM keys WHERE key_id = ?", key_id)
    ]
    shred(keys, [A], DAY)
    left = b"".join(path.read_bytes() for path in home.glob("keys.db*"))
    assert wrapped not in left
    assert (home / "keys.db-wal").stat().st_size == 0


@pytest.mark.parametrize("point", ["advance", "wrapped", "scrubbed"])
def test_a_rotation_that_was_cut_off_loses_no_key_and_the_next_one_ends_it(
    keys: KeyStore, home: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    before = {A: keys.for_subjects([A, B])[A].nonce_key}

    class CutOffError(Exception):
        pass

    def cut(*_: Any) -> None:
        raise CutOffError

    with monkeypatch.context() as patch:
        if point == "advance":
            patch.setattr(type(keys.tables), "writing", cut)
        elif point == "wrapped":
            patch.setattr(type(keys.root_key), "retire", cut)
        else:
            patch.setattr("pathlib.Path.replace", cut)
        with pytest.raises(CutOffError):
            rotate_root(keys)
    for _ in range(2):
        assert open_keys(installation_at(Path())).for_subjects([A])[A].nonce_key == before[A]
        rotate_root(open_keys(installation_at(Path())))
    assert not (home / "root.next.key").exists()
    assert keys.for_subjects([A])[A].nonce_key == before[A]


def test_a_store_that_was_open_all_the_while_notices_what_others_destroy_and_rotate(
    keys: KeyStore,
) -> None:
    made = keys.for_subjects([A, B])
    other = open_keys(installation_at(Path()))
    shred(other, [A], DAY)
    rotate_root(other)
    assert set(keys.by_id([made[A].key_id, made[B].key_id])) == {made[B].key_id}
    keys.for_subjects([f"{i:032x}" for i in range(100)])
    assert len(raw(open_keys(installation_at(Path())))) == 101


def test_an_erased_subject_gets_no_new_key_until_readmitted_or_lifted(keys: KeyStore) -> None:
    keys.for_subjects([A])
    set_tombstones(keys, [A], DAY)
    assert keys.for_subjects([A])  # what is there may be used until it is destroyed
    shred(keys, [A], DAY)
    for store in (keys, open_keys(installation_at(Path()))):
        with pytest.raises(ErasedError, match="1 such subjects"):
            store.for_subjects([A, B])
    checkpoint = keys.tombstones().checkpoint
    assert readmit_subjects(keys, [A], DAY) == 1
    assert readmit_subjects(keys, [A], DAY) == 0
    assert keys.tombstones().checkpoint == checkpoint
    assert keys.tombstones().get(A) == DAY
    assert keys.for_subjects([A])
    set_tombstones(keys, [A], date(2027, 1, 1))
    shred(keys, [A], date(2027, 1, 1))
    with pytest.raises(ErasedError):
        keys.for_subjects([A])
    assert lift_tombstones(keys, [A, B], DAY) == 1
    assert keys.tombstones().get(A) is None
    assert keys.for_subjects([A])
    assert keys.tombstones().checkpoint.count == 3


def test_a_key_that_an_erasure_destroys_as_soon_as_it_is_made_is_said_to_be_one(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = keys._make

    def make_and_erase(lookups: dict[bytes, str]) -> None:
        make(lookups)
        shred(open_keys(installation_at(Path())), [A], DAY)

    monkeypatch.setattr(keys, "_make", make_and_erase)
    with pytest.raises(ErasedError, match="1 such subjects"):
        keys.for_subjects([A, B])


def test_the_checkpoint_counts_erasures_and_says_nothing_about_whom(keys: KeyStore) -> None:
    empty = keys.tombstones().checkpoint
    set_tombstones(keys, [A, B, A], DAY)
    after = keys.tombstones().checkpoint
    assert (empty.count, after.count) == (0, 2)
    assert after.sha256 != empty.sha256
    set_tombstones(keys, [A], DAY)
    assert keys.tombstones().checkpoint == after
    stored = b"".join(bytes(row[0]) for row in keys.tables.rows("SELECT mark FROM tombstones"))
    assert A.encode() not in stored
    assert keys.lookup(A, Retention.TRAINING) not in stored


def test_a_held_decision_record_leaves_the_pipelines_reach_and_two_custodians_open_it(
    keys: KeyStore,
) -> None:
    keys.for_subjects([A, B])
    reasons = keys.for_subjects([A, B], Retention.DECISION_RECORD)
    gone = shred(keys, [A, B], DAY, restrict={A: restriction()})
    assert gone.restricted == (reasons[A].key_id,)
    assert keys.by_id([reasons[A].key_id]) == {}
    ((key_id, sealed),) = restricted_envelopes(keys, A).items()
    pair = [(name, local_custodian(name, installation_at(Path()))) for name in LOCAL]
    assert unseal_by_two(key_id, sealed, pair)[32:] == reasons[A].nonce_key
    rotate_root(keys)
    assert restricted_envelopes(open_keys(installation_at(Path())), A) == {key_id: sealed}


def test_one_custodian_or_a_stranger_opens_nothing(keys: KeyStore, tmp_path: Path) -> None:
    for name in ("ada", "ben", "eve"):
        new_custodian(name, tmp_path / f"{name}.pem", tmp_path)
    named = load_custodians(installation_at(tmp_path), allow_local=False)
    keys.for_subjects([A], Retention.DECISION_RECORD)
    shred(keys, [A], DAY, restrict={A: restriction(custodians=named)})
    ((key_id, sealed),) = restricted_envelopes(keys, A).items()
    private = {name: read_private_key(tmp_path / f"{name}.pem") for name in ("ada", "ben", "eve")}
    assert set(json.loads(sealed)) == {"ada + ben", "ada + eve", "ben + eve"}
    for pair in (("ada", "ben"), ("eve", "ada"), ("ben", "eve")):
        assert len(unseal_by_two(key_id, sealed, [(name, private[name]) for name in pair])) == 64
    for wrong in (
        [("ada", private["ada"]), ("ada", private["ada"])],
        [("ada", private["ada"]), ("ben", private["ada"])],
        [("ada", private["ada"]), ("eve", local_custodian("stranger", installation_at(Path())))],
    ):
        with pytest.raises(SealError, match="Ask two of: ada, ben, eve"):
            unseal_by_two(key_id, sealed, wrong)
    assert (tmp_path / "ada.pem").stat().st_mode & 0o077 == 0


def test_a_restricted_key_dies_without_anybody_opening_it_and_no_backup_keeps_it(
    home: Path,
) -> None:
    keys = open_keys(installation_at(Path()))
    reasons = keys.for_subjects([A, B], Retention.DECISION_RECORD)
    shred(keys, [A, B], DAY, restrict={A: restriction(), B: restriction()})
    shutil.copy(home / "keys.db", home / "backup.db")
    assert shred_restricted(keys, restricted_of(keys, A), DAY) == (reasons[A].key_id,)
    assert shred_restricted(keys, [reasons[A].key_id], DAY) == ()
    rotate_root(keys)
    assert restricted_envelopes(keys, A) == {}
    assert set(restricted_envelopes(keys, B)) == {reasons[B].key_id}
    shutil.copy(home / "backup.db", home / "keys.db")
    with pytest.raises(SealError):
        restricted_envelopes(open_keys(installation_at(Path())), A)


def test_custodians_must_be_named_where_the_root_key_is_in_real_custody(
    home: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="at least two people"):
        load_custodians(installation_at(tmp_path), allow_local=False)
    new_custodian("ada", tmp_path / "ada.pem", tmp_path)
    with pytest.raises(ConfigError):
        load_custodians(installation_at(tmp_path), allow_local=False)


def test_erasures_that_run_at_once_in_one_bucket_lose_nobody(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All keys in one bucket, four stores that shred and make keys at the same time."""
    monkeypatch.setattr("tasks.keystore.keys.BUCKETS", 1)
    people = [f"{i:032x}" for i in range(60)]
    keys.for_subjects(people)
    faults = []

    def work(mine: list[str]) -> None:
        try:
            store = open_keys(installation_at(Path()))
            for subject in mine:
                shred(store, [subject], DAY)
                store.for_subjects([subject[::-1]])
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(people[i:40:4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(raw(open_keys(installation_at(Path())))) == 60
    assert set(open_keys(installation_at(Path())).for_subjects(people[40:])) == set(people[40:])


def test_the_one_lock_is_waited_for_by_others_and_freed_when_its_holder_is_gone(
    keys: KeyStore,
) -> None:
    order = []

    def second() -> None:
        with open_keys(installation_at(Path())).tables.erasure_lock():
            order.append("second")

    with keys.tables.erasure_lock():
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(timeout=0.5)
        order.append("first")
    waiting.join(timeout=30)
    assert order == ["first", "second"]


def test_an_altered_key_is_refused_not_skipped(keys: KeyStore) -> None:
    made = keys.for_subjects([A])
    keys.tables.run("UPDATE keys SET wrapped = ?", [(b"x" * 92,)])
    with pytest.raises(SealError, match="altered"):
        open_keys(installation_at(Path())).by_id([made[A].key_id])
    assert BUCKETS == 4096


def test_new_keys_are_inserted_in_the_order_of_their_table(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At random places of a large table, pages are written again and again."""
    inserted: list[bytes] = []
    run = keys.tables.run

    def noted(sql: str, rows: Iterable[Row] = ((),)) -> None:
        rows = list(rows)
        if sql.startswith("INSERT INTO keys"):
            inserted.extend(row[0] for row in rows)
        run(sql, rows)

    monkeypatch.setattr(keys.tables, "run", noted)
    found = keys.for_subjects([f"{number:032x}" for number in range(20)])
    assert inserted == sorted(key.key_id for key in found.values())


def test_keys_of_many_are_made_in_order_some_at_a_time_and_those_there_are_stay(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.keystore.keys.LOOKED_UP_AT_ONCE", 8)
    monkeypatch.setattr("tasks.keystore.keys.MADE_AT_ONCE", 7)
    people = [f"{number:032x}" for number in range(30)]
    before = keys.for_subjects(people[5:10])
    inserted: list[list[bytes]] = []
    made: list[int] = []
    run = keys.tables.run

    def noted(sql: str, rows: Iterable[Row] = ((),)) -> None:
        rows = list(rows)
        if sql.startswith("INSERT INTO keys"):
            inserted.append([row[0] for row in rows])
        run(sql, rows)

    monkeypatch.setattr(keys.tables, "run", noted)
    keys.make_missing(pd.Series(people, dtype="str"), advance=made.append)

    assert made == [len(batch) for batch in inserted] == [7, 7, 7, 4]
    # Over all batches: the next one goes on where the last one ended.
    ids = [key_id for batch in inserted for key_id in batch]
    assert ids == sorted(ids)
    found = keys.for_subjects(people)
    assert {key.key_id for key in found.values()} == {*ids, *(k.key_id for k in before.values())}
    assert {name: found[name].nonce_key for name in before} == {
        name: key.nonce_key for name, key in before.items()
    }

    keys.make_missing(pd.Series(people, dtype="str"))
    keys.make_missing(pd.Series([], dtype="str"))
    assert len(inserted) == 4
    keys.make_missing(pd.Series(people[:2], dtype="str"), Retention.DECISION_RECORD)
    assert len(inserted[-1]) == 2


def test_nobody_who_is_erased_while_keys_of_many_are_made_gets_one(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.keystore.keys.MADE_AT_ONCE", 1)
    people = pd.Series([f"{number:032x}" for number in range(4)], dtype="str")

    def erase_all(_: int) -> None:
        set_tombstones(open_keys(installation_at(Path())), people.tolist(), DAY)

    with pytest.raises(ErasedError, match="1 such subjects"):
        keys.make_missing(people, advance=erase_all)
    assert keys.tables.rows("SELECT count(*) FROM keys") == [(1,)]


def test_of_two_who_make_a_key_for_one_person_the_first_is_taken(
    keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: dict[str, bytes] = {}
    rows_among = keys.tables.rows_among

    def looked_up_before(sql: str, values: Any) -> Any:
        found = list(rows_among(sql, values))
        if not first:
            others = open_keys(installation_at(Path())).for_subjects([A])
            first.update({name: key.key_id for name, key in others.items()})
        return iter(found)

    monkeypatch.setattr(keys.tables, "rows_among", looked_up_before)
    keys.make_missing(pd.Series([A, B], dtype="str"))
    assert keys.for_subjects([A])[A].key_id == first[A]
    assert keys.tables.rows("SELECT count(*) FROM keys") == [(2,)]


def test_a_key_is_nowhere_shown_and_its_parts_are_those_of_its_bytes(keys: KeyStore) -> None:
    key = keys.for_subjects([A])[A]
    assert {repr(key), str(key), f"{key}", f"{[key]}"} == {"SubjectKey(…)", "[SubjectKey(…)]"}
    assert (len(key.key_id), len(key), len(key.nonce_key)) == (ID_BYTES, 80, 32)
    sealed = AESGCM(key[16:48]).encrypt(bytes(NONCE_BYTES), b"row", b"place")
    assert key.cipher.decrypt(bytes(NONCE_BYTES), sealed, b"place") == b"row"


@pytest.mark.parametrize("people", [3, 40])
def test_a_part_of_all_keys_is_found_by_either_way_of_reading(keys: KeyStore, people: int) -> None:
    """Few are looked up one by one; for many the whole table is read."""
    everybody = [f"{i:032x}" for i in range(60)]
    made = keys.for_subjects(everybody)
    wanted = everybody[:people]

    for store in (keys, open_keys(installation_at(Path()))):
        assert store.for_subjects(wanted) == {subject: made[subject] for subject in wanted}
        ids = [made[subject].key_id for subject in wanted]
        expected = {key_id: made[subject] for key_id, subject in zip(ids, wanted, strict=True)}
        assert store.by_id([*ids, bytes(16)]) == store.by_id_once([*ids, bytes(16)]) == expected
