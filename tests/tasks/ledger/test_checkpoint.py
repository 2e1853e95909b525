"""Signed notes against C2SP's own example, and what a checkpoint must not be."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tasks.attestation.signing_keys import LocalSigner, PublicKey
from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import (
    COSIGNATURE,
    Checkpoint,
    cosignature_time,
    cosigned_bytes,
    key_hash,
    read_checkpoint,
    sign_checkpoint,
    verifier_key,
    verify_note,
)

# the example of golang.org/x/mod/sumdb/note, which C2SP's signed-note specifies
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)


def public(raw: bytes) -> PublicKey:
    key = Ed25519PublicKey.from_public_bytes(raw)
    return PublicKey(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_the_published_key_and_signature() -> None:
    name, _, encoded = KEY.split("+", 2)
    raw = base64.b64decode(encoded)[1:]
    assert verifier_key(name, raw) == KEY
    signature = base64.b64decode(SIGNATURE)
    assert signature[:4] == key_hash(name, raw)
    assert public(raw).verifies(signature[4:], TEXT.encode())
    assert not public(raw).verifies(signature[4:], TEXT.encode() + b"x")


@pytest.fixture
def signer(tmp_path: Path) -> LocalSigner:
    return LocalSigner.make(tmp_path / "key.pem")


CHECKPOINT = Checkpoint("portcullis/x", 7, bytes(range(32)))


def test_a_checkpoint_reads_back_and_only_its_key_verifies_it(
    signer: LocalSigner, tmp_path: Path
) -> None:
    note = sign_checkpoint(CHECKPOINT, signer)
    assert note.startswith(
        "portcullis/x\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n— portcullis/x "
    )
    assert read_checkpoint(note)[0] == CHECKPOINT
    assert verify_note(note, signer.public, "portcullis/x") == CHECKPOINT
    for key, name in (
        (LocalSigner.make(tmp_path / "other.pem").public, "portcullis/x"),
        (signer.public, "portcullis/y"),
    ):
        with pytest.raises(EvidenceError, match="none that verifies"):
            verify_note(note, key, name)


def test_every_changed_byte_of_a_checkpoint_is_refused(signer: LocalSigner) -> None:
    note = sign_checkpoint(CHECKPOINT, signer).encode()
    for at in range(len(note)):
        for flip in (1, 128):
            broken = note[:at] + bytes([note[at] ^ flip]) + note[at + 1 :]
            with pytest.raises((EvidenceError, UnicodeDecodeError)):
                verify_note(broken.decode(), signer.public, "portcullis/x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        "a\n01\nAAAA\n\n— a AAAAAAAA\n",
        "a\n-1\nAAAA\n\n— a AAAAAAAA\n",
        "a\n1\nAAAA\n\n— a AAAAAAAA\n",
        f"a\n{'9' * 5000}\n{'A' * 43}=\n\n— a AAAAAAAA\n",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(EvidenceError, match="checkpoint"):
        read_checkpoint(text)


def test_a_witness_cosigns_with_its_time(signer: LocalSigner, tmp_path: Path) -> None:
    witness = LocalSigner.make(tmp_path / "witness.pem")
    time = 1_700_000_000
    signature = time.to_bytes(8) + witness.sign(cosigned_bytes(CHECKPOINT, time))
    line = base64.b64encode(
        key_hash("w.example", witness.public.raw, COSIGNATURE) + signature
    ).decode()
    note = sign_checkpoint(CHECKPOINT, signer) + f"— w.example {line}\n"
    assert cosignature_time(note, witness.public, "w.example") == time
    assert cosignature_time(note, signer.public, "w.example") is None
    assert cosignature_time(note, witness.public, "x.example") is None
    assert verify_note(note, signer.public, "portcullis/x") == CHECKPOINT
