import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from tasks.formats.pem import (
    ed25519_public_pem,
    load_ed25519_pem,
    load_x25519_pem,
    private_pem,
    public_pem,
)

# RFC 8410, section 10.1: the example of a public key.
RFC_8410_PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
RFC_8410_RAW = bytes.fromhex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")


def test_bare_bytes_become_the_pem_of_rfc_8410() -> None:
    assert ed25519_public_pem(RFC_8410_RAW) == RFC_8410_PEM


def test_the_pem_of_a_key_is_that_of_its_bare_bytes() -> None:
    key = Ed25519PrivateKey.generate().public_key()
    assert public_pem(key) == ed25519_public_pem(key.public_bytes_raw())
    assert load_pem_public_key(public_pem(key).encode()) == key


@pytest.mark.parametrize("length", [0, 31, 33])
def test_bare_bytes_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32"):
        ed25519_public_pem(b"k" * length)


def test_a_signing_key_reads_back() -> None:
    key = Ed25519PrivateKey.generate()
    assert load_ed25519_pem(private_pem(key)).private_bytes_raw() == key.private_bytes_raw()


def test_a_custodian_s_key_reads_back() -> None:
    key = X25519PrivateKey.generate()
    assert load_x25519_pem(private_pem(key)).private_bytes_raw() == key.private_bytes_raw()


def test_a_private_key_is_one_that_openssl_reads(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(private_pem(Ed25519PrivateKey.generate()))
    shown = subprocess.run(
        ["openssl", "pkey", "-in", path, "-noout", "-text"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.startswith("ED25519 Private-Key")


def test_a_private_key_of_another_kind_is_refused_by_its_type() -> None:
    with pytest.raises(ValueError, match="X25519PrivateKey"):
        load_ed25519_pem(private_pem(X25519PrivateKey.generate()))
    with pytest.raises(ValueError, match="Ed25519PrivateKey"):
        load_x25519_pem(private_pem(Ed25519PrivateKey.generate()))


def test_a_curve_of_nist_is_refused() -> None:
    key = generate_private_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match=r"ECPrivateKey|EllipticCurvePrivateKey"):
        load_ed25519_pem(pem)


def test_an_encrypted_key_is_refused() -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    with pytest.raises(ValueError, match="TypeError"):
        load_ed25519_pem(pem)


def test_a_message_never_quotes_the_text() -> None:
    with pytest.raises(ValueError, match=r"^ValueError$"):
        load_ed25519_pem(b"-----BEGIN " + b"PRIVATE KEY-----\nsecret\n")
