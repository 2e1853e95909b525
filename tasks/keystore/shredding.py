"""Destroy keys: of every version at once, wherever it lies, without changing a byte of any.

A subject's key is wrapped by its bucket's key, and that by the root. To destroy one, its bucket gets a new key, the
neighbours are wrapped anew, the old bucket key is dropped; rotating the root then leaves nothing in any backup of the
key store that could be opened.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import SealError
from tasks.keystore.custody import Restriction
from tasks.keystore.keys import BUCKETS, KeyStore, Retention, bucket_of, context_of

RESTRICTED = BUCKETS  # the bucket of its own whose key wraps what custodians hold
BUCKETS_AT_ONCE = 64  # of ten million keys: 160,000 in memory at once


@dataclass(frozen=True)
class Shredded:
    """Which keys were destroyed, and which were put out of the pipelines' reach instead."""

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
        subjects: Pseudonyms; those without keys are passed over, so that a second call changes nothing.
        day: The day of the erasure.
        restrict: For subjects whose decision records a law or a hold keeps: how to seal that key to two people. It
            leaves the pipelines' reach like the others, and is kept until `day` of review.
    """
    held = restrict or {}
    with store.shelf.writing():
        lookups = {
            store.lookup(subject, retention): (subject, retention)
            for subject in subjects
            for retention in Retention
        }
        rows = store.shelf.among(
            "SELECT key_id, lookup FROM keys WHERE lookup {among}", list(lookups)
        )
        found = {bytes(key_id): bytes(lookup) for key_id, lookup in rows}
        kept = {}
        for key_id, lookup in found.items():
            subject, retention = lookups[lookup]
            if retention is Retention.DECISION_RECORD and subject in held:
                kept[key_id] = held[subject]
        opened = _rewrap(store, {bucket_of(key_id) for key_id in found}, without=found, opened=kept)
        _put_restricted(store, found, kept, opened, day)
        gone = tuple(key_id for key_id in found if key_id not in kept)
        _note_destroyed(store, gone, day)
        store.count_kept(-len(found))
        store.changed()
    store.shelf.scrub()
    return Shredded(gone, tuple(kept))


def shred_restricted(store: KeyStore, key_ids: Collection[bytes], day: date) -> tuple[bytes, ...]:
    """Destroy restricted keys, when hold or term have ended. Nobody needs to open them for that."""
    with store.shelf.writing():
        rows = store.shelf.among(
            "SELECT key_id FROM restricted_keys WHERE key_id {among}", list(key_ids)
        )
        if found := {bytes(row[0]) for row in rows}:
            kept = {
                key_id: text for key_id, text in _restricted(store).items() if key_id not in found
            }
            store.shelf.run(
                "DELETE FROM restricted_keys WHERE key_id = ?", [(key_id,) for key_id in found]
            )
            cipher = _new_bucket(store, RESTRICTED)
            store.shelf.run(
                "UPDATE restricted_keys SET sealed = ? WHERE key_id = ?",
                [(_wrap(cipher, key_id, text), key_id) for key_id, text in kept.items()],
            )
            _note_destroyed(store, found, day)
            store.changed()
    store.shelf.scrub()
    return tuple(found)


def restricted_of(store: KeyStore, subject: str) -> set[bytes]:
    """Return the ids of a subject's restricted keys."""
    lookup = store.lookup(subject, Retention.DECISION_RECORD)
    return {
        bytes(row[0])
        for row in store.shelf.rows("SELECT key_id FROM restricted_keys WHERE lookup = ?", lookup)
    }


def restricted_until(store: KeyStore, day: date) -> set[bytes]:
    """Return the ids of the keys that a law has kept until that day or before, and no hold keeps."""
    query = "SELECT key_id FROM restricted_keys WHERE held = 0 AND review <= ?"
    return {bytes(row[0]) for row in store.shelf.rows(query, day.isoformat())}


def end_hold(store: KeyStore, key_ids: Collection[bytes], review: date) -> None:
    """Say that no hold keeps those keys any more; a law may, until `review`."""
    rows = [(review.isoformat(), key_id) for key_id in key_ids]
    with store.shelf.writing():
        store.shelf.run("UPDATE restricted_keys SET held = 0, review = ? WHERE key_id = ?", rows)


def restricted_envelopes(store: KeyStore, subject: str) -> dict[bytes, str]:
    """Return a subject's restricted keys as they are sealed to the custodians: key id -> envelopes."""
    wanted = restricted_of(store, subject)
    with store.shelf.reading():
        return {
            key_id: text.decode() for key_id, text in _restricted(store).items() if key_id in wanted
        }


def rotate_root(store: KeyStore) -> int:
    """Wrap every bucket by a new root key and destroy the old; return how many buckets there are.

    Interrupted at any point, it is finished by the next call.
    """
    store.root.advance()
    with store.shelf.writing():
        store.root.refresh()
        buckets = [
            (bucket, bytes(wrapped))
            for bucket, wrapped in store.shelf.rows("SELECT bucket, wrapped FROM buckets")
        ]
        keys = store.root.unwrap([(wrapped, context_of(bucket)) for bucket, wrapped in buckets])
        anew = store.root.wrap(
            [(key, context_of(bucket)) for key, (bucket, _) in zip(keys, buckets, strict=True)]
        )
        store.shelf.run(
            "UPDATE buckets SET wrapped = ? WHERE bucket = ?",
            [(wrapped, bucket) for wrapped, (bucket, _) in zip(anew, buckets, strict=True)],
        )
        store.changed()
    store.shelf.scrub()
    store.root.retire()
    return len(buckets)


def _rewrap(
    store: KeyStore,
    buckets: Collection[int],
    *,
    without: Mapping[bytes, bytes],
    opened: Collection[bytes],
) -> dict[bytes, bytes]:
    """Give buckets new keys and wrap anew all their keys but those in `without`; return those asked for in `opened`."""
    shelf = store.shelf
    before = _ciphers(store, buckets)
    after = {bucket: _new_bucket(store, bucket) for bucket in before}
    found: dict[bytes, bytes] = {}
    waiting = iter(sorted(before))
    while some := list(islice(waiting, BUCKETS_AT_ONCE)):
        rows = []
        query = "SELECT key_id, bucket, wrapped FROM keys WHERE bucket {among}"
        for key_id, bucket, wrapped in [
            (bytes(a), b, bytes(c)) for a, b, c in shelf.among(query, some)
        ]:
            if key_id in without and key_id not in opened:
                continue
            key = _unwrap(before[bucket], key_id, wrapped, shelf.name)
            if key_id in without:
                found[key_id] = key
            else:
                rows.append((_wrap(after[bucket], key_id, key), key_id))
        shelf.run("UPDATE keys SET wrapped = ? WHERE key_id = ?", rows)
    shelf.run("DELETE FROM keys WHERE key_id = ?", [(key_id,) for key_id in without])
    return found


def _put_restricted(
    store: KeyStore,
    lookups: Mapping[bytes, bytes],
    kept: Mapping[bytes, Restriction],
    opened: Mapping[bytes, bytes],
    day: date,
) -> None:
    if not kept:
        return
    cipher = _ciphers(store, [RESTRICTED]).get(RESTRICTED) or _new_bucket(store, RESTRICTED)
    rows = []
    for key_id, how in kept.items():
        sealed = _wrap(cipher, key_id, how.seal(key_id, opened[key_id]).encode())
        rows.append(
            (
                key_id,
                lookups[key_id],
                sealed,
                how.basis,
                day.isoformat(),
                how.review.isoformat(),
                int(how.held),
            )
        )
    store.shelf.run("INSERT INTO restricted_keys VALUES (?,?,?,?,?,?,?)", rows)


def _restricted(store: KeyStore) -> dict[bytes, bytes]:
    if not (rows := store.shelf.rows("SELECT key_id, sealed FROM restricted_keys")):
        return {}
    cipher = _ciphers(store, [RESTRICTED])[RESTRICTED]
    return {
        bytes(key_id): _unwrap(cipher, bytes(key_id), bytes(text), store.shelf.name)
        for key_id, text in rows
    }


def _ciphers(store: KeyStore, buckets: Collection[int]) -> dict[int, AESGCM]:
    """Return the keys of buckets as they are stored now, whatever was remembered."""
    store.root.refresh()
    found = store.shelf.among(
        "SELECT bucket, wrapped FROM buckets WHERE bucket {among}", list(buckets)
    )
    stored = {bucket: bytes(wrapped) for bucket, wrapped in found}
    keys = store.root.unwrap([(wrapped, context_of(bucket)) for bucket, wrapped in stored.items()])
    return {bucket: AESGCM(key) for bucket, key in zip(stored, keys, strict=True)}


def _new_bucket(store: KeyStore, bucket: int) -> AESGCM:
    key = os.urandom(32)
    (wrapped,) = store.root.wrap([(key, context_of(bucket))])
    store.shelf.run(
        "INSERT INTO buckets VALUES (?,?) ON CONFLICT (bucket) DO UPDATE SET wrapped = excluded.wrapped",
        [(bucket, wrapped)],
    )
    return AESGCM(key)


def _wrap(cipher: AESGCM, key_id: bytes, key: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, key, key_id)


def _unwrap(cipher: AESGCM, key_id: bytes, wrapped: bytes, name: str) -> bytes:
    try:
        return cipher.decrypt(wrapped[:12], wrapped[12:], key_id)
    except InvalidTag as error:
        raise SealError(
            name,
            expected="whole keys",
            found="an altered one",
            remedy="Restore the key store from its backup.",
        ) from error


def _note_destroyed(store: KeyStore, key_ids: Iterable[bytes], day: date) -> None:
    (last,) = store.shelf.rows("SELECT coalesce(max(seq), 0) FROM destroyed")[0]
    rows = [(key_id, last + place, day.isoformat()) for place, key_id in enumerate(key_ids, 1)]
    store.shelf.run("INSERT INTO destroyed VALUES (?,?,?) ON CONFLICT (key_id) DO NOTHING", rows)
