"""Keys as PEM text: SubjectPublicKeyInfo for public keys, unencrypted PKCS #8 for private ones."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PrivateKey = Ed25519PrivateKey | X25519PrivateKey


def public_pem(key: Ed25519PublicKey) -> str:
    """Return a public key as PEM (RFC 5280 SubjectPublicKeyInfo; RFC 8410 for Ed25519)."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def ed25519_public_pem(raw: bytes) -> str:
    """Return the PEM of an Ed25519 public key that a protocol gives as bare bytes (RFC 8032).

    Raises:
        ValueError: They are not 32 bytes.
    """
    return public_pem(Ed25519PublicKey.from_public_bytes(raw))


def private_pem(key: PrivateKey) -> bytes:
    """Return a private key as PEM (PKCS #8), not encrypted: the file's mode is what protects it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_ed25519_pem(pem: bytes) -> Ed25519PrivateKey:
    """Return the Ed25519 private key in a PEM text.

    Raises:
        ValueError: It is no unencrypted private key in PEM, or one of another kind.
            The message names types and never quotes the text.
    """
    key = _load_private_pem(pem)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(type(key).__name__)
    return key


def load_x25519_pem(pem: bytes) -> X25519PrivateKey:
    """Return the X25519 private key in a PEM text.

    Raises:
        ValueError: As `load_ed25519_pem` does.
    """
    key = _load_private_pem(pem)
    if not isinstance(key, X25519PrivateKey):
        raise ValueError(type(key).__name__)
    return key


def _load_private_pem(pem: bytes) -> object:
    try:
        return load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(type(error).__name__) from error
