"""Envelopes against the DSSE specification's vector and against securesystemslib."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.dsse import Envelope as Theirs
from securesystemslib.signer import SSlibKey

from tasks.attestation.dsse import IN_TOTO, Envelope, pae, read_envelope, sign
from tasks.attestation.signing_keys import LocalSigner, PublicKey
from tasks.errors import ConfigError, EvidenceError


@pytest.fixture
def signer(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "key.pem")


def their_key(public: PublicKey) -> SSlibKey:
    return SSlibKey.from_dict(
        public.keyid,
        {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public.raw.hex()}},
    )


def test_the_specification_s_own_encoding() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_securesystemslib_verifies_our_envelope_and_refuses_a_changed_one(
    signer: LocalSigner,
) -> None:
    ours = sign(b'{"a":1}', signer)
    theirs = Theirs.from_dict(json.loads(ours.to_bytes()))
    assert theirs.payload_type == IN_TOTO
    assert list(theirs.verify([their_key(signer.public)], 1)) == [signer.public.keyid]
    changed = Theirs.from_dict(
        json.loads(Envelope(b'{"a":2}', IN_TOTO, ours.keyid, ours.signature).to_bytes())
    )
    with pytest.raises(Exception, match="threshold"):
        changed.verify([their_key(signer.public)], 1)


def test_we_read_theirs_when_it_is_in_our_form_and_verify_it(signer: LocalSigner) -> None:
    from securesystemslib.signer import CryptoSigner

    their_signer = CryptoSigner.generate_ed25519()
    theirs = Theirs(b"{}", IN_TOTO, {})
    theirs.sign(their_signer)
    public = PublicKey(
        __import__(
            "cryptography.hazmat.primitives.asymmetric.ed25519", fromlist=["Ed25519PublicKey"]
        )
        .Ed25519PublicKey.from_public_bytes(bytes.fromhex(their_signer.public_key.keyval["public"]))
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    values = theirs.to_dict()
    values["signatures"][0]["keyid"] = public.keyid
    envelope = read_envelope(json.dumps(values, separators=(",", ":")).encode(), "here")
    assert envelope.is_signed_by(public)


def test_a_payload_signed_as_another_type_does_not_verify(signer: LocalSigner) -> None:
    other = sign(b"{}", signer, "text/plain")
    assert other.is_signed_by(signer.public)
    assert not Envelope(b"{}", IN_TOTO, other.keyid, other.signature).is_signed_by(signer.public)


def test_every_changed_byte_of_an_envelope_is_refused_or_no_longer_verifies(
    signer: LocalSigner,
) -> None:
    data = sign(b'{"_type":"x"}', signer).to_bytes()
    for at in range(len(data)):
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            envelope = read_envelope(broken, "here")
        except EvidenceError:
            continue
        assert not envelope.is_signed_by(signer.public), at


def test_another_form_of_the_same_envelope_is_refused(signer: LocalSigner) -> None:
    values = json.loads(sign(b"{}", signer).to_bytes())
    with pytest.raises(EvidenceError, match="canonical"):
        read_envelope(json.dumps(values).encode(), "here")
    values["signatures"] *= 2
    with pytest.raises(EvidenceError, match="DSSE"):
        read_envelope(json.dumps(values, separators=(",", ":")).encode(), "here")


def test_p256_verifies_too() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = PublicKey(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )
    signature = key.sign(pae(IN_TOTO, b"{}"), ec.ECDSA(SHA256()))
    assert Envelope(b"{}", IN_TOTO, public.keyid, signature).is_signed_by(public)
    assert not Envelope(b"{ }", IN_TOTO, public.keyid, signature).is_signed_by(public)
    with pytest.raises(EvidenceError, match="Ed25519"):
        public.raw  # noqa: B018 - reading it is what fails


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    first = LocalSigner.make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert LocalSigner.make(path).public == first.public
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="0600"):
        LocalSigner.make(path)


@pytest.mark.parametrize(
    "pem", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_what_is_no_key(pem: str) -> None:
    with pytest.raises(EvidenceError, match="key"):
        PublicKey(pem).keyid  # noqa: B018 - reading it is what fails
