"""A root key that never leaves Vault or OpenBao (the Transit secrets engine)."""

import base64
import hashlib
from collections.abc import Callable
from itertools import islice
from typing import Any

from tasks.errors import SealError
from tasks.keystore.root_key import Pairs
from tasks.settings import Settings
from tasks.system.bao import BaoServer
from tasks.system.transit import DeniedError, ask_transit

# OpenBao refuses bodies of more than a thousand strings, and a key takes two or more.
BATCH_KEYS = 200
TIMEOUT_SECONDS = 30


class TransitRootKey:
    """The key `$PORTCULLIS_TRANSIT_KEY` at `$VAULT_ADDR`, of type `aes256-gcm96`.

    Contexts are its associated data. `retire` needs a policy that allows
    `transit/keys/<key>/config` and `/trim`. Trimming destroys old versions in the storage;
    snapshots of the storage keep them: how long those are kept is how long an erasure could be
    undone.
    """

    is_local = False

    def __init__(self, server: BaoServer, token: str, key: str) -> None:
        self._server = server
        self._token = token
        self._key = key

    @classmethod
    def of(cls, settings: Settings) -> "TransitRootKey":
        """Return the key that the settings name."""
        server = BaoServer(settings.vault_address, settings.vault_ca_file, settings.vault_namespace)
        return cls(server, settings.vault_token, settings.transit_key)

    def identities(self) -> tuple[str, ...]:
        """Return one for the key by its name, whatever its versions.

        The key itself never leaves the server, and says so of itself at every use: another one
        unwraps nothing.
        """
        return (hashlib.sha256(f"transit\x00{self._key}".encode()).hexdigest()[:32],)

    def refresh(self) -> None:
        """Nothing to do: the server always knows its newest version."""

    def wrap(self, keys: Pairs) -> list[bytes]:
        """Return Transit's ciphertexts (`vault:v1:…`)."""
        return [
            text.encode() for text in self._batch("encrypt", "plaintext", "ciphertext", keys, _b64)
        ]

    def unwrap(self, wrapped: Pairs) -> list[bytes]:
        """Return the keys."""
        texts = self._batch("decrypt", "ciphertext", "plaintext", wrapped, bytes.decode)
        return [base64.b64decode(text) for text in texts]

    def advance(self) -> None:
        """Make a new version.

        A rotation that was interrupted leaves one more behind; `retire` destroys them all.
        """
        self._ask(f"keys/{self._key}/rotate", {})

    def retire(self) -> None:
        """Refuse all versions but the newest, then trim them away."""
        newest = self.newest_version()
        # The order is Transit's: only versions below both minima may be trimmed.
        only = {"min_decryption_version": newest, "min_encryption_version": newest}
        self._ask(f"keys/{self._key}/config", only)
        self._ask(f"keys/{self._key}/trim", {"min_available_version": newest})

    def newest_version(self) -> int:
        """Return the number of the newest version; asking makes no key, as wrapping would."""
        return int(self._ask(f"keys/{self._key}", None)["latest_version"])

    def _batch(
        self,
        verb: str,
        field_sent: str,
        field_returned: str,
        pairs: Pairs,
        to_text: Callable[[bytes], str],
    ) -> list[str]:
        """Ask for many keys in few requests; return the answers in the order of the pairs."""
        remaining = iter(pairs)
        texts: list[str] = []
        while batch := list(islice(remaining, BATCH_KEYS)):
            body = [
                {field_sent: to_text(value), "associated_data": _b64(context)}
                for value, context in batch
            ]
            answers = self._ask(f"{verb}/{self._key}", {"batch_input": body})["batch_results"]

            # A request may succeed although a single item of it failed.
            # Also in number: an answer short of one would put each key after it into another
            # bucket.
            if len(answers) != len(batch) or any(field_returned not in item for item in answers):
                raise self._refused(verb, "an answer without keys")
            texts += [str(item[field_returned]) for item in answers]
        return texts

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        remedy = "Start or unseal it; nothing was lost."
        try:
            return ask_transit(
                self._server, self._token, path, body, seconds=TIMEOUT_SECONDS, remedy=remedy
            )
        except DeniedError as error:
            raise self._refused(path.split("/")[0], str(error)) from error

    def _refused(self, verb: str, found: str) -> SealError:
        return SealError(
            f"Transit key {self._key}",
            expected=f"to {verb}",
            found=found,
            remedy="Check the token's policy and that this key store belongs to this key.",
        )


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
