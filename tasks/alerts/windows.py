"""Which events count for which rule, and when there are too many: one SQLite file.

An event is asked once whether it counts: its fields go into a table in memory, and the rules' own
SQL, which `tests/tasks/alerts` tries, selects from it. What counts is kept by rule, group and time
for as long as the rule looks back. How far each file was read, what counts and what fired are one
transaction: a pass that is killed leaves nothing, and the next one finds the same.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.alerts.findings import MOST_EVIDENCE, AlertFinding, finding_line, read_finding
from tasks.alerts.rules import AlertRule
from tasks.audit_log.events import DELETE, event
from tasks.audit_log.following import Chunk, Places
from tasks.formats.canonical_json import canonical
from tasks.formats.strict_json import parse_json

GAP = "audit log:gap"
# Of the numbers that one jump leaves out, so many are waited for one by one.
MOST_MISSING = 1_000
MOST_GAPS = 100
MOST_DIGITS = 18
KEPT_MS = 90 * 24 * 3_600 * 1_000  # for as long a finding is remembered after it fired
SCHEMA = """
CREATE TABLE IF NOT EXISTS places (file TEXT PRIMARY KEY, bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS matches (
    rule TEXT NOT NULL, group_key TEXT NOT NULL, time INTEGER NOT NULL, uid TEXT NOT NULL, value,
    PRIMARY KEY (rule, group_key, time, uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS findings (
    uid TEXT PRIMARY KEY, rule TEXT NOT NULL, group_key TEXT NOT NULL, end INTEGER NOT NULL,
    body TEXT NOT NULL, told TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS sequences (process TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS missing (
    process TEXT NOT NULL, sequence INTEGER NOT NULL, passes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (process, sequence)
);
"""


class Windows:
    """What the rules remember."""

    def __init__(self, path: Path, rules: Sequence[AlertRule]) -> None:
        self._rules = rules
        self._fields = sorted({name for rule in rules for name in _asked(rule)})
        self._connection = sqlite3.connect(path, isolation_level=None)
        # An event that was read is not read again: it has to be on the disk by then.
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(SCHEMA)
        # What was rotated away before anybody watched is not missing.
        self._is_beginning = not self.places()
        columns = ", ".join(f"`{name}`" for name in self._fields)
        # Names of fields come from the rules, which are ours; nothing of an event is ever a part of
        # SQL.
        self._connection.execute(f"CREATE TEMP TABLE events (uid, time, {columns})")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def places(self) -> Places:
        """Return how far each file was read."""
        return dict(self._connection.execute("SELECT file, bytes FROM places"))

    def take(self, chunk: Chunk) -> None:
        """Count some events, note what fires, and that they were read: all of it, or nothing."""
        with self._transaction():
            self._count(chunk.events)
            for values in chunk.events:
                self._number(str(values["metadata"]["uid"]))
            self._connection.execute(
                "INSERT OR REPLACE INTO places VALUES (?, ?)", (chunk.file_sha256, chunk.end)
            )

    def end_pass(self, now_ms: int) -> None:
        """Tell of numbers that are missing since the pass before, and forget what is too old."""
        with self._transaction():
            gaps = self._connection.execute(
                "SELECT process, MIN(sequence), MAX(sequence), COUNT(*) FROM missing "
                "WHERE passes > 0 GROUP BY process LIMIT ?",
                (MOST_GAPS,),
            ).fetchall()
            self._count([_gap(process, numbers, now_ms) for process, *numbers in gaps])
            # One pass later, and not at once: files are read one after another, and a number may
            # stand in one that is read later.
            self._connection.execute("DELETE FROM missing WHERE passes > 0")
            self._connection.execute("UPDATE missing SET passes = passes + 1")

            for rule in self._rules:
                # Twice as far as it looks back, for files that are read one after another; from the
                # last event on, for files that come late. A time to come is none.
                self._connection.execute(
                    "DELETE FROM matches WHERE rule = :rule AND time < :back + "
                    "(SELECT MIN(:now, MAX(time)) FROM matches WHERE rule = :rule)",
                    {"rule": rule.id, "now": now_ms, "back": -2_000 * rule.seconds},
                )

    def untold(self, channel: str) -> list[dict[str, Any]]:
        """Return the findings that a channel was not told of yet, oldest first."""
        rows = self._connection.execute(
            "SELECT body FROM findings WHERE instr(told, ?) = 0 ORDER BY end, uid", (f"{channel};",)
        )
        return [read_finding(body) for (body,) in rows]

    def mark_told(self, channel: str, uid: str) -> None:
        """Note that a channel was told of a finding."""
        self._connection.execute(
            "UPDATE findings SET told = told || ? WHERE uid = ?", (f"{channel};", uid)
        )

    def forget_told(self, now_ms: int, channels: Iterable[str]) -> None:
        """Forget findings that are old, and that each of these channels was told of.

        Old is what lies far before the last finding, for files that come late; a time to come is
        none. One that fires again, by a file that comes later still, has the same id.
        """
        marks = [f"{name};" for name in channels]
        told = "".join(" AND instr(told, ?) > 0" for _ in marks)
        self._connection.execute(
            f"DELETE FROM findings WHERE end < (SELECT MIN(?, MAX(end)) FROM findings) - ?{told}",
            (now_ms, KEPT_MS, *marks),
        )

    def _count(self, events: Sequence[dict[str, Any]]) -> None:
        """Ask every rule about new events, and look at the groups that it counts them in."""
        marks = ", ".join("?" * (len(self._fields) + 2))
        self._connection.execute("DELETE FROM temp.events")
        self._connection.executemany(
            f"INSERT INTO temp.events VALUES ({marks})",
            [
                (
                    str(values["metadata"]["uid"]),
                    int(values["time"]),
                    *(column_of(values, name) for name in self._fields),
                )
                for values in events
            ],
        )
        for rule in self._rules:
            for group, times in self._match(rule).items():
                self._fire(rule, group, min(times), max(times))

    def _match(self, rule: AlertRule) -> dict[str, list[int]]:
        """Keep what counts for a rule; return the times of it by group."""
        cursor = self._connection.execute(rule.sql)
        names = [column[0] for column in cursor.description]
        groups: dict[str, list[int]] = {}
        kept = []
        for row in cursor:
            values = dict(zip(names, row, strict=True))
            agreed = {name: values[name] for name in rule.group_by}
            # By Sigma, what lacks the field counts in no group; where nothing is counted it fires.
            if rule.threshold > 1 and None in agreed.values():
                continue
            group = canonical(agreed).decode()
            groups.setdefault(group, []).append(values["time"])
            value = values[rule.distinct] if rule.distinct else None
            kept.append((rule.id, group, values["time"], values["uid"], value))

        # `OR IGNORE`: delivery is at least once, and an event that comes again counts once.
        self._connection.executemany("INSERT OR IGNORE INTO matches VALUES (?, ?, ?, ?, ?)", kept)
        return groups

    def _fire(self, rule: AlertRule, group: str, first_ms: int, last_ms: int) -> None:
        """Note each window of a group that is too full, and at most one in the rule's time."""
        span_ms = 1_000 * rule.seconds
        fired = [
            end
            for (end,) in self._connection.execute(
                "SELECT end FROM findings WHERE rule = ? AND group_key = ? AND end > ?",
                (rule.id, group, first_ms - 2 * span_ms),
            )
        ]
        rows = self._connection.execute(
            "SELECT time, uid, value FROM matches WHERE rule = ? AND group_key = ? "
            "AND time BETWEEN ? AND ? ORDER BY time, uid",
            (rule.id, group, first_ms - span_ms, last_ms + span_ms),
        )
        for window, count in _windows(rows, span_ms, is_distinct=bool(rule.distinct)):
            end = window[-1][0]
            if count < rule.threshold or any(abs(end - other) < span_ms for other in fired):
                continue

            fired.append(end)
            finding = _finding(rule, group, window, count)
            self._connection.execute(
                "INSERT OR IGNORE INTO findings (uid, rule, group_key, end, body) "
                "VALUES (?, ?, ?, ?, ?)",
                (finding.uid, rule.id, group, end, finding_line(finding.to_event())),
            )

    def _number(self, uid: str) -> None:
        """Miss the numbers that a process left out; one that comes late is missed no longer."""
        process, _, digits = uid.rpartition("-")
        # No more digits than SQLite's numbers have: others are none that our servers count by.
        is_number = digits.isdecimal() and len(digits) <= MOST_DIGITS
        if not process or not is_number or len(process) != 16 or "-" in process:
            return

        sequence = int(digits)
        row = self._connection.execute(
            "SELECT last FROM sequences WHERE process = ?", (process,)
        ).fetchone()
        last = row[0] if row else (sequence - 1 if self._is_beginning else 0)
        if sequence <= last:
            self._connection.execute(
                "DELETE FROM missing WHERE process = ? AND sequence = ?", (process, sequence)
            )
            return

        first = max(last + 1, sequence - MOST_MISSING)
        self._connection.executemany(
            "INSERT OR IGNORE INTO missing (process, sequence) VALUES (?, ?)",
            [(process, number) for number in range(first, sequence)],
        )
        self._connection.execute(
            "INSERT OR REPLACE INTO sequences VALUES (?, ?)", (process, sequence)
        )

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._connection)


class _Transaction:
    """All of a block, or nothing of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


Match = tuple[int, str, Any]


def _windows(
    rows: Iterator[Match] | sqlite3.Cursor, span_ms: int, *, is_distinct: bool
) -> Iterator[tuple["deque[Match]", int]]:
    """Yield, for each event, the events that lie no further back, and what is counted of them."""
    window: deque[Match] = deque()
    values: dict[Any, int] = {}
    for row in rows:
        window.append(row)
        values[row[2]] = values.get(row[2], 0) + 1
        while window[0][0] < row[0] - span_ms:
            value = window.popleft()[2]
            values[value] -= 1
            if not values[value]:
                del values[value]

        yield window, len(values.keys() - {None}) if is_distinct else len(window)


def _finding(rule: AlertRule, group: str, window: "deque[Match]", count: int) -> AlertFinding:
    # By rule, group and the event that fired it: who evaluates the same events has the same id.
    named = f"{rule.id}\n{group}\n{window[-1][1]}"
    last = list(window)[-MOST_EVIDENCE:]

    return AlertFinding(
        uid=sha256(named.encode()).hexdigest()[:32],
        rule=rule,
        group=parse_json(group),
        start_ms=window[0][0],
        end_ms=window[-1][0],
        count=count,
        event_uids=tuple(uid for _, uid, _ in last),
    )


def _asked(rule: AlertRule) -> set[str]:
    return {*rule.fields, *rule.group_by, *({rule.distinct} - {""})}


def column_of(values: dict[str, Any], name: str) -> str | int | float | None:
    """Return a field of an event, `actor.user.name`, as SQLite holds it."""
    value: Any = values
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None

    if isinstance(value, dict | list):
        return canonical(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"

    # What is beyond SQLite's numbers is a text.
    if (
        value is None
        or isinstance(value, float)
        or (isinstance(value, int) and abs(value) < 1 << 63)
    ):
        return value

    return str(value)


def _gap(process: str, numbers: list[int], now_ms: int) -> dict[str, Any]:
    """Return an event about numbers of one process that no file has."""
    first, last, count = numbers
    figures = {"first": first, "last": last, "count": count}
    made = event(
        GAP,
        actor="portcullis",
        activity=DELETE,
        is_success=False,
        resources=[("audit log", "file", figures)],
        detail=f"{count} events of one process of the server are missing.",
    )
    # The same whenever the gap is found, so that it counts once.
    made["metadata"]["uid"] = f"gap-{process}-{first}-{last}"
    return made | {"time": now_ms}
