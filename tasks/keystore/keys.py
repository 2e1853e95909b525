"""The key store: root key -> 4,096 bucket keys -> one random key per subject and retention class.

A subject's key is never derived from another: what can be derived can be derived again. The way from a subject's
pseudonym to its key is a row that can be deleted.
"""

import os
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import SealError
from tasks.keystore.root_key import Root, open_root
from tasks.keystore.shelf import Row, Shelf, open_shelf
from tasks.keystore.tombstones import Tombstones
from tasks.system.installation import Installation

BUCKETS = 4096
ID_BYTES = 16
KEY_BYTES = 64  # 32 that seal, 32 that make nonces
REMEMBERED = 100_000  # keys kept in memory between two reads
SCAN_RATIO = 6  # from a sixth of all keys on, reading all of them is faster than looking each up
KEPT = "kept keys"  # the fact that says how many there are
GENERATION = (
    "generation"  # the fact that changes whenever a key was destroyed, restricted or wrapped anew
)

T = TypeVar("T")


class Retention(StrEnum):
    """Why a row is kept, and so which of its subject's keys seals it: classes are erased each at its own time."""

    TRAINING = "training"  # the data path: may be erased at any time
    DECISION_RECORD = (
        "decision-record"  # why a person was declined: some laws ask to keep it (12 CFR 1002.12(b))
    )


class SubjectKey(NamedTuple):
    """One subject's random keys: one that seals rows, one that makes their nonces."""

    key_id: bytes
    cipher: AESGCM
    nonce_key: bytes


class ErasedError(SealError):
    """A new key was asked for a subject who has been erased."""


class KeyStore:
    """Keys by subject, for sealing, and by key id, for unsealing.

    What it remembers of keys is forgotten as soon as any process destroys one.
    """

    def __init__(
        self, shelf: Shelf, root_key: Root, *, pepper: bytes, mac_key: bytes, mark_key: bytes
    ) -> None:
        self.shelf = shelf
        self.root = root_key
        self.mac_key = mac_key  # authenticates whole files: their length and order
        self._pepper, self._mark_key = pepper, mark_key
        self._generation = ""
        self._buckets: dict[
            int, tuple[bytes, AESGCM]
        ] = {}  # bucket -> how it is wrapped, and its key
        self._known: dict[bytes, SubjectKey] = {}  # by key id
        self._ids: dict[bytes, bytes] = {}  # lookup -> key id

    def for_subjects(
        self, subjects: Iterable[str], retention: Retention = Retention.TRAINING
    ) -> dict[str, SubjectKey]:
        """Return a key for each subject; one that has none gets a new random one.

        Two processes that ask for the same new subject at once are given the same key.

        Raises:
            ErasedError: A subject without a key has been erased, perhaps while the caller was at work. None is made:
                a slow writer cannot bring an erased person back.
        """
        lookups = {self.lookup(subject, retention): subject for subject in subjects}
        found = self._find("lookup", lookups)
        if missing := {
            lookup: subject for lookup, subject in lookups.items() if lookup not in found
        }:
            self._make(missing)
            found |= self._find("lookup", missing)
        return {lookups[lookup]: key for lookup, key in found.items()}

    def by_id(self, key_ids: Iterable[bytes]) -> dict[bytes, SubjectKey]:
        """Return the keys that still exist; one that was destroyed or restricted is absent, and so are its rows."""
        return self._find("key_id", dict.fromkeys(key_ids))

    def ids_of(self, subject: str) -> dict[Retention, bytes]:
        """Return the ids of the keys that a subject has now, by retention class."""
        lookups = {self.lookup(subject, retention): retention for retention in Retention}
        found = self.shelf.among(
            "SELECT lookup, key_id FROM keys WHERE lookup {among}", list(lookups)
        )
        return {lookups[bytes(lookup)]: bytes(key_id) for lookup, key_id in found}

    def lookup(self, subject: str, retention: Retention) -> bytes:
        """Return the name under which a subject's key is found: BLAKE2b keyed with the pepper (RFC 7693), 128 bits."""
        name = f"{retention}\x00{subject}".encode()
        return blake2b(name, key=self._pepper, digest_size=ID_BYTES, person=b"lookup").digest()

    def tombstones(self) -> Tombstones:
        """Return who has been erased, and since when."""
        return Tombstones.read(self.shelf, self._mark_key)

    def is_shredded(self, key_ids: Collection[bytes]) -> dict[bytes, tuple[int, str]]:
        """Return, of those key ids that were destroyed, their place in the order of erasures and the day."""
        found = self.shelf.among(
            "SELECT key_id, seq, day FROM destroyed WHERE key_id {among}", list(key_ids)
        )
        return {bytes(key_id): (seq, day) for key_id, seq, day in found}

    # how keys are found

    def _find(self, column: str, wanted: Iterable[bytes]) -> dict[bytes, SubjectKey]:
        """Return the keys by `lookup` or `key_id`: remembered ones, unless something was destroyed since."""
        self._notice()
        ids = self._ids if column == "lookup" else None
        found, asked = {}, []
        for name in wanted:
            key = self._known.get(ids.get(name, b"") if ids is not None else name)
            if key is None:
                asked.append(name)
            else:
                found[name] = key
        if asked:
            if len(self._known) + len(asked) > REMEMBERED:
                self._forget()
            found |= self._again_if_moved(lambda: self._fetch(column, asked))
        return found

    def _fetch(self, column: str, asked: list[bytes]) -> dict[bytes, SubjectKey]:
        found: dict[bytes, SubjectKey] = {}
        remember = len(asked) <= REMEMBERED
        with self.shelf.reading():
            stored = [
                (bytes(a), bytes(b), bucket, bytes(c))
                for a, b, bucket, c in self._stored(column, asked)
            ]
            self._open({bucket for _, _, bucket, _ in stored})
        for name, key_id, bucket, wrapped in stored:
            key = self._buckets[bucket][1].decrypt(wrapped[:12], wrapped[12:], key_id)
            found[name] = SubjectKey(key_id, AESGCM(key[:32]), key[32:])
        if remember:
            self._known |= {key.key_id: key for key in found.values()}
            if column == "lookup":
                self._ids |= {name: key.key_id for name, key in found.items()}
        return found

    def _stored(self, column: str, asked: list[bytes]) -> Iterable[Row]:
        query = f"SELECT {column}, key_id, bucket, wrapped FROM keys"
        if len(asked) * SCAN_RATIO < int(self.fact(KEPT) or 0):
            return self.shelf.among(f"{query} WHERE {column} {{among}}", asked)
        names = set(asked)
        return (row for row in self.shelf.rows(query) if row[0] in names)

    def _again_if_moved(self, read: Callable[[], T]) -> T:
        """Read, and once more with nothing remembered where keys were wrapped anew between two looks."""
        try:
            return read()
        except (InvalidTag, SealError):
            self._forget()
            self.root.refresh()
        try:
            return read()
        except InvalidTag as error:
            raise SealError(
                self.shelf.name,
                expected="whole keys",
                found="an altered one",
                remedy="Restore the key store from its backup.",
            ) from error

    def _notice(self) -> None:
        if (generation := self.fact(GENERATION) or "0") != self._generation:
            self._forget()
            self.root.refresh()
            self._generation = generation

    def _forget(self) -> None:
        for memory in (self._buckets, self._known, self._ids):
            memory.clear()

    # how keys are made

    def _make(self, lookups: dict[bytes, str]) -> None:
        with self.shelf.writing():
            self._forget_buckets_that_changed()
            self.root.refresh()
            self._refuse_erased(lookups.values())
            ids = {lookup: os.urandom(ID_BYTES) for lookup in lookups}
            self._open({bucket_of(key_id) for key_id in ids.values()}, may_make=True)
            made = [
                (key_id, lookup, bucket_of(key_id), self.wrapped(key_id))
                for lookup, key_id in ids.items()
            ]
            self.shelf.run(
                "INSERT INTO keys VALUES (?,?,?,?) ON CONFLICT (lookup) DO NOTHING", made
            )
            self.count_kept(len(made))

    def wrapped(self, key_id: bytes) -> bytes:
        """Return a new random key under its bucket's key, which must be open."""
        nonce = os.urandom(12)
        return nonce + self._buckets[bucket_of(key_id)][1].encrypt(
            nonce, os.urandom(KEY_BYTES), key_id
        )

    def _refuse_erased(self, subjects: Iterable[str]) -> None:
        tombstones = self.tombstones()
        if (
            erased := sum(tombstones.is_out(subject) for subject in subjects)
            if len(tombstones)
            else 0
        ):
            raise ErasedError(
                self.shelf.name,
                expected="no row about anybody who was erased",
                found=f"{erased:,} such subjects, erased since this began",
                remedy="Run the release again: it reads who was erased first.",
            )

    def _open(self, buckets: Collection[int], *, may_make: bool = False) -> None:
        """Have the keys of those buckets at hand: all that are not yet, in one call of the root."""
        wanted = sorted(set(buckets) - set(self._buckets))
        found = self.shelf.among("SELECT bucket, wrapped FROM buckets WHERE bucket {among}", wanted)
        stored = {bucket: bytes(wrapped) for bucket, wrapped in found}
        missing = [bucket for bucket in wanted if bucket not in stored]
        if missing and not may_make:
            raise SealError(
                self.shelf.name,
                expected=f"bucket {missing[0]}",
                found="none",
                remedy="Restore its backup.",
            )
        keys = self.root.unwrap(
            [(wrapped, context_of(bucket)) for bucket, wrapped in stored.items()]
        )
        self._buckets |= {
            bucket: (stored[bucket], AESGCM(key)) for bucket, key in zip(stored, keys, strict=True)
        }
        if missing:
            made = [os.urandom(32) for _ in missing]
            wrapped = self.root.wrap(
                [(key, context_of(bucket)) for bucket, key in zip(missing, made, strict=True)]
            )
            self.shelf.run(
                "INSERT INTO buckets VALUES (?,?)", list(zip(missing, wrapped, strict=True))
            )
            for bucket, key, text in zip(missing, made, wrapped, strict=True):
                self._buckets[bucket] = text, AESGCM(key)

    def _forget_buckets_that_changed(self) -> None:
        """Drop what another process has wrapped anew since: a key wrapped by a dropped bucket key would be lost."""
        now = {
            bucket: bytes(wrapped)
            for bucket, wrapped in self.shelf.rows("SELECT bucket, wrapped FROM buckets")
        }
        self._buckets = {
            bucket: held for bucket, held in self._buckets.items() if now.get(bucket) == held[0]
        }

    # small facts about the store itself

    def fact(self, name: str) -> str | None:
        """Return a fact by its name; None where it was never set."""
        found = self.shelf.rows("SELECT value FROM facts WHERE name = ?", name)
        return str(found[0][0]) if found else None

    def put_fact(self, name: str, value: str) -> None:
        """Set a fact; within a transaction where it must hold together with other changes."""
        self.shelf.run(
            "INSERT INTO facts VALUES (?,?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [(name, value)],
        )

    def count_kept(self, more: int) -> None:
        """Keep count of the keys there are, about: it only tells which way of reading is faster."""
        known = self.fact(KEPT)
        count = (
            self.shelf.rows("SELECT count(*) FROM keys")[0][0]
            if known is None
            else int(known) + more
        )
        self.put_fact(KEPT, str(max(0, count)))

    def changed(self) -> None:
        """Tell every process, within the transaction that changes keys, to forget what it remembers."""
        self.put_fact(GENERATION, str(int(self.fact(GENERATION) or 0) + 1))


def bucket_of(key_id: bytes) -> int:
    """Return the bucket that a key lies in."""
    return int.from_bytes(key_id[:2]) % BUCKETS


def context_of(bucket: int) -> bytes:
    """Return what the root binds into a bucket key's wrapping."""
    return b"bucket %d" % bucket


def open_keys(installation: Installation) -> KeyStore:
    """Return this installation's key store, made on first use: `$PORTCULLIS_KEYS_URL`, else a file."""
    return KeyStore(
        open_shelf(installation),
        open_root(installation),
        pepper=installation.secret("pepper"),
        mac_key=installation.secret("seal"),
        mark_key=installation.secret("tombstone"),
    )
