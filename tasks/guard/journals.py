"""Hold the journal of erasures to what its key store has seen of it.

The journal says who waits, whose records a court holds and what a law keeps. Lost and made anew in
silence, it would let the next erasure destroy what is held; an older copy would forget requests
and holds. The key store, which the signed log watches, remembers how far it has come.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from tasks.errors import EvidenceError
from tasks.keystore.key_tables import KeyTables
from tasks.keystore.keys import KeyStore
from tasks.system.installation import Installation

JOURNAL_FILE = "erasures.db"
WHERE = f"journal of erasures {JOURNAL_FILE}"
# Begins the name of a fact, before a journal's id: hosts that share a key store have one each.
SEEN_OF = "journal "
RENEW = "./portcullis keys renew-journal --reason …"
SHORT_ID = 12  # characters that messages show


@dataclass(frozen=True)
class JournalExtent:
    """How far a journal has come. None of the counts ever falls."""

    journal_id: str  # random, made with the journal
    requests: int
    done: int  # requests that no longer say whose they were
    holds: int
    released: int

    @property
    def counts(self) -> tuple[int, ...]:
        """The counts, in their order."""
        return astuple(self)[1:]

    @classmethod
    def of_fact(cls, journal_id: str, value: str) -> "JournalExtent":
        """Read what `note_journal` wrote."""
        requests, done, holds, released = (int(count) for count in value.split())
        return cls(journal_id, requests, done, holds, released)


def read_seen_journals(tables: KeyTables) -> dict[str, JournalExtent]:
    """Return how far the key store has seen which journal, by its id.

    Read before the journal itself is: another process may be writing to both.
    """
    seen: dict[str, JournalExtent] = {}
    for name, value in tables.rows("SELECT name, value FROM facts"):
        if str(name).startswith(SEEN_OF):
            journal_id = str(name).removeprefix(SEEN_OF)
            seen[journal_id] = JournalExtent.of_fact(journal_id, str(value))
    return seen


def require_known_journal(
    seen: Mapping[str, JournalExtent], extent: JournalExtent | None, installation: Installation
) -> None:
    """Refuse a journal that is missing, older than the key store has seen it, or another.

    Args:
        seen: What the key store has seen.
        extent: How far the journal has come that lies here; None where there is none.
        installation: Whose.

    Raises:
        EvidenceError: It says what is missing, and what to restore.
    """
    # Of hosts that share a key store each has its own journal, and this may be a new one's first.
    is_alone = not installation.settings.keys_url
    if extent is None or extent.journal_id not in seen:
        if seen and is_alone:
            expected = " or ".join(_describe(journal) for journal in seen.values())
            raise _lost(expected, "none" if extent is None else "another, or one begun anew")
        return

    before = seen[extent.journal_id]
    # Each count by itself: none ever falls, so a single one that did shows an older copy, though
    # others are further.
    if any(now < then for now, then in zip(extent.counts, before.counts, strict=True)):
        raise _lost(f"{_describe(before)}, or further", f"an older copy, with {_counts(extent)}")


def note_journal(keys: KeyStore, extent: JournalExtent) -> None:
    """Note in the key store how far the journal has come; what it has seen never falls."""
    # Without the lock first: every command asks, and nearly always nothing has changed.
    if read_seen_journals(keys.tables).get(extent.journal_id) == extent:
        return
    with keys.tables.writing():
        # Again under the lock, and the larger of each: another process may have noted more since.
        before = read_seen_journals(keys.tables).get(extent.journal_id, extent)
        counts = map(max, zip(extent.counts, before.counts, strict=True))
        keys.put_fact(SEEN_OF + extent.journal_id, " ".join(map(str, counts)))


def forget_journals(keys: KeyStore) -> int:
    """Let the next journal be the first, by a person's word; return how many are forgotten."""
    seen = read_seen_journals(keys.tables)
    with keys.tables.writing():
        names = [(SEEN_OF + journal_id,) for journal_id in seen]
        keys.tables.run("DELETE FROM facts WHERE name = ?", names)
    return len(seen)


def has_journal(installation: Installation) -> bool:
    """Say whether a journal lies here; an empty file is none."""
    path = installation.home / JOURNAL_FILE
    # SQLite makes an empty file when it opens one, before it writes anything.
    return path.is_file() and path.stat().st_size > 0


def _describe(extent: JournalExtent) -> str:
    return f"{extent.journal_id[:SHORT_ID]}… with {_counts(extent)}"


def _counts(extent: JournalExtent) -> str:
    return (
        f"{extent.requests} requests, {extent.done} of them done, and {extent.holds} holds, "
        f"{extent.released} of them released"
    )


def _lost(expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        WHERE,
        expected=f"{expected}, as the key store has seen it",
        found=found,
        remedy=(
            f"Restore the newest backup of {JOURNAL_FILE} and its -wal file: without it nobody "
            "knows who waits, and what a court or a law keeps would be destroyed. Nothing was "
            f"done. If it is lost for good: `{RENEW}`, then place the holds again and ask whoever "
            "waited."
        ),
    )
