"""Proofs of single entries, as text that others read (C2SP `tlog-proof`, version 1)."""

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import Checkpoint, read_checkpoint
from tasks.ledger.merkle import HASH_BYTES, verify_inclusion

if TYPE_CHECKING:
    from tasks.ledger.ledger import Ledger

HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class Proof:
    """An entry's index, the hashes up to the root, and the checkpoint that is signed over it."""

    index: int
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """Return the proof's text."""
        lines = [
            HEADER,
            f"index {self.index}",
            *(base64.b64encode(step).decode() for step in self.hashes),
        ]
        return "\n".join(lines) + "\n\n" + self.note

    def proves(self, leaf: bytes) -> bool:
        """Return whether the entry with this leaf is in the log of the checkpoint.

        The checkpoint's signature is not checked here (`checkpoint.verify_note`).
        """
        # Size and root come from the checkpoint and not from the proof, whose maker could choose
        # them.
        head: Checkpoint = read_checkpoint(self.note)[0]
        return verify_inclusion(leaf, self.index, head.size, self.hashes, head.root_hash)


def proof_of(ledger: "Ledger", index: int, note: str) -> Proof:
    """Return the proof of an entry under a checkpoint of this ledger."""
    return Proof(index, ledger.inclusion(index, read_checkpoint(note)[0].size), note)


def read_proof(text: str, where: str) -> Proof:
    """Return the proof in `text`; extra lines, which nothing here makes, are refused.

    Raises:
        EvidenceError: It is not a proof in its one form.
    """
    # Header, index and hashes, then an empty line and the checkpoint (`tlog-proof`).
    own_text, _, note = text.partition("\n\n")
    header, *lines = own_text.split("\n")
    try:
        index = int(lines[0].removeprefix("index "))
        hashes = tuple(base64.b64decode(line, validate=True) for line in lines[1:])
        proof = Proof(index, hashes, note)
    except (IndexError, ValueError, binascii.Error) as error:
        raise _malformed(where, type(error).__name__) from error

    # Written again it has to be the same text: that refuses extra lines, `+1`, and loose base64.
    is_canonical = header == HEADER and proof.text() == text
    if not is_canonical or any(len(step) != HASH_BYTES for step in proof.hashes):
        raise _malformed(where, "another form")
    return proof


def _malformed(where: str, found: str) -> EvidenceError:
    return EvidenceError(
        where,
        expected=f"a proof ({HEADER})",
        found=found,
        remedy="It was altered: ask for it again.",
    )
