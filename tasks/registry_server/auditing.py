"""The outermost layer: one OCSF event for each call and each denial, and no change without one.

An allowed call's event is written before the call is made; where it cannot be written, the call is
not made. A denial's is written before the answer. A call that was allowed and then failed gets a
second event with the same id. Events hold who (the provider's subject), from which address, which
route (its template, never the path, which may hold names that a file supplied) and what was
decided; never a token, a body, or a value of either.
"""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from tasks.audit_log.events import CREATE, DELETE, OTHER, READ, UPDATE, event
from tasks.formats.canonical_json import canonical
from tasks.registry_server.calls import (
    CALL,
    AsgiApp,
    AuditUnwritableError,
    Call,
    CallRefusedError,
    Message,
    Receive,
    Scope,
    Send,
    send_answer,
)
from tasks.registry_server.normal_form import METHODS

ACTIVITIES = {
    "GET": READ,
    "HEAD": READ,
    "POST": CREATE,
    "PUT": UPDATE,
    "PATCH": UPDATE,
    "DELETE": DELETE,
}
NOBODY = "anonymous"
UNROUTED = "unrouted"


class AuditLog:
    """A file of lines that others rotate: it is opened again when its name means another file.

    Lines are appended by one `write` each, so that several processes of one server share the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None

    def record_allowed(self, call: Call) -> None:
        """Write that a call is allowed, before it is made.

        Raises:
            AuditUnwritableError: It cannot be written.
        """
        self._append(_event(call, status=None))
        call.is_recorded = True

    def record_answer(self, call: Call, status: int) -> None:
        """Write what a call was answered.

        Raises:
            AuditUnwritableError: It cannot be written.
        """
        self._append(_event(call, status=status))
        call.is_recorded = True

    def _append(self, values: dict[str, Any]) -> None:
        line = canonical(values) + b"\n"
        try:
            with self._lock:
                written = os.write(self._open(), line)
        except OSError as error:
            raise AuditUnwritableError from error
        if written != len(line):  # the disk is full
            raise AuditUnwritableError

    def _open(self) -> int:
        """Return a descriptor of the file that has the name now."""
        try:
            state = self._path.stat()
            identity = (state.st_dev, state.st_ino)
        except FileNotFoundError:
            identity = None
        if identity is None or identity != self._identity:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._path, flags, 0o600)
            state = os.fstat(self._descriptor)
            self._identity = (state.st_dev, state.st_ino)
        return self._descriptor


class Audited:
    """Gives each call its record, and writes down how it ended."""

    def __init__(
        self, app: AsgiApp, audit: AuditLog, unaudited: Callable[[], CallRefusedError]
    ) -> None:
        self._app = app
        self._audit = audit
        self._unaudited = unaudited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call inward; nothing leaves before its event is written."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        call = Call(method=scope["method"], address=(scope.get("client") or ("", 0))[0])
        scope[CALL] = call
        is_stopped = False

        async def recorded(message: Message) -> None:
            nonlocal is_stopped
            if is_stopped:
                return
            if message["type"] == "http.response.start":
                try:
                    self._record(call, message["status"])
                except AuditUnwritableError:
                    is_stopped = True
                    refusal = self._unaudited()
                    await send_answer(send, refusal.status, refusal.text.encode(), [])
                    return
            await send(message)

        await self._app(scope, receive, recorded)

    def _record(self, call: Call, status: int) -> None:
        # An allowed call that succeeded has its event already.
        if not call.is_recorded or status >= 400:
            self._audit.record_answer(call, status)


def _event(call: Call, status: int | None) -> dict[str, Any]:
    """Return the OCSF event (API Activity, 6003) of a call; `status` is None before it is made."""
    template = call.route.template if call.route else UNROUTED
    # Another method may be any word that a caller likes.
    known = {"http_method": call.method} if call.method in METHODS else {}
    method = known.get("http_method", "other")
    is_success = call.refusal is None and (status is None or status < 400)
    values = event(
        f"{method} {template}",
        actor=call.caller.subject if call.caller else NOBODY,
        activity=ACTIVITIES.get(call.method, OTHER),
        is_success=is_success,
        resources=[("model registry", "service", {})],
        detail=call.refusal.text if call.refusal else "",
    )
    values["metadata"]["correlation_uid"] = call.uid
    values["src_endpoint"] = {"ip": call.address} if call.address else {"name": NOBODY}
    values["http_request"] = {**known, "url": {"path": template}}
    values["unmapped"] = {
        "roles": sorted(call.caller.roles) if call.caller else [],
        "route_class": call.route.route_class if call.route else None,
        "refusal": call.refusal.kind if call.refusal else None,
    }
    if status is not None:
        values["http_response"] = {"code": status}
        values["status_code"] = str(status)
    return values
