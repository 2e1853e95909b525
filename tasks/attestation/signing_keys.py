"""Signing keys, one per role, from files or from Vault Transit.

They are Ed25519; public keys may be P-256, too, because some key services of people have no other.
A private key is held by whoever signs and by nobody else: a stage's process gets neither the file's
place nor a token.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from tasks.errors import ConfigError, EvidenceError
from tasks.formats.pem import ed25519_public_pem, load_ed25519_pem, private_pem, public_pem
from tasks.formats.regular_file import ExposedFileError, describe_unreadable, read_regular_file

if TYPE_CHECKING:  # whoever only verifies has no such module
    from tasks.system.installation import Installation


@dataclass(frozen=True)
class PublicKey:
    """A public key by its PEM text; `keyid` is the sha256 of its SubjectPublicKeyInfo (DER)."""

    pem: str

    @classmethod
    def of_ed25519(cls, raw: bytes) -> "PublicKey":
        """Return the key of 32 bare bytes, as notes and key services give it.

        Raises:
            EvidenceError: They are not 32 bytes.
        """
        try:
            return cls(ed25519_public_pem(raw))
        except ValueError as error:
            raise _no_key("32 bytes of an Ed25519 key", f"{len(raw)} bytes") from error

    @cached_property
    def keyid(self) -> str:
        """The key's name, which nobody chooses."""
        # Of DER and not of the PEM text, which can be wrapped in several ways: a key has one id.
        return sha256(
            self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).hexdigest()

    @property
    def scheme(self) -> str:
        """Return `ed25519` or `ecdsa-sha2-nistp256`, as securesystemslib names them."""
        return "ed25519" if isinstance(self._key, Ed25519PublicKey) else "ecdsa-sha2-nistp256"

    @cached_property
    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 key; notes can be signed by no other."""
        if not isinstance(self._key, Ed25519PublicKey):
            raise EvidenceError(
                f"key {self.keyid[:12]}…",
                expected="Ed25519",
                found=self.scheme,
                remedy="Use an Ed25519 key.",
            )
        return self._key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Say whether the key's holder signed exactly `data`."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, data)
            else:
                self._key.verify(signature, data, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    @cached_property
    def _key(self):  # type: ignore[no-untyped-def] # one of two classes of cryptography, which share no base
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            key = load_pem_public_key(self.pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _no_key("a public key in PEM", type(error).__name__) from error
        is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        if not isinstance(key, Ed25519PublicKey) and not is_p256:
            raise _no_key("an Ed25519 or P-256 key", type(key).__name__)
        return key


class Signer(Protocol):
    """Signs bytes with one private key, which it never shows."""

    @property
    def public(self) -> PublicKey:
        """The key's public half."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`."""


class LocalSigner:
    """An Ed25519 key in memory, from a file of mode 0600."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(public_pem(key.public_key()))

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature (RFC 8032)."""
        return self._key.sign(data)

    @classmethod
    def load(cls, path: Path) -> "LocalSigner":
        """Read a key file.

        Raises:
            ConfigError: Others can read it, or it cannot be read.
            EvidenceError: It holds no Ed25519 key.
        """
        try:
            # Mode and bytes of one open file: a key that is put in its place in between, for all
            # to read, would sign.
            content = read_regular_file(path, is_owner_only=True)
        except ExposedFileError as error:
            raise ConfigError(
                path.name,
                expected="a key file that only its owner can read (mode 0600)",
                found="a wider mode",
                remedy=(
                    f"chmod 600 {path.name}, and consider the key stolen: "
                    "`./portcullis keys rotate`."
                ),
            ) from error
        except OSError as error:
            raise ConfigError(
                path.name,
                expected="a key file that this account can read",
                found=describe_unreadable(error),
                remedy="Mend its owner, mode or mount, or restore it from where it was kept.",
            ) from error

        try:
            return cls(load_ed25519_pem(content))
        except ValueError as error:
            expected = "an Ed25519 private key in PEM"
            raise _no_key(expected, str(error), where=path.name) from error

    @classmethod
    def make(cls, path: Path) -> "LocalSigner":
        """Load the key at `path`, made on first use."""
        if not path.exists():
            # Late: whoever only verifies has no such module.
            from tasks.system.secrets import make_once

            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_once(path, private_pem(Ed25519PrivateKey.generate()))
        return cls.load(path)


def signing_folder(installation: "Installation") -> Path:
    """Return where key files lie.

    `$PORTCULLIS_SIGNING_HOME`, else `signing/` of this installation.
    """
    return Path(installation.settings.signing_home or installation.home / "signing")


def role_signer(role: str, installation: "Installation") -> Signer:
    """Return the signer of a role: in Vault or OpenBao Transit if configured, else a key file."""
    if installation.settings.signing_address:
        from tasks.attestation.transit_signing import transit_signer

        return transit_signer(role, installation.settings)
    return LocalSigner.make(signing_folder(installation) / f"{role}.pem")


def _no_key(expected: str, found: str, where: str = "key") -> EvidenceError:
    return EvidenceError(
        where, expected=expected, found=found, remedy="Restore the key from where it was kept."
    )
