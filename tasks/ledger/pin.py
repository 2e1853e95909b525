"""The newest head that this installation has seen: an older log is one that was rolled back.

What a pin can do and what it cannot: it is a file beside the log. Who restores an old database is
refused by it; who restores the old database *and* the pin of that day is not, since both are
genuine. Only what lies out of that person's reach tells then: a mirror, a witness, or a bundle
that somebody kept.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import EvidenceError, PortcullisError
from tasks.formats.whole_file import write_whole
from tasks.ledger.checkpoint import Checkpoint, read_checkpoint

if TYPE_CHECKING:
    from tasks.ledger.ledger import Ledger


@dataclass(frozen=True)
class Pin:
    """A file with a checkpoint, kept outside the log.

    Its signature was verified when it was new. It only moves forward, and is made in two ways: by
    the first append to an empty log, and by a person (`./portcullis keys pin`). A log that is not
    empty and whose pin is missing is refused: the pin would be set anew in silence, over whatever
    lies there.
    """

    path: Path

    def is_set(self) -> bool:
        """Return whether there is a pin."""
        return self.path.is_file()

    def read_origin(self) -> str:
        """Return the name of the pinned log; empty where none is pinned.

        Raises:
            EvidenceError: The pin is damaged.
        """
        pinned = self._read()
        return pinned.origin if pinned else ""

    def check(self, ledger: "Ledger", head: Checkpoint | None) -> None:
        """Refuse a log that is not a continuation of what was seen.

        Raises:
            EvidenceError: The pin is missing though the log has begun; or the log is shorter, of
                another name, or another log over the same entries.
        """
        pinned = self._read()
        if pinned is None:
            if head is not None:
                raise _unpinned(self.path.name, head)
            return

        # A pin over no entries is made before the first append is stored: see `begin`.
        if head is None and not pinned.size:
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

    def begin(self, note: str) -> None:
        """Remember a log that has no entries yet, unless something is remembered.

        Called before the first append is stored: a process that dies right after it would leave
        entries without a pin, which nobody could tell from a pin that was deleted.
        """
        with self._locked():
            if not self.is_set():
                self._write(note)

    def advance(self, ledger: "Ledger", note: str) -> None:
        """Remember a newer head that was verified; an older one, or no pin at all, stays as it is.

        Several processes read and append at once. Under the lock the pin as it is by now counts,
        so that a slow reader never moves it back.

        Raises:
            EvidenceError: The newer head does not continue what is remembered by now.
        """
        head, _ = read_checkpoint(note)
        # Most readers find the pin where they would move it to, and write nothing, no lock either.
        if not self._lags_behind(head):
            return

        with self._locked():
            if self._lags_behind(head):
                self.check(ledger, head)
                self._write(note)

    def set_anew(self, note: str) -> None:
        """Remember a head whatever was remembered before; only a person's command does."""
        with self._locked():
            self._write(note)

    def _lags_behind(self, head: Checkpoint) -> bool:
        pinned = self._read()
        return pinned is not None and (pinned.size < head.size or pinned.origin != head.origin)

    def _read(self) -> Checkpoint | None:
        try:
            return read_checkpoint(self.path.read_text(encoding="utf-8"))[0]
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, PortcullisError) as error:
            raise EvidenceError(
                self.path.name,
                expected="a file with the newest head that was seen",
                found="a damaged, empty or other file, or one that this account may not read",
                remedy=(
                    "Mend its owner or mode, or put it aside, compare the log with its mirror or a "
                    "bundle, then `./portcullis keys pin --reason …`."
                ),
            ) from error

    def _write(self, note: str) -> None:
        """Write the file; whoever reads meanwhile sees the old head or the new one, whole."""
        write_whole(self.path, note.encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only one that moves the pin; the kernel lets go when the process ends."""
        # A file of its own: the pin's own file is exchanged at every move, and its lock with it.
        with self.path.with_suffix(".pin-lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


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


def _unpinned(name: str, head: Checkpoint) -> EvidenceError:
    return EvidenceError(
        name,
        expected=f"the newest head that was seen of {head.origin}",
        found=f"none, beside a log of {head.size} entries",
        remedy=(
            "It was deleted, or this installation never read this log: without it a log that was "
            "rolled back cannot be told. Compare the log with its mirror or a bundle, then "
            "`./portcullis keys pin --reason …`."
        ),
    )
