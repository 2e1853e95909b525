"""One decision's explanation, and the proof that the run which made the model committed to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.formats.canonical_json import canonical
from tasks.ledger.merkle import leaf_hash, verify_inclusion
from tasks.verifier.explanation_commitments import (
    SALT_BYTES,
    Explanation,
    commitment,
    tree_head,
)

FIELDS = frozenset({"explanation", "salt", "index", "size", "root", "path", "entry"})


@dataclass(frozen=True)
class DecisionProof:
    """The file `decision.json` of a bundle.

    `salt` is the explanation's own. `index`, `size`, `tree_root` and `path` are an inclusion proof
    (RFC 9162, 2.1.3) in the tree of all explanations of the run; `entry` is the entry of the ledger
    whose statement signs the tree.
    """

    explanation: Explanation
    salt: bytes
    index: int
    size: int
    tree_root: bytes
    path: tuple[bytes, ...]
    entry: int

    @property
    def head(self) -> str:
        """What is signed about the tree."""
        return tree_head(self.tree_root, self.size)

    def is_included(self) -> bool:
        """Say whether the explanation is the leaf that its proof leads from to the tree's root."""
        leaf = leaf_hash(commitment(self.salt, self.explanation))
        return verify_inclusion(leaf, self.index, self.size, list(self.path), self.tree_root)

    def to_bytes(self) -> bytes:
        """Return the file."""
        values = {
            "explanation": self.explanation.to_dict(),
            "salt": self.salt.hex(),
            "index": self.index,
            "size": self.size,
            "root": self.tree_root.hex(),
            "path": [step.hex() for step in self.path],
            "entry": self.entry,
        }
        return canonical(values) + b"\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DecisionProof":
        """Read what `to_bytes` wrote.

        Raises:
            ValueError, TypeError: It is no such proof.
        """
        if values.keys() != FIELDS:
            raise ValueError("other fields")
        numbers = {name: values[name] for name in ("index", "size", "entry")}
        # `type(...) is`, because `True` is an int to isinstance and would be entry 1.
        if not all(type(number) is int for number in numbers.values()):
            raise ValueError("not a whole number")

        salt = bytes.fromhex(values["salt"])
        if len(salt) != SALT_BYTES:
            raise ValueError("a salt of another length")

        return cls(
            explanation=Explanation.from_dict(values["explanation"]),
            salt=salt,
            tree_root=bytes.fromhex(values["root"]),
            path=tuple(bytes.fromhex(step) for step in values["path"]),
            **numbers,
        )
