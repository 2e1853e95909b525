"""The journal of erasures: which requests there are, and which steps of each are done, so that a crash loses nothing.

While a request is under way it holds the subject's pseudonym and key ids; `scrub` takes them away. It never holds an
identifier. What stays says that there was a request, when, and what came of it: nobody can tell whose it was.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tasks.system.installation import Installation

TABLES = """
CREATE TABLE IF NOT EXISTS requests (
  request TEXT PRIMARY KEY, batch TEXT NOT NULL, use_case TEXT NOT NULL, received TEXT NOT NULL, day TEXT NOT NULL,
  state TEXT NOT NULL, subject TEXT, seed BLOB, key_ids TEXT, closed TEXT, figures TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS steps (
  batch TEXT NOT NULL, step TEXT NOT NULL, at TEXT NOT NULL, figures TEXT NOT NULL, PRIMARY KEY (batch, step)
);
CREATE TABLE IF NOT EXISTS holds (
  hold TEXT PRIMARY KEY, mark BLOB NOT NULL, use_case TEXT NOT NULL, basis TEXT NOT NULL, since TEXT NOT NULL,
  review TEXT NOT NULL, released TEXT
);
CREATE TABLE IF NOT EXISTS models (
  name TEXT NOT NULL, version TEXT NOT NULL, batch TEXT NOT NULL, code TEXT NOT NULL, people INTEGER NOT NULL,
  day TEXT NOT NULL, PRIMARY KEY (name, version, batch)
);
"""
RUNNING, ERASED, DEFERRED = "running", "erased", "deferred"


@dataclass
class Request:
    """One person's request. `subject`, `seed` and `key_ids` are there while it is under way only."""

    request: str
    batch: str
    use_case: str
    received: date
    day: date
    state: str = RUNNING
    subject: str | None = None
    seed: bytes | None = None
    key_ids: dict[str, str] = field(default_factory=dict)  # retention class -> key id, in hex
    closed: date | None = None
    figures: dict[str, Any] = field(default_factory=dict)  # counts, and what is deferred until when


@dataclass(frozen=True)
class Hold:
    """A legal hold: whose, only a keyed mark tells."""

    hold: str
    mark: bytes
    use_case: str
    basis: str
    since: date
    review: date
    released: date | None = None


@dataclass(frozen=True)
class Flagged:
    """A registered model that learnt from people who were erased since, and from which dataset."""

    name: str
    version: str
    code: str
    people: int
    day: date


class Journal:
    """An SQLite file of mode 0600 whose deleted content is overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        path.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(TABLES)

    # requests

    def put(self, requests: Sequence[Request]) -> None:
        """Write down requests, new or with what has become of them: all or none."""
        with self._writing():
            for request in requests:
                self._put(request)

    def requests(self, state: str | None = None, batch: str | None = None) -> list[Request]:
        """Return the requests in a state or of a batch, the oldest first."""
        chosen = "(? IS NULL OR state = ?) AND (? IS NULL OR batch = ?)"
        query = f"SELECT * FROM requests WHERE {chosen} ORDER BY received, rowid"
        return [
            _request(row) for row in self._connection.execute(query, (state, state, batch, batch))
        ]

    def unfinished(self) -> list[str]:
        """Return the batches that were begun and not ended."""
        query = "SELECT batch FROM requests WHERE state = ? GROUP BY batch ORDER BY min(rowid)"
        return [row["batch"] for row in self._connection.execute(query, (RUNNING,))]

    def _put(self, request: Request) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO requests VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                request.request, request.batch, request.use_case, request.received.isoformat(),
                request.day.isoformat(), request.state, request.subject, request.seed,
                json.dumps(request.key_ids) if request.key_ids else None,
                request.closed.isoformat() if request.closed else None, json.dumps(request.figures),
            ),
        )  # fmt: skip

    # steps

    def done(self, batch: str) -> dict[str, dict[str, Any]]:
        """Return the steps of a batch that are done, with their figures."""
        rows = self._connection.execute("SELECT step, figures FROM steps WHERE batch = ?", (batch,))
        return {row["step"]: json.loads(row["figures"]) for row in rows}

    def mark_done(self, batch: str, step: str, figures: dict[str, Any]) -> None:
        """Write down that a step is done; it is not done again."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._connection.execute(
            "INSERT OR REPLACE INTO steps VALUES (?,?,?,?)", (batch, step, now, json.dumps(figures))
        )

    # holds

    def hold(self, hold: Hold) -> None:
        """Write down a hold, or that it was released."""
        released = hold.released.isoformat() if hold.released else None
        values = (
            hold.hold,
            hold.mark,
            hold.use_case,
            hold.basis,
            hold.since.isoformat(),
            hold.review.isoformat(),
        )
        self._connection.execute(
            "INSERT OR REPLACE INTO holds VALUES (?,?,?,?,?,?,?)", (*values, released)
        )

    def holds(self) -> list[Hold]:
        """Return all holds, also released ones."""
        return [
            Hold(
                row["hold"], row["mark"], row["use_case"], row["basis"], date.fromisoformat(row["since"]),
                date.fromisoformat(row["review"]), _day(row["released"]),
            )
            for row in self._connection.execute("SELECT * FROM holds ORDER BY since, hold")
        ]  # fmt: skip

    # models that learnt from erased people

    def flag(self, batch: str, model: Flagged) -> None:
        """Write down that a registered model learnt from people whom a batch erased; said twice, it counts once."""
        self._connection.execute(
            "INSERT OR REPLACE INTO models VALUES (?,?,?,?,?,?)",
            (model.name, model.version, batch, model.code, model.people, model.day.isoformat()),
        )

    def flagged(self) -> list[Flagged]:
        """Return those models, each once: how many people in all, and the day of the first erasure."""
        rows = self._connection.execute(
            "SELECT name, version, code, sum(people) AS people, min(day) AS day FROM models "
            "GROUP BY name, version, code ORDER BY name, CAST(version AS INTEGER)"
        )
        return [
            Flagged(
                row["name"],
                row["version"],
                row["code"],
                row["people"],
                date.fromisoformat(row["day"]),
            )
            for row in rows
        ]

    def scrub(self) -> None:
        """Let go of what was overwritten: empty the write-ahead log."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def open_journal(installation: Installation) -> Journal:
    """Return this installation's journal, made on first use."""
    return Journal(installation.home / "erasures.db")


def _request(row: sqlite3.Row) -> Request:
    return Request(
        request=row["request"],
        batch=row["batch"],
        use_case=row["use_case"],
        received=date.fromisoformat(row["received"]),
        day=date.fromisoformat(row["day"]),
        state=row["state"],
        subject=row["subject"],
        seed=row["seed"],
        key_ids=json.loads(row["key_ids"]) if row["key_ids"] else {},
        closed=_day(row["closed"]),
        figures=json.loads(row["figures"]),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
