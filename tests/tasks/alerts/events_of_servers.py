"""Events as the registry's server and its database write them, at any time of any day."""

import json
from pathlib import Path
from typing import Any

from tasks.audit_log.events import DATASTORE, OTHER, event
from tasks.registry_server.auditing import AuditLog
from tasks.registry_server.calls import Call, Caller, CallRefusedError
from tasks.registry_server.routes import RegistryRole, RouteClass, ServedRoute

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
API = "/api/2.0/mlflow"


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


def database_event(at_ms: int = NOON_MS, **changes: Any) -> dict[str, Any]:
    """Return an event of the registry's database, by the fields of docs/alerts.md."""
    made = event(
        "WRITE",
        actor="mlflow_server",
        activity=OTHER,
        kind=DATASTORE,
        resources=[("model_versions", "table", {})],
    )
    return made | {"time": at_ms} | changes
