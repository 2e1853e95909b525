"""Explanations of single decisions, committed in one Merkle tree per run. Pure.

A commitment is SHA-256(salt ‖ explanation), with salt = HMAC-SHA256(subject's key, run ‖ row). The
salt dies with the subject's key: after an erasure the commitment says nothing, and every other
proof still holds. Whoever proves one decision reveals its explanation and its salt, and hashes of
nothing that could be guessed.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.ledger.merkle import HASH_BYTES, Leaves, inclusion_proof, leaf_hash, root_hash_of

TREE = "explain/decisions.tree"
ROOT_NAME = "explain/decisions"  # the subject of the run's statement whose sha256 is the head

# Starts all that is hashed here, so that no hash of another use can be passed off as one of these.
DOMAIN = b"portcullis/explanation/v1\n"
DECLINED = "declined"
SALT_BYTES = 32  # of HMAC-SHA256


def run_id(model_sha256: str, rows_sha256: str) -> str:
    """Return what tells one run's commitments from another's: the model, and the rows it scored."""
    return sha256(f"{model_sha256}\n{rows_sha256}\n".encode()).hexdigest()


def salt_of(key: bytes, run: str, row: int) -> bytes:
    """Return the salt of one explanation."""
    # By run and row: a proof reveals its salt, and one salt for all of a person's decisions would
    # let its reader try out guesses against the others.
    return hmac.digest(key, DOMAIN + f"{run}\n{row}\n".encode(), "sha256")


@dataclass(frozen=True, slots=True)
class ToldReason:
    """One reason of a decline: its code, its part in the log odds, and what the person is told.

    `sentences` are (language, sentence), sorted by language; none in what was committed before they
    were part of it.
    """

    code: str
    log_odds: float
    sentences: tuple[tuple[str, str], ...] = ()

    def sentence(self, language: str) -> str:
        """Return the sentence in a language; nothing where there is none."""
        return dict(self.sentences).get(language, "")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        values = {"code": self.code, "logOdds": self.log_odds}
        # Absent and not empty: what was committed without sentences has to come to the same bytes
        # for ever.
        return {**values, "sentences": dict(self.sentences)} if self.sentences else values

    @classmethod
    def from_dict(cls, values: Any) -> "ToldReason":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is no reason.
        """
        match values:
            case {"code": str(code), "logOdds": int() | float() as log_odds, **more}:
                match more:
                    case {"sentences": dict(sentences), **others} if sentences and not others:
                        if all(isinstance(text, str) for text in sentences.values()):
                            return cls(code, log_odds, tuple(sorted(sentences.items())))
                    case _ if not more:
                        return cls(code, log_odds)

        raise ValueError("not a reason")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one application was declined, as it is committed.

    `reasons` stand most adverse first; `reason_map` is the version of the table that has their
    words.
    """

    row: int
    reasons: tuple[ToldReason, ...]
    model_sha256: str
    reason_map: str

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages in which every reason has its sentence."""
        spoken = [{language for language, _ in reason.sentences} for reason in self.reasons]
        return tuple(sorted(set.intersection(*spoken))) if spoken else ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values: what is committed is their canonical form."""
        return {
            "row": self.row,
            "decision": DECLINED,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "modelSha256": self.model_sha256,
            "reasonMap": self.reason_map,
        }

    @classmethod
    def from_dict(cls, values: Any) -> "Explanation":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: It is no explanation.
        """
        # Exactly these fields: one that is not committed must not ride along in a proven one.
        match values:
            case {
                "row": int(row),
                "decision": "declined",
                "reasons": [*reasons],
                "modelSha256": str(model_sha256),
                "reasonMap": str(reason_map),
                **more,
            } if not more:
                told = tuple(map(ToldReason.from_dict, reasons))
                return cls(row, told, model_sha256, reason_map)
            case _:
                raise ValueError("not an explanation")


def commitment(salt: bytes, explanation: Explanation) -> bytes:
    """Return what is put into the tree for an explanation."""
    # A salt has one length (`SALT_BYTES`), which whoever reads a proof holds it to: its end and the
    # beginning of the text cannot be shifted against each other.
    return sha256(DOMAIN + salt + canonical(explanation.to_dict())).digest()


def tree_bytes(commitments: Sequence[bytes]) -> bytes:
    """Return the tree's file: the commitments, in order."""
    return b"".join(commitments)


def commitments_of(data: bytes) -> list[bytes]:
    """Return the commitments in a tree's file."""
    if len(data) % HASH_BYTES:
        raise EvidenceError(
            TREE,
            expected=f"a multiple of {HASH_BYTES} bytes",
            found=str(len(data)),
            remedy="Run `explain` again.",
        )
    starts = range(0, len(data), HASH_BYTES)
    return [data[start : start + HASH_BYTES] for start in starts]


def tree_head(tree_root: bytes, size: int) -> str:
    """Return what is signed about a tree: its root and its size.

    A root alone does not tell a tree of 3 leaves from one of 4.
    """
    return sha256(DOMAIN + f"{size}\n".encode() + tree_root).hexdigest()


def head_of(commitments: Sequence[bytes]) -> str:
    """Return what is signed about the tree over these commitments.

    Of none, the root is the hash of nothing (RFC 9162, 2.1.1).
    """
    return tree_head(root_hash_of([leaf_hash(leaf) for leaf in commitments]), len(commitments))


def prove(commitments: Sequence[bytes], wanted: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Return where a commitment stands and the proof that it does.

    Raises:
        EvidenceError: It is not there.
    """
    try:
        index = commitments.index(wanted)
    except ValueError as error:
        raise EvidenceError(
            TREE,
            expected="the commitment of this explanation",
            found="none like it",
            remedy="The sealed reasons and the tree are of two runs: run the release again.",
        ) from error

    hashes = [leaf_hash(leaf) for leaf in commitments]
    return index, inclusion_proof(Leaves(hashes), index, len(hashes))
