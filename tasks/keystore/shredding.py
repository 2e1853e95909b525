"""Destroy keys: every version of a row at once, wherever it lies, without changing a byte of it.

A subject's key is wrapped by its bucket's key, and that by the root key. To destroy a key:

1. its bucket gets a new key (`_replace_bucket_key`), which overwrites the old one;
2. the neighbours in the bucket are wrapped anew, and the subject's row is deleted (`_rewrap`);
3. the root key is rotated, and the old root key destroyed (`rotate_root`).

After step 3 no backup of the key store opens the key: its wrapping needs the old bucket key, whose
wrapping needs the old root key.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import SealError
from tasks.keystore.custodians import Restriction
from tasks.keystore.key_tables import RESTORE
from tasks.keystore.keys import (
    BUCKETS,
    NONCE_BYTES,
    KeyStore,
    Retention,
    bucket_of,
    context_of,
)

RESTRICTED = BUCKETS  # a bucket of its own, whose key wraps what custodians hold
BUCKETS_AT_ONCE = 64  # of ten million keys: 160,000 in memory at once


@dataclass(frozen=True)
class Shredded:
    """Ids of the keys that were destroyed, and of those that only custodians can open now."""

    destroyed: tuple[bytes, ...]
    restricted: tuple[bytes, ...]


def shred(
    store: KeyStore,
    subjects: Collection[str],
    day: date,
    restrict: Mapping[str, Restriction] | None = None,
) -> Shredded:
    """Destroy the keys of subjects in one transaction, and empty the store's log.

    Args:
        store: The key store.
        subjects: Pseudonyms; those without keys are passed over, so that a second call changes
            nothing.
        day: The day of the erasure.
        restrict: For subjects whose decision records a law or a hold keeps: how to seal that key to
            two people. It leaves the pipelines' reach like the others, and is kept until its day
            of review.
    """
    restrictions = restrict or {}
    with store.tables.writing():
        # Read: which keys they have, and which of those are kept.
        lookups = {
            store.lookup(subject, retention): (subject, retention)
            for subject in subjects
            for retention in Retention
        }
        rows = store.tables.rows_among(
            "SELECT key_id, lookup FROM keys WHERE lookup {among}", list(lookups)
        )
        lookup_of = {bytes(key_id): bytes(lookup) for key_id, lookup in rows}
        kept: dict[bytes, Restriction] = {}
        for key_id, lookup in lookup_of.items():
            subject, retention = lookups[lookup]
            if retention is Retention.DECISION_RECORD and subject in restrictions:
                kept[key_id] = restrictions[subject]

        # Write: first out of the pipelines' reach, then to the custodians.
        buckets = {bucket_of(key_id) for key_id in lookup_of}
        opened = _rewrap(store, buckets, without=lookup_of, opened=kept)
        _put_restricted(store, lookup_of, kept, opened, day)

        destroyed = tuple(key_id for key_id in lookup_of if key_id not in kept)
        _note_destroyed(store, destroyed, day)
        store.count_kept(-len(lookup_of))
        store.changed()

    # Outside the transaction, which would keep the log from being emptied.
    store.tables.scrub()
    return Shredded(destroyed, tuple(kept))


def shred_restricted(store: KeyStore, key_ids: Collection[bytes], day: date) -> tuple[bytes, ...]:
    """Destroy restricted keys, when hold or term have ended; nobody needs to open them for that."""
    with store.tables.writing():
        rows = store.tables.rows_among(
            "SELECT key_id FROM restricted_keys WHERE key_id {among}", list(key_ids)
        )
        destroyed = {bytes(row[0]) for row in rows}
        if destroyed:
            # Read by the old bucket key, before it is replaced.
            others = {
                key_id: sealed
                for key_id, sealed in _unwrapped_restricted(store).items()
                if key_id not in destroyed
            }
            store.tables.run(
                "DELETE FROM restricted_keys WHERE key_id = ?", [(key_id,) for key_id in destroyed]
            )

            cipher = _replace_bucket_key(store, RESTRICTED)
            store.tables.run(
                "UPDATE restricted_keys SET sealed = ? WHERE key_id = ?",
                [(_wrap(cipher, key_id, sealed), key_id) for key_id, sealed in others.items()],
            )
            _note_destroyed(store, destroyed, day)
            store.changed()

    store.tables.scrub()
    return tuple(destroyed)


def restricted_of(store: KeyStore, subject: str) -> set[bytes]:
    """Return the ids of a subject's restricted keys."""
    lookup = store.lookup(subject, Retention.DECISION_RECORD)
    rows = store.tables.rows("SELECT key_id FROM restricted_keys WHERE lookup = ?", lookup)
    return {bytes(row[0]) for row in rows}


def restricted_until(store: KeyStore, day: date) -> set[bytes]:
    """Return the ids of keys that a law has kept until that day or before, and no hold keeps."""
    query = "SELECT key_id FROM restricted_keys WHERE held = 0 AND review <= ?"
    return {bytes(row[0]) for row in store.tables.rows(query, day.isoformat())}


def begin_hold(store: KeyStore, key_ids: Collection[bytes], review: date) -> None:
    """Record that a hold keeps those restricted keys: no term ends them until it is released.

    Of keys of which that is recorded nothing changes.
    """
    # The later day: a law's own term may end after the day on which somebody looks at the hold.
    day = review.isoformat()
    with store.tables.writing():
        stored = store.tables.rows_among(
            "SELECT key_id, held, review FROM restricted_keys WHERE key_id {among}", list(key_ids)
        )
        rows = [
            (day, day, bytes(key_id))
            for key_id, held, review_day in stored
            if not held or review_day < day
        ]
        if not rows:
            return

        store.tables.run(
            "UPDATE restricted_keys SET held = 1, "
            "review = CASE WHEN review < ? THEN ? ELSE review END WHERE key_id = ?",
            rows,
        )
        # An older copy of the store would not know of the hold, and destroy them at their term.
        store.changed()


def end_hold(store: KeyStore, key_ids: Collection[bytes], review: date) -> None:
    """Record that no hold keeps those keys any more; a law may, until `review`."""
    rows = [(review.isoformat(), key_id) for key_id in key_ids]
    with store.tables.writing():
        store.tables.run("UPDATE restricted_keys SET held = 0, review = ? WHERE key_id = ?", rows)


def restricted_envelopes(store: KeyStore, subject: str) -> dict[bytes, str]:
    """Return a subject's restricted keys as they are sealed to the custodians, by key id."""
    key_ids = restricted_of(store, subject)
    with store.tables.reading():
        return {
            key_id: sealed.decode()
            for key_id, sealed in _unwrapped_restricted(store).items()
            if key_id in key_ids
        }


def rotate_root(store: KeyStore) -> int:
    """Wrap every bucket by a new root key and destroy the old; return how many buckets there are.

    Interrupted at any point, it is finished by the next call: until `retire`, both root keys
    unwrap, and `advance` makes no second new one.
    """
    # Outside the transaction: a key service is no part of it. If what follows fails, both root keys
    # are there, and either opens what it wrapped.
    store.root_key.advance()
    with store.tables.writing():
        store.root_key.refresh()
        buckets = [
            (bucket, bytes(wrapped))
            for bucket, wrapped in store.tables.rows("SELECT bucket, wrapped FROM buckets")
        ]

        keys = store.root_key.unwrap([(wrapped, context_of(bucket)) for bucket, wrapped in buckets])
        wrapped_anew = store.root_key.wrap(
            [(key, context_of(bucket)) for key, (bucket, _) in zip(keys, buckets, strict=True)]
        )

        store.tables.run(
            "UPDATE buckets SET wrapped = ? WHERE bucket = ?",
            [(wrapped, bucket) for wrapped, (bucket, _) in zip(wrapped_anew, buckets, strict=True)],
        )
        store.changed()

    # Only now: before the transaction is durable, the old root key is the only one that opens all.
    store.tables.scrub()
    store.root_key.retire()
    return len(buckets)


def _rewrap(
    store: KeyStore,
    buckets: Collection[int],
    *,
    without: Mapping[bytes, bytes],
    opened: Collection[bytes],
) -> dict[bytes, bytes]:
    """Give buckets new keys, and wrap all their keys anew but those in `without`.

    Returns:
        Of those in `without`, the keys whose ids are in `opened`.
    """
    before = _stored_ciphers(store, buckets)
    after = {bucket: _replace_bucket_key(store, bucket) for bucket in before}
    opened_keys: dict[bytes, bytes] = {}

    query = "SELECT key_id, bucket, wrapped FROM keys WHERE bucket {among}"
    remaining = iter(sorted(before))
    while batch := list(islice(remaining, BUCKETS_AT_ONCE)):
        # All rows before the first update: a query must not meet what it has just changed.
        stored = [
            (bytes(key_id), bucket, bytes(wrapped))
            for key_id, bucket, wrapped in store.tables.rows_among(query, batch)
        ]

        rows = []
        for key_id, bucket, wrapped in stored:
            # What is destroyed is never unwrapped.
            if key_id in without and key_id not in opened:
                continue
            key = _unwrap(before[bucket], key_id, wrapped, store.tables.name)
            if key_id in without:
                opened_keys[key_id] = key
            else:
                rows.append((_wrap(after[bucket], key_id, key), key_id))
        store.tables.run("UPDATE keys SET wrapped = ? WHERE key_id = ?", rows)

    store.tables.run("DELETE FROM keys WHERE key_id = ?", [(key_id,) for key_id in without])
    return opened_keys


def _put_restricted(
    store: KeyStore,
    lookups: Mapping[bytes, bytes],
    kept: Mapping[bytes, Restriction],
    opened: Mapping[bytes, bytes],
    day: date,
) -> None:
    """Store kept keys, sealed to custodians and wrapped by the bucket of restricted keys.

    The wrapping is what a later `shred_restricted` destroys: custodians keep their private keys.
    """
    if not kept:
        return
    # The bucket keeps its key as more is put in: only taking out replaces it.
    cipher = _stored_ciphers(store, [RESTRICTED]).get(RESTRICTED)
    if cipher is None:
        cipher = _replace_bucket_key(store, RESTRICTED)

    rows = []
    for key_id, restriction in kept.items():
        sealed = restriction.seal(key_id, opened[key_id]).encode()
        rows.append(
            (
                key_id,
                lookups[key_id],
                _wrap(cipher, key_id, sealed),
                restriction.basis,
                day.isoformat(),
                restriction.review.isoformat(),
                int(restriction.held),
            )
        )
    store.tables.run("INSERT INTO restricted_keys VALUES (?,?,?,?,?,?,?)", rows)


def _unwrapped_restricted(store: KeyStore) -> dict[bytes, bytes]:
    """Return all restricted keys, still sealed to their custodians, by key id."""
    rows = store.tables.rows("SELECT key_id, sealed FROM restricted_keys")
    if not rows:
        return {}

    cipher = _stored_ciphers(store, [RESTRICTED])[RESTRICTED]
    return {
        bytes(key_id): _unwrap(cipher, bytes(key_id), bytes(wrapped), store.tables.name)
        for key_id, wrapped in rows
    }


def _stored_ciphers(store: KeyStore, buckets: Collection[int]) -> dict[int, AESGCM]:
    """Return the keys of buckets as they are stored now, whatever the store remembers."""
    store.root_key.refresh()
    rows = store.tables.rows_among(
        "SELECT bucket, wrapped FROM buckets WHERE bucket {among}", list(buckets)
    )
    stored = {bucket: bytes(wrapped) for bucket, wrapped in rows}

    keys = store.root_key.unwrap(
        [(wrapped, context_of(bucket)) for bucket, wrapped in stored.items()]
    )
    return {bucket: AESGCM(key) for bucket, key in zip(stored, keys, strict=True)}


def _replace_bucket_key(store: KeyStore, bucket: int) -> AESGCM:
    """Store a new random key for a bucket in place of its old one, if it has one; return it."""
    key = os.urandom(32)
    (wrapped,) = store.root_key.wrap([(key, context_of(bucket))])
    store.tables.run(
        "INSERT INTO buckets VALUES (?,?) "
        "ON CONFLICT (bucket) DO UPDATE SET wrapped = excluded.wrapped",
        [(bucket, wrapped)],
    )
    return AESGCM(key)


def _wrap(cipher: AESGCM, key_id: bytes, key: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, key, key_id)


def _unwrap(cipher: AESGCM, key_id: bytes, wrapped: bytes, name: str) -> bytes:
    try:
        return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id)
    except InvalidTag as error:
        raise SealError(
            name,
            expected="whole keys",
            found="an altered one",
            remedy=f"{RESTORE}.",
        ) from error


def _note_destroyed(store: KeyStore, key_ids: Iterable[bytes], day: date) -> None:
    (last,) = store.tables.rows("SELECT coalesce(max(seq), 0) FROM destroyed")[0]
    rows = [(key_id, last + place, day.isoformat()) for place, key_id in enumerate(key_ids, 1)]
    store.tables.run("INSERT INTO destroyed VALUES (?,?,?) ON CONFLICT (key_id) DO NOTHING", rows)
