"""The newest head that this installation has seen: an older log is one that was rolled back."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import EvidenceError
from tasks.ledger.checkpoint import Checkpoint, read_checkpoint

if TYPE_CHECKING:
    from tasks.ledger.ledger import Ledger


@dataclass(frozen=True)
class Pin:
    """A file with a checkpoint, kept outside the log.

    Its signature was verified when it was new.
    """

    path: Path

    def check(self, ledger: "Ledger", head: Checkpoint | None) -> None:
        """Refuse a log that is not a continuation of what was seen.

        Raises:
            EvidenceError: It is shorter, of another name, or another log over the same entries.
        """
        try:
            pinned, _ = read_checkpoint(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return

        if head is None or head.size < pinned.size:
            raise rolled_back(
                f"at least {pinned.size} entries, which were seen before",
                "no log at all" if head is None else f"{head.size}",
            )
        if head.origin != pinned.origin:
            raise rolled_back(f"the log {pinned.origin}", f"the log {head.origin}")

        is_same_size = head.size == pinned.size
        present = head.root_hash if is_same_size else ledger.root_hash(pinned.size)
        if present != pinned.root_hash:
            raise rolled_back(
                f"root {pinned.root_hash.hex()[:16]}… over the first {pinned.size} entries",
                "another: a fork",
            )

    def move(self, note: str) -> None:
        """Remember a head; whoever reads meanwhile sees the old one or the new one, whole."""
        draft = self.path.with_suffix(f".{os.getpid()}")
        draft.write_text(note, encoding="utf-8")
        draft.replace(self.path)


def rolled_back(expected: str, found: str) -> EvidenceError:
    """Return the error about a log that is not the one that it was."""
    return EvidenceError(
        "ledger",
        expected=expected,
        found=found,
        remedy=(
            "It was truncated, restored from an old copy or exchanged: restore the newest one, and "
            "find out who."
        ),
    )
