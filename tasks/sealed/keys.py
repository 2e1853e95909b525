"""The key store: root key -> 4,096 bucket keys -> one random key per subject and retention class.

A subject's key is never derived from another: what can be derived can be derived again. The way from a subject's
pseudonym to its key is a row that can be deleted.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import SealError
from tasks.sealed.root import Root, open_root
from tasks.secrets import home, secret

BUCKETS = 4096
ID_BYTES = 16
KEY_BYTES = 64  # 32 that seal, 32 that make nonces
BATCH = 10_000
TABLES = """
CREATE TABLE IF NOT EXISTS buckets (bucket INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS keys (
  key_id BLOB PRIMARY KEY, lookup BLOB NOT NULL UNIQUE, bucket INTEGER NOT NULL, wrapped BLOB NOT NULL
) WITHOUT ROWID;
"""


class SubjectKey(NamedTuple):
    """One subject's random keys: one that seals rows, one that makes their nonces."""

    key_id: bytes
    cipher: AESGCM
    nonce_key: bytes


class KeyStore:
    """Keys by subject, for sealing, and by key id, for unsealing. SQLite; one file, one machine."""

    def __init__(self, path: Path, root: Root, pepper: bytes, mac_key: bytes) -> None:
        self.path = path
        self.mac_key = mac_key  # authenticates whole files: their length and order
        self._root, self._pepper = root, pepper
        self._buckets: dict[int, AESGCM] = {}
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        path.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(TABLES)

    def for_subjects(self, subjects: Iterable[str], retention: str = "training") -> dict[str, SubjectKey]:
        """Return a key for each subject; one that has none gets a new random one.

        Two processes that ask for the same new subject at once are given the same key.
        """
        lookups = {self.lookup(subject, retention): subject for subject in subjects}
        found = self._by("lookup", lookups)
        if missing := [lookup for lookup in lookups if lookup not in found]:
            self._make(missing)
            found |= self._by("lookup", missing)
        return {lookups[lookup]: key for lookup, key in found.items()}

    def by_id(self, key_ids: Iterable[bytes]) -> dict[bytes, SubjectKey]:
        """Return the keys that still exist; one that was destroyed is absent, and so are its rows."""
        return {key.key_id: key for key in self._by("key_id", dict.fromkeys(key_ids)).values()}

    def lookup(self, subject: str, retention: str) -> bytes:
        """Return the name under which a subject's key is found: BLAKE2b keyed with the pepper (RFC 7693), 128 bits."""
        name = f"{retention}\x00{subject}".encode()
        return blake2b(name, key=self._pepper, digest_size=ID_BYTES, person=b"lookup").digest()

    def _by(self, column: str, wanted: Iterable[bytes]) -> dict[bytes, SubjectKey]:
        names = list(wanted)
        found: dict[bytes, SubjectKey] = {}
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            marks = ",".join("?" * len(batch))
            query = f"SELECT {column}, key_id, bucket, wrapped FROM keys WHERE {column} IN ({marks})"
            for name, key_id, bucket, wrapped in self._connection.execute(query, batch):
                key = self._unwrapped(key_id, bucket, wrapped)
                found[name] = SubjectKey(key_id, AESGCM(key[:32]), key[32:])
        return found

    def _make(self, lookups: list[bytes]) -> None:
        with self._writing():
            rows = []
            for lookup in lookups:
                key_id = os.urandom(ID_BYTES)
                bucket = int.from_bytes(key_id[:2]) % BUCKETS
                nonce = os.urandom(12)
                wrapped = nonce + self._bucket(bucket, may_make=True).encrypt(nonce, os.urandom(KEY_BYTES), key_id)
                rows.append((key_id, lookup, bucket, wrapped))
            self._connection.executemany("INSERT INTO keys VALUES (?,?,?,?) ON CONFLICT (lookup) DO NOTHING", rows)

    def _unwrapped(self, key_id: bytes, bucket: int, wrapped: bytes) -> bytes:
        try:
            cipher = self._buckets.get(bucket) or self._bucket(bucket)
            return cipher.decrypt(wrapped[:12], wrapped[12:], key_id)
        except InvalidTag as error:
            raise SealError(
                f"key store {self.path.name}",
                expected="whole keys",
                found=f"an altered one in bucket {bucket}",
                remedy="Restore the key store from its backup.",
            ) from error

    def _bucket(self, bucket: int, *, may_make: bool = False) -> AESGCM:
        if bucket not in self._buckets:
            context = b"bucket %d" % bucket
            row = self._connection.execute("SELECT wrapped FROM buckets WHERE bucket = ?", (bucket,)).fetchone()
            if row is None and not may_make:
                raise SealError(
                    f"key store {self.path.name}",
                    expected=f"bucket {bucket}",
                    found="none",
                    remedy="Restore its backup.",
                )
            if row is None:
                key = os.urandom(32)
                self._connection.execute("INSERT INTO buckets VALUES (?,?)", (bucket, self._root.wrap(key, context)))
            else:
                key = self._root.unwrap(bytes(row[0]), context)
            self._buckets[bucket] = AESGCM(key)
        return self._buckets[bucket]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            self._buckets.clear()  # it may hold keys that were never stored
            raise
        self._connection.execute("COMMIT")


def open_keys(root: Path = Path()) -> KeyStore:
    """Return this installation's key store, made on first use."""
    return KeyStore(home(root) / "keys.db", open_root(root), secret("pepper", root), secret("seal", root))
