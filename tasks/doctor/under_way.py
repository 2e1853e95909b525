"""An erasure that is under way, or that was begun and waits: then no key store is to be renewed.

A new key store sets aside the secrets by which the journal knows who waits, and what an erasure has
half done is finished under the old ones alone.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from tasks.doctor.copying import FileMarks, mark_files
from tasks.doctor.findings import Finding, Grade
from tasks.erasure.journal import ErasureStep, open_journal
from tasks.erasure.request import RequestState
from tasks.errors import EvidenceError, PortcullisError, SealError
from tasks.guard.journals import has_journal
from tasks.keystore.key_tables import is_erasure_under_way
from tasks.keystore.root_key import NEXT_KEY_FILE
from tasks.system.installation import Installation

ERASURE = "erasure"
RESUME = "./portcullis erase --resume"
ASK_AGAIN = (
    "It was written to while it was looked at: ask again, when no erasure and no release runs. "
    "Restore and renew nothing before that."
)
LET_IT_END = (
    f"An erasure is under way: let it end, or end it and run `{RESUME}`. Restore and renew nothing "
    "before that, and ask again."
)


@dataclass(frozen=True)
class OpenErasure:
    """What is not done yet of erasures.

    Attributes:
        installation: Whose; it is asked, and not its copy, whether an erasure is under way now.
        was_running: Whether one was before the copy was made.
        marks: Of its files, from before the copy was made.
        waiting: How many requests wait, or were set aside.
        begun: How many of them were begun: more was done than that nobody takes them in again.
        is_rotating: Whether a new root key lies beside the old one.
    """

    installation: Installation
    was_running: bool
    marks: FileMarks
    waiting: int
    begun: int
    is_rotating: bool

    @property
    def is_running(self) -> bool:
        """Whether an erasure is under way, or was when the copy was made."""
        return self.was_running or _is_running(self.installation)

    @property
    def has_moved(self) -> bool:
        """Whether the files were written to since: then the copies may be of different moments."""
        return mark_files(self.installation) != self.marks

    def remedy_of(self, error: PortcullisError) -> str:
        """Return what to do about what would be refused: never to renew what an erasure needs."""
        # Of others, such as a server that does not answer, the remedy renews nothing.
        if not isinstance(error, EvidenceError | SealError):
            return error.remedy
        if self.is_running:
            return LET_IT_END
        if self.has_moved:
            return ASK_AGAIN
        if not self.waiting and not self.is_rotating:
            return error.remedy
        return (
            f"{self._describe()}: restore what is missing or older from its newest backup, then "
            f"`{RESUME}`. Do not renew it: what is begun anew cannot finish them."
        )

    def _describe(self) -> str:
        if not self.waiting:
            return "An exchange of the root key was interrupted"
        return f"{self.waiting} requests for erasure are not done"


def look_from_outside(installation: Installation) -> OpenErasure:
    """Return what the installation shows of erasures before it is copied; nobody waits."""
    return OpenErasure(
        installation,
        was_running=_is_running(installation),
        marks=mark_files(installation),
        waiting=0,
        begun=0,
        is_rotating=os.path.lexists(installation.home / NEXT_KEY_FILE),
    )


def count_requests(erasure: OpenErasure, copy: Installation) -> OpenErasure:
    """Return it with the requests of the copy's journal, whatever became of its key store.

    A journal that cannot be read is told by its own look.
    """
    with suppress(PortcullisError):
        if has_journal(copy):
            journal = open_journal(copy)
            waiting = [request for request in journal.requests() if request.state.is_waiting]
            begun = sum(
                request.state is RequestState.RUNNING
                and ErasureStep.FIND_KEYS in journal.completed_steps(request.batch)
                for request in waiting
            )
            return replace(erasure, waiting=len(waiting), begun=begun)
    return erasure


def _is_running(installation: Installation) -> bool:
    # A server that does not answer is told by the look at databases.
    with suppress(PortcullisError):
        return is_erasure_under_way(installation)
    return False


def look_at_erasures(erasure: OpenErasure) -> Iterator[Finding]:
    """Say that an erasure is under way, or was interrupted."""
    if erasure.is_running:
        yield Finding(Grade.NOTE, ERASURE, "one is under way", "Let it end before you restore.")
    elif erasure.begun:
        text = f"{erasure.begun} requests were begun and are not done"
        yield Finding(Grade.NOTE, ERASURE, text, f"`{RESUME}` finishes them.")
    elif erasure.is_rotating:
        text = "an exchange of the root key was interrupted"
        yield Finding(Grade.NOTE, ERASURE, text, f"`{RESUME}`, or the next erasure, finishes it.")
