"""Signing keys: what counts as one, whose signature holds, and how a key file has to lie."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tasks.attestation.roles import GATE, LOG
from tasks.attestation.signing_keys import LocalSigner, PublicKey, role_signer, signing_folder
from tasks.errors import ConfigError, EvidenceError
from tests.installations import installation_with_home

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def public_of(key: PrivateKey) -> PublicKey:
    encoded = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(encoded.decode())


@pytest.fixture
def signer(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "keys" / "gate.pem")


@pytest.fixture(scope="module")
def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_a_signature_over_exactly_these_bytes_holds(signer: LocalSigner) -> None:
    assert signer.public.verifies(signer.sign(b"bytes"), b"bytes")


def test_a_signature_over_other_bytes_does_not_hold(signer: LocalSigner) -> None:
    assert not signer.public.verifies(signer.sign(b"bytes"), b"bytes ")


def test_another_key_s_signature_does_not_hold(signer: LocalSigner) -> None:
    other = LocalSigner(Ed25519PrivateKey.generate())
    assert not signer.public.verifies(other.sign(b"bytes"), b"bytes")


@pytest.mark.parametrize("length", [0, 1, 63, 65])
def test_a_signature_of_another_length_does_not_hold(signer: LocalSigner, length: int) -> None:
    signature = signer.sign(b"bytes") + b"\0"
    assert not signer.public.verifies(signature[:length], b"bytes")


def test_a_p_256_signature_holds(p256: ec.EllipticCurvePrivateKey) -> None:
    signature = p256.sign(b"bytes", ec.ECDSA(SHA256()))
    assert public_of(p256).verifies(signature, b"bytes")
    assert not public_of(p256).verifies(signature, b"other")


def test_a_p_256_signature_that_is_no_der_does_not_hold(p256: ec.EllipticCurvePrivateKey) -> None:
    assert not public_of(p256).verifies(b"\0" * 64, b"bytes")


def test_schemes_are_named_as_securesystemslib_names_them(
    signer: LocalSigner, p256: ec.EllipticCurvePrivateKey
) -> None:
    assert signer.public.scheme == "ed25519"
    assert public_of(p256).scheme == "ecdsa-sha2-nistp256"


def test_a_key_is_named_by_the_digest_of_its_public_half() -> None:
    key = Ed25519PrivateKey.generate()
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public_of(key).keyid == hashlib.sha256(der).hexdigest()


def test_white_space_around_a_pem_makes_no_other_key(signer: LocalSigner) -> None:
    assert PublicKey(f"\n{signer.public.pem}\n").keyid == signer.public.keyid


def test_bare_bytes_make_the_same_key(signer: LocalSigner) -> None:
    assert PublicKey.of_ed25519(signer.public.raw).keyid == signer.public.keyid


@pytest.mark.parametrize("length", [0, 31, 33])
def test_bare_bytes_of_another_length_are_no_key(length: int) -> None:
    with pytest.raises(EvidenceError, match=f"found {length} bytes"):
        PublicKey.of_ed25519(b"\1" * length)


def test_a_p_256_key_has_no_bare_bytes(p256: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(EvidenceError, match="expected Ed25519"):
        public_of(p256).raw  # noqa: B018


@pytest.mark.parametrize("pem", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_what_is_no_pem_is_no_key(pem: str) -> None:
    with pytest.raises(EvidenceError, match="a public key in PEM"):
        PublicKey(pem).keyid  # noqa: B018


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ec.generate_private_key(ec.SECP384R1()), id="P-384"),
        pytest.param(rsa.generate_private_key(65_537, 2048), id="RSA"),
    ],
)
def test_a_key_of_another_kind_is_refused(key: PrivateKey) -> None:
    with pytest.raises(EvidenceError, match="an Ed25519 or P-256 key"):
        public_of(key).keyid  # noqa: B018


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "gate.pem"
    assert LocalSigner.make(path).public == LocalSigner.make(path).public


def test_a_key_that_is_made_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "gate.pem"
    LocalSigner.make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_a_key_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "gate.pem"
    LocalSigner.make(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=r"gate\.pem: .*mode 0600.*chmod 600"):
        LocalSigner.load(path)


def make_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def make_folder(path: Path) -> None:
    path.mkdir(0o700)


def make_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (make_pipe, "found no regular file"),
        (make_folder, "found a folder"),
        (make_link_to_itself, "found OSError"),
        (lambda _: None, "found none"),
    ],
)
def test_what_is_no_key_file_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], None], found: str
) -> None:
    path = tmp_path / "gate.pem"
    make(path)
    with pytest.raises(ConfigError, match=f"gate.pem: .*{found}"):
        LocalSigner.load(path)


def test_a_refused_key_file_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "gate.pem"
    LocalSigner.make(path)
    key = path.read_bytes()

    path.chmod(0o644)
    with pytest.raises(ConfigError, match="mode 0600"):
        LocalSigner.make(path)
    assert path.read_bytes() == key


def write_private(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("data", [b"", b"no key"])
def test_a_file_without_a_private_key_is_refused(tmp_path: Path, data: bytes) -> None:
    path = write_private(tmp_path / "gate.pem", data)
    with pytest.raises(EvidenceError, match="an Ed25519 private key in PEM"):
        LocalSigner.load(path)


def test_a_private_key_of_another_kind_is_refused(
    tmp_path: Path, p256: ec.EllipticCurvePrivateKey
) -> None:
    data = p256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(EvidenceError, match="an Ed25519 private key in PEM"):
        LocalSigner.load(write_private(tmp_path / "gate.pem", data))


def test_key_files_lie_in_the_installation(tmp_path: Path) -> None:
    assert signing_folder(installation_with_home(tmp_path)) == tmp_path / "signing"


def test_key_files_lie_where_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_SIGNING_HOME", str(tmp_path / "elsewhere"))
    role_signer(GATE, installation_with_home(tmp_path / "home"))
    assert (tmp_path / "elsewhere" / "gate.pem").is_file()
    assert not (tmp_path / "home" / "signing").exists()


def test_every_role_has_a_key_of_its_own(tmp_path: Path) -> None:
    installation = installation_with_home(tmp_path)
    assert role_signer(GATE, installation).public != role_signer(LOG, installation).public


def test_a_role_keeps_its_key(tmp_path: Path) -> None:
    installation = installation_with_home(tmp_path)
    assert role_signer(GATE, installation).public == role_signer(GATE, installation).public
