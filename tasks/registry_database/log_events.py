"""PostgreSQL's own log (`log_destination=jsonlog`) as OCSF events: what was denied, and who wrote.

pgaudit writes a line before a statement runs, and none about one that was denied: that is known by
its SQLSTATE alone. An event says which account did what kind of statement to which table of ours,
and what refused it. Never the statement, a parameter or a message, which may hold values; and a
name only where it is declared here.
"""

import csv
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.audit_log.events import DATASTORE, OTHER, event
from tasks.formats.canonical_json import canonical
from tasks.formats.shown import shown_name
from tasks.formats.strict_json import parse_json
from tasks.formats.whole_file import write_whole
from tasks.registry_database.privileges import (
    EVIDENCE_TABLES,
    GUARDS,
    SCHEMA,
    SERVER_GRANTS,
)

PLACES = "database-log.json"  # beside the events: how far each file of the log was read
DENIED = "42501"  # insufficient privilege, also of our own triggers
# Of SQLSTATE's class 28: a login that is not let in, and a wrong password.
LOGIN_REFUSED = frozenset({"28000", "28P01"})
OTHER_NAME = "other"
ANONYMOUS = "anonymous"
# Activities of OCSF's class Datastore Activity (6005).
ACTIVITIES = {"SELECT": 1, "UPDATE": 2, "INSERT": 5, "MERGE": 5, "COPY": 5, "DELETE": 7}
CONNECT = 3
AUDIT = "AUDIT: "
COMMAND = re.compile(r"[A-Z]{2,20}( [A-Z]{2,20}){0,3}")
TABLE = re.compile(r"permission denied for (?:table|view) (\w+)$")
FUNCTION = re.compile(r"PL/pgSQL function portcullis\.(\w+)\(")
ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}")
ADDRESS = re.compile(r"[0-9a-f.:]{2,45}")
TABLES = frozenset(
    {f"public.{name}" for name in SERVER_GRANTS} | {f"{SCHEMA}.{name}" for name in EVIDENCE_TABLES}
)
BY_NAME = {table.partition(".")[2]: table for table in TABLES}
FUNCTIONS = frozenset(guard.function for guard in GUARDS)


def convert_log(log_folder: Path, database: str, events_path: Path) -> int:
    """Append the events of what was logged since the last call; return how many.

    Called again after a crash it may write the last ones twice, with the same `metadata.uid`.

    Raises:
        OSError: The log cannot be read, or the events cannot be written.
    """
    places_path = events_path.with_name(PLACES)
    places = _read_places(places_path)
    events: list[dict[str, Any]] = []
    ends: dict[str, int] = {}
    for path in sorted(log_folder.glob("*.json")):
        data = path.read_bytes()
        start = places.get(path.name, 0)
        # A name that is used again, as of a day of the week, begins anew.
        whole = data[start if start <= len(data) else 0 :]
        whole = whole[: whole.rfind(b"\n") + 1]  # the last line may still be written
        events += (parsed for line in whole.splitlines() if (parsed := event_of(line, database)))
        ends[path.name] = (start if start <= len(data) else 0) + len(whole)

    if events:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        with os.fdopen(os.open(events_path, flags, 0o600), "ab") as stream:
            stream.write(b"".join(canonical(values) + b"\n" for values in events))
            stream.flush()
            os.fsync(stream.fileno())
    write_whole(places_path, canonical(ends))
    return len(events)


def event_of(line: bytes, database: str) -> dict[str, Any] | None:
    """Return the event of one line of PostgreSQL's log; None for what is about something else."""
    try:
        logged: Any = parse_json(line)
    except ValueError:
        return None

    if not isinstance(logged, dict) or logged.get("dbname") != database:
        return None

    message = str(logged.get("message", ""))
    state = str(logged.get("state_code", ""))

    if message.startswith(AUDIT):
        return _audited(logged, message)

    if state == DENIED:
        return _event(logged, _command(logged.get("ps")), _denied_table(message), state=state)

    if state in LOGIN_REFUSED:
        # Whoever did not get in has no name yet but the one that they typed.
        return _event({**logged, "user": ANONYMOUS}, "CONNECT", database, state=state)

    return None


def _audited(logged: dict[str, Any], message: str) -> dict[str, Any] | None:
    """Return the event of pgaudit's line, whose fields end with the statement."""
    # Kind, number, part, class, command, type of object, object, statement, parameters.
    fields = next(csv.reader([message.removeprefix(AUDIT)]), [])
    if len(fields) < 7:
        return None
    return _event(logged, _command(fields[4]), shown_name(fields[6], TABLES, otherwise=OTHER_NAME))


def _event(logged: dict[str, Any], command: str, table: str, *, state: str = "") -> dict[str, Any]:
    values = event(
        f"sql:{command}",
        actor=_matching(ACCOUNT, logged.get("user")),
        is_success=not state,
        resources=[(table, "table", {})],
        kind=DATASTORE,
    )

    activity = CONNECT if command == "CONNECT" else ACTIVITIES.get(command, OTHER)
    # Whatever does not have the form of its field becomes a fixed word: a log line holds what
    # others typed.
    values["activity_id"] = activity
    values["type_uid"] = DATASTORE * 100 + activity
    if activity != OTHER:
        values.pop("activity_name", None)

    values["time"] = _milliseconds(logged.get("timestamp"))
    values["src_endpoint"] = {"ip": _matching(ADDRESS, logged.get("remote_host"))}

    session = _matching(re.compile(r"[0-9a-f]+\.[0-9a-f]+"), logged.get("session_id"))
    values["metadata"]["correlation_uid"] = session
    values["metadata"]["uid"] = f"postgresql-{session}-{int(logged.get('line_num') or 0)}"

    if state:
        values["status_code"] = state
        if guards := [name for name in _functions(logged) if name in FUNCTIONS]:
            values["unmapped"]["guard"] = guards[0]

    return values


def _functions(logged: dict[str, Any]) -> Iterator[str]:
    """Yield the functions of ours that a statement was refused in, the outermost first."""
    yield from reversed(FUNCTION.findall(str(logged.get("context", ""))))


def _denied_table(message: str) -> str:
    denied = TABLE.fullmatch(message)
    return BY_NAME.get(denied[1], OTHER_NAME) if denied else OTHER_NAME


def _command(words: object) -> str:
    return _matching(COMMAND, words)


def _matching(form: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and form.fullmatch(value) else OTHER_NAME


def _milliseconds(value: object) -> int:
    """Return when it was, since 1970; now for a time that is not in UTC."""
    try:
        then = datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC)
    except ValueError:
        then = datetime.now(tz=UTC)
    return int(then.timestamp() * 1000)


def _read_places(path: Path) -> dict[str, int]:
    try:
        noted: Any = parse_json(path.read_bytes())
        return {str(name): int(end) for name, end in noted.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}  # all is read again: each event has the id that it had
