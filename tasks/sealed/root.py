"""The root key, which wraps the bucket keys: in a local file on one machine, in Vault Transit in production."""

import base64
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tasks.errors import SealError, ServiceError
from tasks.secrets import secret


class Root(Protocol):
    """Wraps and unwraps 32-byte keys; `context` is bound, so that one wrapping cannot stand for another."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return `key` wrapped."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key; a wrapping that was altered or is of another context is a SealError."""


class LocalRoot:
    """A 256-bit key in a file of mode 0600: for one machine and for development."""

    def __init__(self, root: Path = Path()) -> None:
        self._cipher = AESGCM(secret("root", root))

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return a random nonce and the sealed key."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key."""
        try:
            return self._cipher.decrypt(wrapped[:12], wrapped[12:], context)
        except InvalidTag as error:
            raise SealError(
                "key store",
                expected="keys wrapped by this installation's root key",
                found="others",
                remedy="Restore the root key that belongs to this key store.",
            ) from error


class TransitRoot:
    """A key that never leaves Vault or OpenBao (`VAULT_ADDR`, `VAULT_TOKEN`, `PORTCULLIS_TRANSIT_KEY`).

    The key must be of type `aes256-gcm96`; contexts are sent as associated data.
    """

    def __init__(self, address: str, token: str, key: str) -> None:
        self._address, self._token, self._key = address.rstrip("/"), token, key

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return Transit's ciphertext (`vault:v1:…`)."""
        return self._ask("encrypt", {"plaintext": _b64(key), "associated_data": _b64(context)}, "ciphertext").encode()

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key."""
        answer = self._ask("decrypt", {"ciphertext": wrapped.decode(), "associated_data": _b64(context)}, "plaintext")
        return base64.b64decode(answer)

    def _ask(self, verb: str, body: dict[str, str], field: str) -> str:
        request = urllib.request.Request(
            f"{self._address}/v1/transit/{verb}/{self._key}",
            data=json.dumps(body).encode(),
            headers={"X-Vault-Token": self._token},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return str(json.load(answer)["data"][field])
        except urllib.error.HTTPError as error:
            raise SealError(
                f"Transit key {self._key}",
                expected=f"to {verb} a key",
                found=f"HTTP {error.code}",
                remedy="Check the token's policy and that this key store belongs to this key.",
            ) from error
        except (OSError, KeyError, ValueError) as error:
            raise ServiceError(
                self._address,
                expected="Vault or OpenBao to answer",
                found=type(error).__name__,
                remedy="Start or unseal it; nothing was lost.",
            ) from error


def open_root(root: Path = Path()) -> Root:
    """Return the root key that the environment names, else the local one."""
    address = os.environ.get("VAULT_ADDR")
    key = os.environ.get("PORTCULLIS_TRANSIT_KEY")
    if address and key:
        return TransitRoot(address, os.environ.get("VAULT_TOKEN", ""), key)
    return LocalRoot(root)


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
