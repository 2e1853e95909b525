"""The journal of erasures: which requests there are, and which steps are done.

While a request is running the journal holds the subject's pseudonym and key ids, so that a crash
loses nothing; the saga's last step takes them out. It never holds an identifier. What stays says
that there was a request, when, and what came of it: nobody can tell whose it was.
"""

import json
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from tasks.erasure.request import (
    Deferral,
    ErasureRequest,
    RequestOptions,
    RequestState,
    StepFailure,
)
from tasks.erasure.sinks.sink import SinkId
from tasks.errors import ConfigError, EvidenceError, PortcullisError, ServiceError
from tasks.guard.journals import (
    JOURNAL_FILE,
    WHERE,
    JournalExtent,
    forget_journals,
    has_journal,
    note_journal,
    read_seen_journals,
    require_known_journal,
)
from tasks.guard.opening import open_guarded_keys
from tasks.guard.renewal import set_aside
from tasks.keystore.key_tables import KeyTables
from tasks.keystore.keys import KeyStore, Retention
from tasks.notary.audit import PeopleAction, audit
from tasks.system.installation import Installation
from tasks.system.sqlite_file import (
    explaining_sqlite,
    open_sqlite,
    require_columns,
    write_transaction,
)

TABLES = """
CREATE TABLE IF NOT EXISTS requests (
  request TEXT PRIMARY KEY, batch TEXT NOT NULL, use_case TEXT NOT NULL, received TEXT NOT NULL,
  day TEXT NOT NULL, state TEXT NOT NULL, subject TEXT, seed BLOB, key_ids TEXT, closed TEXT,
  figures TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS steps (
  batch TEXT NOT NULL, step TEXT NOT NULL, at TEXT NOT NULL, figures TEXT NOT NULL,
  PRIMARY KEY (batch, step)
);
CREATE TABLE IF NOT EXISTS holds (
  hold TEXT PRIMARY KEY, mark BLOB NOT NULL, use_case TEXT NOT NULL, basis TEXT NOT NULL,
  since TEXT NOT NULL, review TEXT NOT NULL, released TEXT
);
CREATE TABLE IF NOT EXISTS models (
  name TEXT NOT NULL, version TEXT NOT NULL, batch TEXT NOT NULL, code TEXT NOT NULL,
  people INTEGER NOT NULL, day TEXT NOT NULL, PRIMARY KEY (name, version, batch)
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
JOURNAL_ID = "journal id"  # the name of a fact
ID_BYTES = 16
RESTORE = (
    f"Restore the newest backup of {JOURNAL_FILE}: an older one would forget requests and holds, "
    "and is refused."
)
PURGE = "purge "  # what the id of a sink's step begins with, in every journal there is


class ErasureStep(StrEnum):
    """The saga's steps. Journals store these ids: a crashed batch is resumed by them."""

    TOMBSTONE = "tombstone"
    FIND_KEYS = "find keys"
    PURGE_MLFLOW = f"{PURGE}{SinkId.MLFLOW}"
    PURGE_PREFECT = f"{PURGE}{SinkId.PREFECT}"
    PURGE_WORKSPACE = f"{PURGE}{SinkId.WORKSPACE}"
    PURGE_VERSIONS = f"{PURGE}{SinkId.VERSIONS}"
    PURGE_SCRATCH = f"{PURGE}{SinkId.SCRATCH}"
    PURGE_STATE = f"{PURGE}{SinkId.STATE}"
    PURGE_GIT = f"{PURGE}{SinkId.GIT}"
    PURGE_TEXTS = f"{PURGE}{SinkId.TEXTS}"
    DESTROY_KEYS = "destroy keys"
    ROTATE_ROOT = "rotate root"
    FLAG_MODELS = "flag models"
    VERIFY = "verify"
    RECEIPT = "receipt"
    SCRUB = "scrub"

    @classmethod
    def of_sink(cls, sink_id: SinkId) -> "ErasureStep":
        """Return the step that purges a sink."""
        return cls(f"{PURGE}{sink_id}")

    @property
    def sink_id(self) -> SinkId | None:
        """The sink that the step purges, if it purges one."""
        is_purge = self.value.startswith(PURGE)
        return SinkId(self.value.removeprefix(PURGE)) if is_purge else None


@dataclass(frozen=True)
class Hold:
    """A legal hold. Whose it is only a keyed mark tells."""

    hold_id: str
    mark: bytes
    use_case: str
    basis: str
    since: date
    review: date
    released: date | None = None

    @property
    def placed_as(self) -> str:
        """The id that was printed when it was placed: that of all spellings of one identifier."""
        return "-".join(self.hold_id.split("-")[:2])


@dataclass(frozen=True)
class FlaggedModel:
    """A registered model that learnt from people who were erased since, and from which dataset."""

    name: str
    version: str
    code: str  # the dataset's authentication code
    people: int
    day: date  # of the first of those erasures


class Journal:
    """A SQLite file of mode 0600 whose deleted content is overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with self._as_our_errors():
                self._begin(open_sqlite(path, is_deleted_overwritten=True))
        except OSError as error:
            raise ServiceError(
                WHERE,
                expected="a file that this account may open and change",
                found=type(error).__name__,
                remedy="Mend its owner, mode or mount; nothing was lost.",
            ) from error

    def _begin(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript(TABLES)
        require_columns(self._connection, [TABLES], WHERE)
        fact = (JOURNAL_ID, secrets.token_hex(ID_BYTES))
        self._connection.execute("INSERT OR IGNORE INTO facts VALUES (?,?)", fact)

    def extent(self) -> JournalExtent:
        """Return how far it has come: what a copy of an earlier day, or another, is told by."""
        query = "SELECT value FROM facts WHERE name = ?"
        (journal_id,) = (row["value"] for row in self._rows(query, JOURNAL_ID))
        (counts,) = self._rows(
            "SELECT (SELECT count(*) FROM requests), "
            "(SELECT count(*) FROM requests WHERE subject IS NULL), "
            "(SELECT count(*) FROM holds), "
            "(SELECT count(*) FROM holds WHERE released IS NOT NULL)"
        )
        return JournalExtent(str(journal_id), *counts)

    def put_requests(self, requests: Sequence[ErasureRequest]) -> None:
        """Write down requests, new or with what has become of them: all or none."""
        with self._writing():
            for request in requests:
                self._put_request(request)

    def requests(
        self, state: RequestState | None = None, batch: str | None = None
    ) -> list[ErasureRequest]:
        """Return the requests in a state or of a batch, the oldest first."""
        rows = self._rows(
            "SELECT * FROM requests WHERE (? IS NULL OR state = ?) AND (? IS NULL OR batch = ?) "
            "ORDER BY received, rowid",
            state,
            state,
            batch,
            batch,
        )
        return [_read_request(row) for row in rows]

    def waiting_requests(self) -> list[ErasureRequest]:
        """Return every request that is not done: those under way, then those set aside."""
        waiting = [state for state in RequestState if state.is_waiting]
        return [request for state in waiting for request in self.requests(state=state)]

    def unfinished_batches(self, state: RequestState = RequestState.RUNNING) -> list[str]:
        """Return the batches that were begun and not ended, in the order of their beginning.

        Args:
            state: Those under way; or those that were set aside.
        """
        rows = self._rows(
            "SELECT batch FROM requests WHERE state = ? GROUP BY batch ORDER BY min(rowid)",
            state,
        )
        return [row["batch"] for row in rows]

    def divide_batch(
        self, batch: str, parts: Mapping[str, Sequence[str]], steps: Collection[ErasureStep]
    ) -> None:
        """Make several batches of one: all of it or nothing.

        Args:
            batch: The batch, which is no more.
            parts: The ids of the requests of each new batch, by its name.
            steps: Which of the steps that are done count as done for each part. The others are
                taken again.
        """
        with self._writing():
            for name, request_ids in parts.items():
                self._connection.executemany(
                    "UPDATE requests SET batch = ? WHERE request = ?",
                    [(name, request_id) for request_id in request_ids],
                )
                self._connection.executemany(
                    "INSERT INTO steps SELECT ?, step, at, figures FROM steps "
                    "WHERE batch = ? AND step = ?",
                    [(name, batch, step) for step in steps],
                )

            # The old batch has no request left: nobody would ever ask for its steps.
            self._connection.execute("DELETE FROM steps WHERE batch = ?", (batch,))

    def completed_steps(self, batch: str) -> dict[ErasureStep, dict[str, Any]]:
        """Return the steps of a batch that are done, with their figures.

        Raises:
            EvidenceError: A step is none of this version's. Passing over it could do it twice.
        """
        rows = self._rows("SELECT step, figures FROM steps WHERE batch = ?", batch)
        return {_read_step(row["step"]): json.loads(row["figures"]) for row in rows}

    def record_step(self, batch: str, step: ErasureStep, figures: dict[str, Any]) -> None:
        """Write down that a step is done; it is not done again."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(
            "INSERT OR REPLACE INTO steps VALUES (?,?,?,?)", (batch, step, now, json.dumps(figures))
        )

    def put_holds(self, holds: Sequence[Hold], requests: Sequence[ErasureRequest] = ()) -> None:
        """Write down holds, or that they were released, and the requests that wait for them.

        All or nothing: a person is held under every spelling, or under none.
        """
        with self._writing():
            for hold in holds:
                self._put_hold(hold)
            for request in requests:
                self._put_request(request)

    def holds(self) -> list[Hold]:
        """Return all holds, also released ones."""
        rows = self._rows("SELECT * FROM holds ORDER BY since, hold")
        return [_read_hold(row) for row in rows]

    def active_holds(self, mark: bytes) -> list[Hold]:
        """Return the holds of a mark that nobody has released."""
        # Of a thousand requests each asks for its own: all holds, read a thousand times, would be
        # half of what an erasure takes.
        rows = self._rows(
            "SELECT * FROM holds WHERE mark = ? AND released IS NULL ORDER BY since, hold", mark
        )
        return [_read_hold(row) for row in rows]

    def flag_model(self, batch: str, model: FlaggedModel) -> None:
        """Write down that a registered model learnt from people whom a batch erased.

        Written twice for one batch, it counts once: a resumed batch flags again.
        """
        self._write(
            "INSERT OR REPLACE INTO models VALUES (?,?,?,?,?,?)",
            (model.name, model.version, batch, model.code, model.people, model.day.isoformat()),
        )

    def flagged_models(self) -> list[FlaggedModel]:
        """Return every flagged model once: the people of all batches, the day of the first."""
        rows = self._rows(
            "SELECT name, version, code, sum(people) AS people, min(day) AS day FROM models "
            "GROUP BY name, version, code ORDER BY name, CAST(version AS INTEGER)"
        )
        return [
            FlaggedModel(
                name=row["name"],
                version=row["version"],
                code=row["code"],
                people=row["people"],
                day=date.fromisoformat(row["day"]),
            )
            for row in rows
        ]

    def empty_log(self) -> None:
        """Empty the write-ahead log, which still holds the pages that were overwritten."""
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._as_our_errors():
            return self._connection.execute(sql, values).fetchall()

    def _write(self, sql: str, values: Sequence[object]) -> None:
        with self._as_our_errors():
            self._connection.execute(sql, values)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        # The end is explained, too: where the disk is full, it is the commit that says so.
        with self._as_our_errors(), write_transaction(self._connection):
            yield

    def _as_our_errors(self) -> AbstractContextManager[None]:
        return explaining_sqlite(WHERE, restore=RESTORE)

    def _put_hold(self, hold: Hold) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO holds VALUES (?,?,?,?,?,?,?)",
            (
                hold.hold_id,
                hold.mark,
                hold.use_case,
                hold.basis,
                hold.since.isoformat(),
                hold.review.isoformat(),
                hold.released.isoformat() if hold.released else None,
            ),
        )

    def _put_request(self, request: ErasureRequest) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO requests VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                request.request_id,
                request.batch,
                request.use_case,
                request.received.isoformat(),
                request.day.isoformat(),
                request.state,
                request.subject,
                request.seed,
                json.dumps(request.key_ids) if request.key_ids else None,
                request.closed.isoformat() if request.closed else None,
                json.dumps(_figures_of(request)),
            ),
        )


class MemoryJournal(Journal):
    """A journal of what is only tried: it lies in memory, and is written nowhere."""

    def __init__(self) -> None:
        self.path = Path(":memory:")
        self._begin(sqlite3.connect(":memory:", isolation_level=None))


def open_journal(installation: Installation) -> Journal:
    """Return this installation's journal, made on first use."""
    return Journal(installation.home / JOURNAL_FILE)


def open_known_journal(installation: Installation, tables: KeyTables) -> Journal:
    """Return the journal if it is what the key store has seen, or further.

    Raises:
        EvidenceError: It is missing, older, or another. Nothing was made.
    """
    seen = read_seen_journals(tables)
    # Asked before it is opened, which would make an empty one: that a journal is missing could not
    # be told from one that has just begun.
    if not has_journal(installation):
        require_known_journal(seen, None, installation)

    journal = open_journal(installation)
    require_known_journal(seen, journal.extent(), installation)
    return journal


def renew_journal(reason: str, installation: Installation) -> Path:
    """Begin a new journal where the old one is lost; return where what was left of that one lies.

    Args:
        reason: Why, in a person's words; it stays in the log.
        installation: Whose.

    Raises:
        ConfigError: No reason is given, or nothing is lost.
    """
    keys = open_guarded_keys(installation)
    with keys.tables.erasure_lock():
        _require_loss(reason, installation, keys)
        # Signed before anything is set aside: what cannot be recorded is not done.
        audit(PeopleAction.RENEW_JOURNAL, what=WHERE, why=reason.strip(), installation=installation)
        # With its write-ahead log: left behind, it would be taken for the new file's.
        names = (f"{JOURNAL_FILE}{suffix}" for suffix in ("", "-wal", "-shm"))
        folder = set_aside(names, installation)
        forget_journals(keys)
        note_journal(keys, open_journal(installation).extent())

    return folder


def _require_loss(reason: str, installation: Installation, keys: KeyStore) -> None:
    if not reason.strip():
        raise ConfigError(
            "--reason",
            expected="a reason",
            found="none",
            remedy="Say what became of the journal.",
        )

    try:
        open_known_journal(installation, keys.tables)
    except PortcullisError:
        return

    raise ConfigError(
        WHERE,
        expected="one that is lost, older than the key store has seen it, or another",
        found="the one that the key store knows, or a key store that knows none",
        remedy="Nothing is to be renewed.",
    )


def _figures_of(request: ErasureRequest) -> dict[str, Any]:
    """Return what has no column: a journal of any version takes it, and needs no new column."""
    figures: dict[str, Any] = {"commitment": request.commitment}
    if request.deferral is not None:
        figures["deferred"] = request.deferral.to_dict()

    if request.aliases:
        figures["aliases"] = list(request.aliases)

    if options := request.options.to_dict():
        figures["options"] = options

    if request.failures:
        figures["failures"] = [failure.to_dict() for failure in request.failures]

    return figures


def _read_request(row: sqlite3.Row) -> ErasureRequest:
    key_ids = json.loads(row["key_ids"]) if row["key_ids"] else {}
    figures = json.loads(row["figures"])
    deferred = figures.get("deferred")
    failures = figures.get("failures", ())

    return ErasureRequest(
        request_id=row["request"],
        batch=row["batch"],
        use_case=row["use_case"],
        received=date.fromisoformat(row["received"]),
        day=date.fromisoformat(row["day"]),
        state=_read_state(row["state"]),
        subject=row["subject"],
        seed=row["seed"],
        key_ids={Retention(name): _read_key_ids(ids) for name, ids in key_ids.items()},
        closed=_read_day(row["closed"]),
        commitment=figures.get("commitment", ""),
        deferral=Deferral.from_dict(deferred) if deferred else None,
        aliases=tuple(figures.get("aliases", ())),
        options=RequestOptions(**figures.get("options", {})),
        failures=tuple(StepFailure.from_dict(failure) for failure in failures),
    )


def _read_key_ids(ids: str | list[str]) -> tuple[str, ...]:
    """Return the ids of keys; an earlier version wrote one text, of a person's one key."""
    return (ids,) if isinstance(ids, str) else tuple(ids)


def _read_hold(row: sqlite3.Row) -> Hold:
    return Hold(
        hold_id=row["hold"],
        mark=row["mark"],
        use_case=row["use_case"],
        basis=row["basis"],
        since=date.fromisoformat(row["since"]),
        review=date.fromisoformat(row["review"]),
        released=_read_day(row["released"]),
    )


def _read_step(text: str) -> ErasureStep:
    try:
        return ErasureStep(text)
    except ValueError as error:
        remedy = "Finish the erasure with the version that began it: `erase --resume`."
        raise _unknown("steps", text, remedy) from error


def _read_state(text: str) -> RequestState:
    try:
        return RequestState(text)
    except ValueError as error:
        remedy = "Work with the version that wrote to it last."
        raise _unknown("states of requests", text, remedy) from error


def _unknown(what: str, text: str, remedy: str) -> EvidenceError:
    return EvidenceError(
        "journal of erasures",
        expected=f"{what} that this version knows",
        found=f"`{text}`",
        remedy=remedy,
    )


def _read_day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
