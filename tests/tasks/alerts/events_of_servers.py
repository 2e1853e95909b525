"""Events as the registry's server and its database write them, at any time of any day."""

import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from tasks.formats.canonical_json import canonical
from tasks.registry_database.log_events import event_of
from tasks.registry_server.auditing import AuditLog
from tasks.registry_server.calls import Call, Caller, CallRefusedError
from tasks.registry_server.routes import RegistryRole, RouteClass, ServedRoute

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
API = "/api/2.0/mlflow"
NUMBERS = count(1)  # of lines of one session


class ServerLog:
    """What one process of the server writes; its own code makes the events."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "made.jsonl"
        self._log = AuditLog(self._path)

    def call(
        self,
        at_ms: int = NOON_MS,
        method: str = "GET",
        template: str = f"{API}/runs/get",
        *,
        subject: str = "ann",
        role: RegistryRole = RegistryRole.DATA_SCIENTIST,
        address: str = "10.0.0.7",
        refusal: str = "",
        status: int | None = None,
        route_class: RouteClass = RouteClass.READ,
    ) -> dict[str, Any]:
        """Return the event of one call."""
        call = Call(method=method, address=address)
        call.route = ServedRoute(method, template, route_class)
        call.caller = Caller(subject, frozenset({role})) if subject else None
        if refusal:
            call.refusal = CallRefusedError(403, refusal, "No.")
        start = self._path.stat().st_size if self._path.exists() else 0
        if refusal or status is not None:
            self._log.record_answer(call, status or 403)
        else:
            self._log.record_allowed(call)
        with self._path.open("rb") as stream:
            stream.seek(start)
            values: dict[str, Any] = json.loads(stream.read())
        values["time"] = at_ms
        values["unmapped"]["hour_utc"] = at_ms // HOUR_MS % 24
        return values


def database_event(
    command: str, at_ms: int = NOON_MS, *, state: str = "", user: str = "mlflow_server"
) -> dict[str, Any]:
    """Return the event of what PostgreSQL writes about a statement: pgaudit's line, or an error."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    line = {
        "timestamp": f"{moment} UTC",
        "user": user,
        "dbname": "mlflow",
        "remote_host": "10.0.3.1",
        "session_id": "6a1b2c3d.4e",
        "line_num": next(NUMBERS),
        "ps": command,
        "message": f"AUDIT: SESSION,1,1,DDL,{command},TABLE,public.model_versions,,<not logged>",
    }
    if state:
        line |= {"state_code": state, "message": "permission denied for table model_versions"}
    made = event_of(canonical(line), "mlflow")
    assert made is not None, command
    return made
