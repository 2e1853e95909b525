"""Signed notes and checkpoints (C2SP `signed-note`, `tlog-checkpoint`, `tlog-cosignature`): text that people can read.

A note is its text, an empty line, and one line per signature: `— <name> <base64(key hash ‖ signature)>`.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from tasks.attestation.signing_keys import PublicKey, Signer
from tasks.errors import EvidenceError

ED25519, COSIGNATURE = b"\x01", b"\x04"
DASH = "\u2014 "


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: whose it is, how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note's text (tlog-checkpoint)."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line, not yet verified."""

    name: str
    key_hash: bytes
    signature: bytes


def key_hash(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """Return the four bytes that point to a key: SHA-256(name ‖ newline ‖ kind ‖ public key), cut."""
    return sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """Return a key in the form that other implementations read: `<name>+<hash>+<base64(kind ‖ key)>`."""
    return f"{name}+{key_hash(name, public).hex()}+{base64.b64encode(ED25519 + public).decode()}"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """Return the signed note; the signer's name is the log's origin."""
    text = checkpoint.text()
    signature = signer.sign(text.encode())
    line = base64.b64encode(key_hash(checkpoint.origin, signer.public.raw) + signature).decode()
    return f"{text}\n{DASH}{checkpoint.origin} {line}\n"


def read_checkpoint(note: str) -> tuple[Checkpoint, tuple[NoteSignature, ...]]:
    """Return what a note says and who claims to have signed it; verifies no signature.

    Raises:
        EvidenceError: It is not a checkpoint, or not in its one canonical form.
    """
    text, separator, tail = note.partition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) != 3 or not lines[0] or not tail.endswith("\n"):
        raise _malformed("three lines, an empty one and signatures", f"{len(lines)} lines")
    origin, size, tree_root = lines
    if not size.isascii() or not size.isdigit() or (size != "0" and size.startswith("0")):
        raise _malformed("a decimal size", repr(size[:40]))
    checkpoint = Checkpoint(origin, int(size), _decoded(tree_root))
    if len(checkpoint.root) != 32 or checkpoint.text() != text + "\n":
        raise _malformed("a root of 32 bytes in canonical base64", repr(tree_root[:60]))
    return checkpoint, tuple(_signature(line) for line in tail[:-1].split("\n"))


def verify_note(note: str, key: PublicKey, name: str) -> Checkpoint:
    """Return the checkpoint if `key` signed it under `name`.

    Raises:
        EvidenceError: There is no such signature, or it does not verify.
    """
    checkpoint, signatures = read_checkpoint(note)
    wanted = key_hash(name, key.raw)
    for found in signatures:
        if (found.name, found.key_hash) == (name, wanted) and key.verifies(
            found.signature, checkpoint.text().encode()
        ):
            return checkpoint
    raise EvidenceError(
        f"checkpoint of {checkpoint.origin}, size {checkpoint.size}",
        expected=f"a signature of {name} by key {key.keyid[:12]}…",
        found="none that verifies",
        remedy="Do not trust this copy of the log; compare it with its mirror or an older checkpoint.",
    )


def cosigned_bytes(checkpoint: Checkpoint, timestamp: int) -> bytes:
    """Return what a witness signs (tlog-cosignature, Ed25519)."""
    return f"cosignature/v1\ntime {timestamp}\n{checkpoint.text()}".encode()


def cosignature_time(note: str, key: PublicKey, name: str) -> int | None:
    """Return when the witness `name` cosigned a checkpoint (Unix seconds), or None where it did not."""
    checkpoint, signatures = read_checkpoint(note)
    wanted = key_hash(name, key.raw, COSIGNATURE)
    for found in signatures:
        if (found.name, found.key_hash) != (name, wanted) or len(found.signature) != 72:
            continue
        timestamp = int.from_bytes(found.signature[:8])
        if key.verifies(found.signature[8:], cosigned_bytes(checkpoint, timestamp)):
            return timestamp
    return None


def _signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    raw = _decoded(encoded)
    if (
        not line.startswith(DASH)
        or not name
        or len(raw) < 5
        or base64.b64encode(raw).decode() != encoded
    ):
        raise _malformed("a signature line", repr(line[:40]))
    return NoteSignature(name, raw[:4], raw[4:])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("base64", repr(text[:40])) from error


def _malformed(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "checkpoint", expected=expected, found=found, remedy="It was altered: fetch it again."
    )
