"""The root key, which wraps the bucket keys: in a local file, or in Vault Transit in production.

Rotation has three parts: `advance` makes a new root key beside the old, the store wraps every
bucket anew, `retire` destroys the old. After that a restored backup of the key store opens nothing.
"""

import hmac
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import ConfigError, SealError
from tasks.system.installation import Installation
from tasks.system.secrets import decode_key, read_key_file, sync_folder

Pairs = Sequence[tuple[bytes, bytes]]  # (key or wrapped key, context)
NONCE_BYTES = 12  # of AES-GCM
NEXT_KEY_FILE = "root.next.key"  # lies beside `root.key` while that is exchanged
# What an old key file holds between being overwritten and being replaced.
SCRUBBED = "0" * 64
# Far more than the moment between two system calls of another process.
MOST_LOOKS = 100
LOOK_AGAIN_SECONDS = 0.01
IDENTITY_WORDS = b"portcullis root key identity v1"
IDENTITY_LENGTH = 32  # hex digits: 128 bits


class RootKey(Protocol):
    """Wraps and unwraps 32-byte keys.

    `context` is bound into a wrapping, so that none can stand for another.
    """

    @property
    def is_local(self) -> bool:
        """Whether it lies in a file of this machine: for development, not for custody."""

    def wrap(self, keys: Pairs) -> list[bytes]:
        """Return the keys wrapped, each with its context, under the newest root key."""

    def unwrap(self, wrapped: Pairs) -> list[bytes]:
        """Return the keys; a wrapping that was altered or is of another context is a SealError."""

    def identities(self) -> tuple[str, ...]:
        """Return keyed digests that tell root keys apart, the newest first; no key follows."""

    def refresh(self) -> None:
        """Notice that another process has rotated."""

    def advance(self) -> None:
        """Make a new root key for `wrap`; `unwrap` still takes the old.

        Called twice, it makes one.
        """

    def retire(self) -> None:
        """Destroy every root key but the newest. Only after everything has been wrapped by it."""


class LocalRootKey:
    """A 256-bit key in a file of mode 0600: for one machine and for development.

    While it rotates, `root.next.key` lies beside `root.key`. A file system may keep what was
    overwritten: custody that can be proven needs Transit or an HSM.
    """

    is_local = True

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._ciphers: list[AESGCM] = []
        self._identities: tuple[str, ...] = ()
        self.refresh()

    def identities(self) -> tuple[str, ...]:
        """Return those of the key files as they were last read."""
        return self._identities

    def refresh(self) -> None:
        """Read the key files again, the newest first."""
        if self._is_from_environment:
            self._take([self._installation.secret("root")])
            return

        following, current = self._read_files()
        keys = [decode_key(following, str(self._next))] if following is not None else []
        if current != SCRUBBED:
            keys.append(self._installation.secret("root"))
        self._take(keys)

    def _read_files(self) -> tuple[str | None, str | None]:
        """Return what the next and the current key file hold.

        Raises:
            SealError: The current one was overwritten, and the next one is lost.
        """
        # Another process may be between overwriting and replacing: then the new key moves between
        # our two looks, and the next look finds it in its place.
        for _ in range(MOST_LOOKS):
            # In this order. The new key moves from `next` to `current`: who looks the other way
            # round may see neither.
            following = _text_of(self._next)
            current = _text_of(self._current)
            if current != SCRUBBED or following is not None:
                return following, current
            time.sleep(LOOK_AGAIN_SECONDS)

        raise SealError(
            f"root key {self._current.name}",
            expected="a root key",
            found=f"one that was overwritten, and no {self._next.name} beside it",
            remedy=(
                f"A rotation was interrupted, and {self._next.name} holds the key since: restore "
                "it from the newest backup, with keys.db. Nothing was made anew."
            ),
        )

    def _take(self, keys: Sequence[bytes]) -> None:
        self._ciphers = [AESGCM(key) for key in keys]
        self._identities = tuple(
            hmac.digest(key, IDENTITY_WORDS, "sha256").hex()[:IDENTITY_LENGTH] for key in keys
        )

    def wrap(self, keys: Pairs) -> list[bytes]:
        """Return a random nonce and the sealed key, each."""
        newest = self._ciphers[0]
        wrapped = []
        for key, context in keys:
            nonce = os.urandom(NONCE_BYTES)
            wrapped.append(nonce + newest.encrypt(nonce, key, context))
        return wrapped

    def unwrap(self, wrapped: Pairs) -> list[bytes]:
        """Return the keys, whichever of the two root keys wrapped them."""
        return [self._unwrapped(text, context) for text, context in wrapped]

    def _unwrapped(self, wrapped: bytes, context: bytes) -> bytes:
        # GCM's tag says which of the two keys it was.
        for cipher in self._ciphers:
            with suppress(InvalidTag):
                return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        raise SealError(
            "key store",
            expected="keys wrapped by this installation's root key",
            found="others",
            remedy="Restore the root key that belongs to this key store.",
        )

    def advance(self) -> None:
        """Make `root.next.key`, unless an interrupted rotation has left one."""
        if self._is_from_environment:
            raise ConfigError(
                "$PORTCULLIS_SECRET_ROOT",
                expected="a root key that can be rotated",
                found="one that the environment holds",
                remedy="Keep it in a key file or in Transit: an erasure destroys the old root key.",
            )
        # Made only where there is none: called again after a crash, it finds the one by which some
        # buckets may be wrapped already.
        self._installation.secret("root.next")
        self.refresh()

    def retire(self) -> None:
        """Overwrite the old key file, then put the new one in its place.

        Both steps are on the disk before this returns: whoever says that a key was destroyed must
        not find it again after the power went.
        """
        if not self._next.exists():
            return

        with self._current.open("r+", encoding="ascii") as stream:
            stream.write(SCRUBBED)
            stream.flush()
            os.fsync(stream.fileno())

        self._next.replace(self._current)
        sync_folder(self._installation.home)
        self.refresh()

    @property
    def _is_from_environment(self) -> bool:
        return bool(self._installation.settings.secrets.get("PORTCULLIS_SECRET_ROOT"))

    @property
    def _current(self) -> Path:
        return self._installation.home / "root.key"

    @property
    def _next(self) -> Path:
        return self._installation.home / NEXT_KEY_FILE


def _text_of(path: Path) -> str | None:
    text = read_key_file(path)
    return None if text is None else text.strip()


def open_root_key(installation: Installation) -> RootKey:
    """Return the root key that the environment names, else the local one."""
    settings = installation.settings
    if settings.vault_address and settings.transit_key:
        # Late: most installations have no key service.
        from tasks.keystore.transit_root_key import TransitRootKey

        return TransitRootKey.of(settings)
    return LocalRootKey(installation)
