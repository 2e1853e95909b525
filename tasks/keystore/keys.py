"""The key store: one root key, 4,096 bucket keys, one random key per subject and retention class.

Each wraps the next. A subject's key is never derived from another key: what can be derived can be
derived again. The way from a subject's pseudonym to its key is a row, and a row can be deleted.

Buckets are there for erasing: to make a wrapped key worthless in every backup, its bucket gets a
new key and only the neighbours in that bucket are wrapped anew (`tasks.keystore.shredding`).
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import SealError
from tasks.keystore.key_tables import RESTORE, KeyTables, Row, open_key_tables
from tasks.keystore.root_key import RootKey, open_root_key
from tasks.keystore.tombstones import Tombstones
from tasks.system.installation import Installation

if TYPE_CHECKING:
    import pandas as pd

# Of ten million keys a bucket holds 2,400, which are soon wrapped anew; and unwrapping all buckets
# is 21 requests to a key service (`tasks.keystore.transit_root_key`).
BUCKETS = 4096
ID_BYTES = 16
KEY_BYTES = 64
SEALING_BYTES = 32  # the first half seals rows (AES-256), the second makes their nonces
# Where they stand in the bytes of a `SubjectKey`.
KEY_ID = slice(ID_BYTES)
SEALING = slice(ID_BYTES, ID_BYTES + SEALING_BYTES)
NONCES = slice(ID_BYTES + SEALING_BYTES, None)
NONCE_BYTES = 12  # of AES-GCM; random ones, for a bucket key wraps far fewer than 2**32 keys
KeyColumn = Literal["lookup", "key_id"]
KEY_COLUMNS: tuple[KeyColumn, ...] = ("lookup", "key_id")
ROWS_AT_ONCE = 10_000  # unwrapped in one go
LOOKED_UP_AT_ONCE = 65_536
# In one transaction, which writes each page that it touches: of few keys that is a page for each.
MADE_AT_ONCE = 524_288
REMEMBERED_KEYS = 100_000  # in memory between two reads
# From this part of all keys on, reading the whole table beats looking each up. A lookup is two
# searches, first in its index and then by key id.
SCAN_RATIOS: Mapping[KeyColumn, int] = {"lookup": 4, "key_id": 2}

# Names of facts in the database.
KEPT = "kept keys"  # how many keys there are, about
GENERATION = "generation"  # moves whenever a key was destroyed, restricted or wrapped anew

T = TypeVar("T")


class Retention(StrEnum):
    """Why a row is kept, and so which of its subject's keys seals it.

    Classes are erased each at its own time.
    """

    # The data path: may be erased at any time.
    TRAINING = "training"
    # Why a person was declined: some laws ask to keep it (12 CFR 1002.12(b)).
    DECISION_RECORD = "decision-record"


class SubjectKey(bytes):
    """One subject's random keys, behind their id: one that seals rows, one that makes their nonces.

    One string of bytes, and the cipher made anew for each use: a pass over data has a key for each
    person and uses most of them once, so that ciphers which are kept cost more time and memory than
    they save.
    """

    __slots__ = ()

    @property
    def key_id(self) -> bytes:
        """What the key is called where its rows lie."""
        return self[KEY_ID]

    @property
    def cipher(self) -> AESGCM:
        """What seals and unseals rows: made anew each time it is asked for."""
        return AESGCM(self[SEALING])

    @property
    def nonce_key(self) -> bytes:
        """What makes the nonces of rows."""
        return self[NONCES]

    def __repr__(self) -> str:
        """Return its type alone: no message or log ever shows a key."""
        return "SubjectKey(…)"

    __str__ = __repr__


class ErasedError(SealError):
    """A new key was asked for a subject who has been erased."""


class KeyStore:
    """Keys by subject, for sealing, and by key id, for unsealing.

    What it remembers of keys is forgotten as soon as any process destroys one.
    """

    def __init__(
        self,
        tables: KeyTables,
        root_key: RootKey,
        *,
        pepper: bytes,
        mac_key: bytes,
        mark_key: bytes,
    ) -> None:
        self.tables = tables
        self.root_key = root_key
        self.mac_key = mac_key  # authenticates whole files: their length and order
        self.mark_key = mark_key  # makes the marks of tombstones
        self._pepper = pepper  # makes lookups, so that the table alone matches no pseudonym
        self._generation = ""
        # By bucket: its wrapped key as it is stored, and its key.
        self._buckets: dict[int, tuple[bytes, AESGCM]] = {}
        # The same keys by each column that they are looked up by.
        self._keys: dict[KeyColumn, dict[bytes, SubjectKey]] = {name: {} for name in KEY_COLUMNS}

    def for_subjects(
        self, subjects: Iterable[str], retention: Retention = Retention.TRAINING
    ) -> dict[str, SubjectKey]:
        """Return a key for each subject; one that has none gets a new random one.

        Two processes that ask for the same new subject at once are given the same key.

        Raises:
            ErasedError: A subject without a key was erased, perhaps while the caller was at work.
                None is made: a slow writer cannot bring an erased person back.
        """
        subjects = list(dict.fromkeys(subjects))
        lookups = self._lookups(subjects, retention)
        keys = self._find("lookup", lookups)

        if len(keys) < len(lookups):
            missing = {
                lookup: subject
                for lookup, subject in zip(lookups, subjects, strict=True)
                if lookup not in keys
            }
            self._make(missing)
            # Read, not remembered: another process may have made a key first, and its key counts.
            keys |= self._find("lookup", list(missing))
            # Made and destroyed again between the two: an erasure took the lock in that moment.
            if gone := len(lookups) - len(keys):
                raise self._erased(gone)
        return dict(zip(subjects, map(keys.__getitem__, lookups), strict=True))

    def make_missing(
        self,
        subjects: "pd.Series[str]",
        retention: Retention = Retention.TRAINING,
        advance: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Make the keys that different subjects lack; none is read, and `advance` counts them.

        For a delivery of many new people, before their rows are sealed some at a time. Ids are
        random, so that keys which are made some at a time go to all pages of the table each time,
        and each page is written again and again (ADR 124). Here all ids are
        drawn first, and keys made in their order.

        Raises:
            ErasedError: As `for_subjects` does; keys of others may have been made.
        """
        import numpy as np

        # What is kept of each is 40 bytes: ten million Python objects would be gigabytes.
        lookups = bytearray()
        place_parts = [np.zeros(0, np.int64)]
        for start in range(0, len(subjects), LOOKED_UP_AT_ONCE):
            asked = self._lookups(subjects.iloc[start : start + LOOKED_UP_AT_ONCE], retention)
            query = "SELECT lookup FROM keys WHERE lookup {among}"
            known = {bytes(lookup) for (lookup,) in self.tables.rows_among(query, asked)}
            missing = [number for number, lookup in enumerate(asked) if lookup not in known]
            lookups += b"".join([asked[number] for number in missing])
            place_parts.append(np.array(missing, np.int64) + start)

        places = np.concatenate(place_parts)
        ids = os.urandom(ID_BYTES * len(places))
        # By the first eight bytes of each, as the table lies.
        order = np.argsort(np.frombuffer(ids, ">u8")[::2])
        for start in range(0, len(order), MADE_AT_ONCE):
            batch = order[start : start + MADE_AT_ONCE]
            spans = [slice(ID_BYTES * number, ID_BYTES * (number + 1)) for number in batch.tolist()]
            self._insert(
                [(ids[span], bytes(lookups[span])) for span in spans],
                subjects.iloc[places[batch]],
            )
            advance(len(batch))

    def by_id(self, key_ids: Iterable[bytes]) -> dict[bytes, SubjectKey]:
        """Return the keys that still exist.

        One that was destroyed or restricted is absent, and so its rows cannot be read.
        """
        return self._find("key_id", list(dict.fromkeys(key_ids)))

    def by_id_once(self, key_ids: Collection[bytes]) -> dict[bytes, SubjectKey]:
        """Return the same, and remember none of it.

        For a pass over everybody's rows, in which each key is of use once.
        """
        self._forget_if_changed()
        keys, _ = self._retry_if_rewrapped(lambda: self._fetch("key_id", list(key_ids)))
        return {key[:ID_BYTES]: key for key in keys}

    def ids_of(self, subject: str) -> dict[Retention, bytes]:
        """Return the ids of the keys that a subject has now, by retention class."""
        lookups = {self.lookup(subject, retention): retention for retention in Retention}
        rows = self.tables.rows_among(
            "SELECT lookup, key_id FROM keys WHERE lookup {among}", list(lookups)
        )
        return {lookups[bytes(lookup)]: bytes(key_id) for lookup, key_id in rows}

    def lookup(self, subject: str, retention: Retention) -> bytes:
        """Return the name under which a subject's key is stored.

        It is BLAKE2b keyed with the pepper (RFC 7693), 128 bits.
        """
        return self._lookups([subject], retention)[0]

    def _lookups(self, subjects: Iterable[str], retention: Retention) -> list[bytes]:
        """Return the lookups of subjects, in their order."""
        # Keyed once: a copy of the state is cheaper than the key's own block for each subject.
        keyed = blake2b(key=self._pepper, digest_size=ID_BYTES, person=b"lookup")
        keyed.update(f"{retention}\x00".encode())
        lookups = []
        for subject in subjects:
            state = keyed.copy()
            state.update(subject.encode())
            lookups.append(state.digest())
        return lookups

    def tombstones(self) -> Tombstones:
        """Return who has been erased, and since when."""
        return Tombstones.read(self.tables, self.mark_key)

    def is_shredded(self, key_ids: Collection[bytes]) -> dict[bytes, tuple[int, str]]:
        """Return, of those key ids that were destroyed, their place among erasures and the day."""
        rows = self.tables.rows_among(
            "SELECT key_id, seq, day FROM destroyed WHERE key_id {among}", list(key_ids)
        )
        return {bytes(key_id): (place, day) for key_id, place, day in rows}

    # How keys are found.

    def _find(self, column: KeyColumn, names: list[bytes]) -> dict[bytes, SubjectKey]:
        """Return keys by `lookup` or `key_id`: from memory, unless any was destroyed since."""
        self._forget_if_changed()
        remembered = self._keys[column]
        keys = {name: remembered[name] for name in names if name in remembered}
        unknown = [name for name in names if name not in keys] if keys else names

        if unknown:
            # All at once, not the oldest: a pass over data reads each key once, so that keeping
            # some would save nothing.
            # Buckets stay open: there are few, and with a key service each costs a request.
            if len(self._keys["key_id"]) + len(unknown) > REMEMBERED_KEYS:
                self._forget_keys()
            found, lookups = self._retry_if_rewrapped(lambda: self._fetch(column, unknown))
            by_lookup = dict(zip(lookups, found, strict=True))
            by_id = {key[:ID_BYTES]: key for key in found}
            keys |= by_lookup if column == "lookup" else by_id

            # Under both names: whoever reads rows mostly writes rows of the same people.
            if len(unknown) <= REMEMBERED_KEYS:
                self._keys["lookup"] |= by_lookup
                self._keys["key_id"] |= by_id
        return keys

    def _fetch(self, column: KeyColumn, names: list[bytes]) -> tuple[list[SubjectKey], list[bytes]]:
        """Return the keys that exist, and the lookup of each."""
        keys: list[SubjectKey] = []
        lookups: list[bytes] = []
        # One view of both tables: a key and the bucket key that wraps it belong together.
        with self.tables.reading():
            rows = iter(self._rows_of(column, names))
            # So few at once that the interpreter does not look for cycles among them.
            while batch := list(islice(rows, ROWS_AT_ONCE)):
                self._open_buckets({bucket for _, _, bucket, _ in batch})
                for lookup, key_id, bucket, wrapped in batch:
                    unwrap = self._buckets[bucket][1].decrypt
                    # The key's id is associated data: a wrapping that was moved to another row
                    # opens nothing.
                    secret = unwrap(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id)
                    keys.append(SubjectKey(key_id + secret))
                    lookups.append(lookup)

        return keys, lookups

    def _rows_of(self, column: KeyColumn, names: list[bytes]) -> Iterable[Row]:
        query = "SELECT lookup, key_id, bucket, wrapped FROM keys"
        if len(names) * SCAN_RATIOS[column] < int(self.fact(KEPT) or 0):
            return self.tables.rows_among(f"{query} WHERE {column} {{among}}", names)

        among = set(names)
        place = KEY_COLUMNS.index(column)
        return (row for row in self.tables.stream(query) if row[place] in among)

    def _retry_if_rewrapped(self, read: Callable[[], T]) -> T:
        """Read, and once more with nothing remembered: keys may be wrapped anew between two looks.

        Raises:
            SealError: It fails a second time, so that the key was altered.
        """
        try:
            return read()
        # A bucket's key that another process replaced unwraps nothing (InvalidTag), and so does a
        # root key that it rotated away (SealError). Of an altered key both look the same: only a
        # second look tells.
        except (InvalidTag, SealError):
            self._forget()
            self.root_key.refresh()

        try:
            return read()
        except InvalidTag as error:
            raise SealError(
                self.tables.name,
                expected="whole keys",
                found="an altered one",
                remedy=f"{RESTORE}.",
            ) from error

    def generation(self) -> str:
        """Return what moves whenever any process destroys keys or wraps them anew.

        Whoever holds keys for longer than one piece of work compares it, and asks for keys again.
        """
        return self.fact(GENERATION) or "0"

    def _forget_if_changed(self) -> None:
        # One small query for each batch of keys, instead of a message between processes and hosts.
        # What was destroyed after it is found destroyed by the next batch.
        generation = self.generation()
        if generation != self._generation:
            self._forget()
            self.root_key.refresh()
            self._generation = generation

    def _forget(self) -> None:
        self._buckets.clear()
        self._forget_keys()

    def _forget_keys(self) -> None:
        for remembered in self._keys.values():
            remembered.clear()

    # How keys are made.

    def _make(self, lookups: dict[bytes, str]) -> None:
        """Make keys for lookups that have none; `lookups` maps them to their subjects."""
        # By id, as the table lies: neighbours are on one page, which is written once. Ids are
        # random, so that their order says nothing of anybody.
        pairs = sorted((os.urandom(ID_BYTES), lookup) for lookup in lookups)
        self._insert(pairs, lookups.values())

    def _insert(self, pairs: list[tuple[bytes, bytes]], subjects: Iterable[str]) -> None:
        """Make keys of new ids for lookups, sorted by id, of these subjects."""
        with self.tables.writing():
            # Inside the transaction, because an erasure or a rotation may have ended just before:
            # 1. drop bucket keys that another process replaced, and read the root key again;
            # 2. refuse whoever was erased meanwhile;
            # 3. make keys, and let the first process win where two make the same.
            self._forget_changed_buckets()
            self.root_key.refresh()

            self._refuse_erased(subjects)

            self._open_buckets({bucket_of(key_id) for key_id, _ in pairs}, may_make=True)
            # Not all at once: SQLite asks for one row after the other.
            rows = (
                (key_id, lookup, bucket_of(key_id), self._new_wrapped_key(key_id))
                for key_id, lookup in pairs
            )
            self.tables.run(
                "INSERT INTO keys VALUES (?,?,?,?) ON CONFLICT (lookup) DO NOTHING", rows
            )
            self.count_kept(len(pairs))

    def _new_wrapped_key(self, key_id: bytes) -> bytes:
        """Return a new random key, wrapped by its bucket's key, which must be open."""
        cipher = self._buckets[bucket_of(key_id)][1]
        random = os.urandom(NONCE_BYTES + KEY_BYTES)
        nonce = random[:NONCE_BYTES]
        return nonce + cipher.encrypt(nonce, random[NONCE_BYTES:], key_id)

    def _refuse_erased(self, subjects: Iterable[str]) -> None:
        tombstones = self.tombstones()
        if not len(tombstones):
            return

        erased = sum(tombstones.is_out(subject) for subject in subjects)
        if erased:
            raise self._erased(erased)

    def _erased(self, subjects: int) -> ErasedError:
        return ErasedError(
            self.tables.name,
            expected="no row about anybody who was erased",
            found=f"{subjects:,} such subjects, erased since this began",
            remedy="Run the release again: it reads who was erased first.",
        )

    def _open_buckets(self, buckets: Collection[int], *, may_make: bool = False) -> None:
        """Unwrap the keys of those buckets that are not open yet, in one call of the root key."""
        closed = sorted(set(buckets) - set(self._buckets))
        rows = self.tables.rows_among(
            "SELECT bucket, wrapped FROM buckets WHERE bucket {among}", closed
        )
        stored = {bucket: bytes(wrapped) for bucket, wrapped in rows}
        missing = [bucket for bucket in closed if bucket not in stored]
        # A bucket is made with the first key in it and never removed: without its row its keys are
        # lost, and a new one would only hide that.
        if missing and not may_make:
            raise SealError(
                self.tables.name,
                expected=f"bucket {missing[0]}",
                found="none",
                remedy=f"{RESTORE}.",
            )

        keys = self.root_key.unwrap(
            [(wrapped, context_of(bucket)) for bucket, wrapped in stored.items()]
        )
        for bucket, key in zip(stored, keys, strict=True):
            self._buckets[bucket] = (stored[bucket], AESGCM(key))
        if missing:
            self._make_buckets(missing)

    def _make_buckets(self, buckets: list[int]) -> None:
        keys = [os.urandom(32) for _ in buckets]
        wrapped_keys = self.root_key.wrap(
            [(key, context_of(bucket)) for bucket, key in zip(buckets, keys, strict=True)]
        )

        rows = list(zip(buckets, wrapped_keys, strict=True))
        self.tables.run("INSERT INTO buckets VALUES (?,?)", rows)
        for bucket, key, wrapped in zip(buckets, keys, wrapped_keys, strict=True):
            self._buckets[bucket] = (wrapped, AESGCM(key))

    def _forget_changed_buckets(self) -> None:
        """Drop bucket keys that another process replaced.

        A key that is wrapped by a bucket key that nobody stores any more would be lost.
        """
        stored = {
            bucket: bytes(wrapped)
            for bucket, wrapped in self.tables.rows("SELECT bucket, wrapped FROM buckets")
        }
        self._buckets = {
            bucket: opened
            for bucket, opened in self._buckets.items()
            if stored.get(bucket) == opened[0]
        }

    # Small facts about the store itself.

    def fact(self, name: str) -> str | None:
        """Return a fact by its name; None where it was never set."""
        rows = self.tables.rows("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def put_fact(self, name: str, value: str) -> None:
        """Set a fact; in a transaction where it must hold together with other changes."""
        self.tables.run(
            "INSERT INTO facts VALUES (?,?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [(name, value)],
        )

    def count_kept(self, more_keys: int) -> None:
        """Keep count of the keys, about: it only decides which way of reading is faster."""
        known = self.fact(KEPT)
        if known is None:
            count = self.tables.rows("SELECT count(*) FROM keys")[0][0]
        else:
            count = int(known) + more_keys
        self.put_fact(KEPT, str(max(0, count)))

    def changed(self) -> None:
        """Have every process forget its keys; called in the transaction that changes keys."""
        self.put_fact(GENERATION, str(int(self.generation()) + 1))


def bucket_of(key_id: bytes) -> int:
    """Return the bucket that a key lies in; ids are random, so that buckets fill evenly."""
    return int.from_bytes(key_id[:2]) % BUCKETS


def context_of(bucket: int) -> bytes:
    """Return what the root key binds into a bucket key's wrapping."""
    return b"bucket %d" % bucket


def open_keys(installation: Installation) -> KeyStore:
    """Return this installation's key store, made on first use.

    It lies where `$PORTCULLIS_KEYS_URL` names, else in a file.
    """
    # Secrets before tables: who finds tables without secrets knows that these were lost.
    pepper = installation.secret("pepper")
    mac_key = installation.secret("seal")
    mark_key = installation.secret("tombstone")
    root_key = open_root_key(installation)
    tables = open_key_tables(installation)
    return KeyStore(tables, root_key, pepper=pepper, mac_key=mac_key, mark_key=mark_key)
