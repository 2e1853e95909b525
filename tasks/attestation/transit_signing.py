"""Signing by keys that never leave Vault or OpenBao.

Transit, one key per role, named `portcullis-<role>`.
"""

import base64
from typing import Any

from tasks.attestation.signing_keys import PublicKey
from tasks.errors import ConfigError, ServiceError
from tasks.settings import Settings
from tasks.system.bao import BaoServer
from tasks.system.transit import DeniedError, ask_transit

SECONDS = 10


class TransitSigner:
    """A Transit key of type `ed25519`.

    The token needs `read` on the key and `update` on `sign/<key>`, no more.
    """

    def __init__(self, server: BaoServer, token: str, key: str) -> None:
        self._server = server
        self._token = token
        self._key = key
        # Asked once. Where somebody rotates the key between two signatures, the second would else
        # be made by a version whose public half this process has not entered into the log.
        self._version, self.public = self._latest()

    def sign(self, data: bytes) -> bytes:
        """Return the signature, made by the version of the key that `public` shows."""
        body = {"input": base64.b64encode(data).decode(), "key_version": self._version}
        signed = str(self._ask(f"sign/{self._key}", body)["signature"])
        # Transit answers `vault:v<version>:<base64>`; the version is the one that was asked for.
        return base64.b64decode(signed.rpartition(":")[2])

    def _latest(self) -> tuple[int, PublicKey]:
        found = self._ask(f"keys/{self._key}", None)
        # A plain-text backup holds the private key, as an export does. An answer that does not say
        # whether it can be had is no answer that it cannot.
        leaving = {name: found.get(name) for name in ("exportable", "allow_plaintext_backup")}
        if found.get("type") != "ed25519" or any(value is not False for value in leaving.values()):
            states = ", ".join(f"{name}: {value}" for name, value in leaving.items())
            raise ConfigError(
                f"Transit key {self._key}",
                expected="type ed25519, not exportable, without a plain-text backup",
                found=f"{found.get('type')}, {states}",
                remedy=(
                    "Make a new one; a key that can be exported proves nothing about who signed."
                ),
            )

        version = int(found["latest_version"])
        raw = base64.b64decode(found["keys"][str(version)]["public_key"])
        return version, PublicKey.of_ed25519(raw)

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        remedy = "Start or unseal it; nothing was signed."
        try:
            answer = ask_transit(
                self._server, self._token, path, body, seconds=SECONDS, remedy=remedy
            )
        except DeniedError as error:
            raise ServiceError(
                f"Transit key {self._key}", expected="leave to sign", found=str(error),
                remedy="Check the signing token and its policy.",
            ) from error  # fmt: skip

        if not answer:
            raise ServiceError(
                self._server.address,
                expected="Vault or OpenBao to answer",
                found="an empty answer",
                remedy=remedy,
            )

        return answer


def transit_signer(role: str, settings: Settings) -> TransitSigner:
    """Return the signer of a role as the settings name its server, token and key."""
    key = f"{settings.signing_prefix}{role}"
    server = BaoServer(settings.signing_address, settings.vault_ca_file, settings.vault_namespace)
    return TransitSigner(server, settings.signing_token, key)
