"""Signed notes and checkpoints: text that people can read and other implementations verify.

The formats are C2SP's `signed-note`, `tlog-checkpoint` and `tlog-cosignature`. A note is its text,
an empty line, and one line per signature: `— <name> <base64(key hash ‖ signature)>`.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from tasks.attestation.signing_keys import PublicKey, Signer
from tasks.errors import ConfigError, EvidenceError
from tasks.ledger.merkle import HASH_BYTES

# Kinds of signatures, as `signed-note` numbers them.
ED25519 = b"\x01"
COSIGNATURE = b"\x04"
DASH = "\u2014 "  # what each signature line begins with

KEY_HASH_BYTES = 4
TIME_BYTES = 8  # a cosignature begins with its time, in Unix seconds
SIGNATURE_BYTES = 64  # of Ed25519 (RFC 8032)
MOST_SIZE_DIGITS = 100  # far more than any log has, and far fewer than `int` gives up on


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: its name, how many entries it has, and the root hash over them."""

    origin: str
    size: int
    root_hash: bytes

    def text(self) -> str:
        """Return the note's text (tlog-checkpoint)."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root_hash).decode()}\n"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line, not yet verified."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True)
class Cosigner:
    """A witness: its name and key, as `<name>+<hash>+<base64(4 ‖ key)>`."""

    name: str
    key: PublicKey

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Read a verifier key of kind 4, a cosignature's.

        Raises:
            ConfigError: It is none, or its hash is not that of its name and key. It names `where`
                the key comes from.
        """
        try:
            name, stated_hash, encoded = text.split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
            key = PublicKey.of_ed25519(raw[1:])
            computed_hash = key_hash(name, key.raw, COSIGNATURE).hex()
        except (ValueError, binascii.Error, EvidenceError) as error:
            raise _no_cosigner(where, type(error).__name__) from error

        if raw[:1] != COSIGNATURE or computed_hash != stated_hash:
            raise _no_cosigner(where, "another kind, or another hash")
        return cls(name, key)

    def time_of(self, line: NoteSignature, checkpoint: Checkpoint) -> int | None:
        """Return when it cosigned the checkpoint by this line; None if the line is not its own."""
        if (line.name, line.key_hash) != (
            self.name,
            key_hash(self.name, self.key.raw, COSIGNATURE),
        ):
            return None
        if len(line.signature) != TIME_BYTES + SIGNATURE_BYTES:
            return None

        timestamp = int.from_bytes(line.signature[:TIME_BYTES])
        signed_bytes = cosigned_bytes(checkpoint, timestamp)
        return timestamp if self.key.verifies(line.signature[TIME_BYTES:], signed_bytes) else None


def key_hash(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """Return the bytes that point to a key: SHA-256(name ‖ newline ‖ kind ‖ public key), cut.

    Four bytes are a hint which key to try, and no more: the signature is what is verified.
    """
    return sha256(name.encode() + b"\n" + kind + public).digest()[:KEY_HASH_BYTES]


def verifier_key(name: str, public: bytes) -> str:
    """Return a key as other implementations read it: `<name>+<hash>+<base64(kind ‖ key)>`."""
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
    # 1. Text and signatures are parted by the first empty line. `tlog-checkpoint` allows extension
    #    lines after the third; this log writes none, and one that it did not write is refused.
    text, separator, tail = note.partition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) != 3 or not lines[0] or not tail.endswith("\n"):
        raise _malformed("three lines, an empty one and signatures", f"{len(lines)} lines")

    # 2. The size has no leading zeros and no digits but ASCII's, which `int` would accept, and no
    #    more of them than a size can have: `int` itself gives up on thousands (CPython: 4,300).
    origin, size, encoded_hash = lines
    is_decimal = size.isascii() and size.isdigit() and len(size) <= MOST_SIZE_DIGITS
    if not is_decimal or (size != "0" and size.startswith("0")):
        raise _malformed("a decimal size", repr(size[:40]))

    # 3. Written again it has to be the same text: base64 can write the same bytes in several ways.
    checkpoint = Checkpoint(origin, int(size), _decoded(encoded_hash))
    if len(checkpoint.root_hash) != HASH_BYTES or checkpoint.text() != text + "\n":
        raise _malformed("a root of 32 bytes in canonical base64", repr(encoded_hash[:60]))

    return checkpoint, tuple(_signature(line) for line in tail[:-1].split("\n"))


def verify_note(note: str, key: PublicKey, name: str) -> Checkpoint:
    """Return the checkpoint if `key` signed it under `name`.

    Raises:
        EvidenceError: There is no such signature, or it does not verify.
    """
    checkpoint, signatures = read_checkpoint(note)
    # The whole note is read first: what is not a checkpoint in its one form is refused, whoever
    # signed it.
    expected_hash = key_hash(name, key.raw)
    signed_bytes = checkpoint.text().encode()
    for candidate in signatures:
        # Signatures of other keys are passed over, as `signed-note` asks: witnesses add theirs.
        if (candidate.name, candidate.key_hash) != (name, expected_hash):
            continue
        if key.verifies(candidate.signature, signed_bytes):
            return checkpoint

    raise EvidenceError(
        f"checkpoint of {checkpoint.origin}, size {checkpoint.size}",
        expected=f"a signature of {name} by key {key.keyid[:12]}…",
        found="none that verifies",
        remedy=(
            "Do not trust this copy of the log; compare it with its mirror or an older checkpoint."
        ),
    )


def cosigned_bytes(checkpoint: Checkpoint, timestamp: int) -> bytes:
    """Return what a witness signs (tlog-cosignature, Ed25519)."""
    return f"cosignature/v1\ntime {timestamp}\n{checkpoint.text()}".encode()


def cosignature_time(note: str, key: PublicKey, name: str) -> int | None:
    """Return when the witness `name` cosigned a checkpoint (Unix seconds); None if it did not."""
    checkpoint, lines = read_checkpoint(note)
    times = (Cosigner(name, key).time_of(line, checkpoint) for line in lines)
    return next((timestamp for timestamp in times if timestamp is not None), None)


def _signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    raw = _decoded(encoded)
    # Base64 can carry unused bits, and so two texts of one signature; `validate=True` does not look
    # at them.
    is_canonical = base64.b64encode(raw).decode() == encoded
    if not line.startswith(DASH) or not name or len(raw) <= KEY_HASH_BYTES or not is_canonical:
        raise _malformed("a signature line", repr(line[:40]))
    return NoteSignature(name, raw[:KEY_HASH_BYTES], raw[KEY_HASH_BYTES:])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("base64", repr(text[:40])) from error


def _no_cosigner(where: str, found: str) -> ConfigError:
    return ConfigError(
        where,
        expected="<name>+<hash>+<base64>, of a cosigner",
        found=found,
        remedy="Ask the witness for it.",
    )


def _malformed(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        "checkpoint", expected=expected, found=found, remedy="It was altered: fetch it again."
    )
