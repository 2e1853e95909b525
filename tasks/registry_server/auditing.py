"""The outermost layer: one OCSF event for each call and each denial, and no change without one.

An allowed call's event is written before the call is made; where it cannot be written, the call is
not made. A denial's is written before the answer. A call that was allowed and then failed gets a
second event with the same id. No answer leaves before its event is on the disk: who ends the server
or the machine ends no record of what was answered.

Events hold who (the provider's subject), from which address, which route (its template, never the
path, which may hold names that a file supplied) and what was decided; never a token, a body, or a
value of either. Each process numbers its events without a gap (`metadata.sequence`), by which a
reader misses one; `metadata.uid`, `<process>-<n>`, is what a receiver knows a repeated one by.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from starlette.concurrency import run_in_threadpool

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
        self._process = uuid4().hex[:16]
        self._sequence = 0  # of the last event
        self._settled = 0  # of the last event that is known to be on the disk
        self._settling = asyncio.Lock()

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

    async def settle(self) -> None:
        """Return when all that was written before is on the disk.

        Calls that wait together are served by one `fsync`: whoever comes while one is under way
        waits for the next, which is for all who have come by then.

        Raises:
            AuditUnwritableError: The disk does not take it.
        """
        mine = self._sequence

        async with self._settling:
            if self._settled >= mine:
                return

            # What was appended up to here is in the file: the `fsync` that follows covers it.
            newest = self._sequence
            try:
                await run_in_threadpool(self._sync)
            except OSError as error:
                raise AuditUnwritableError from error
            self._settled = newest

    def _append(self, values: dict[str, Any]) -> None:
        with self._lock:
            # A number whose event cannot be written stays missing, as the event does.
            self._sequence += 1
            values["metadata"]["sequence"] = self._sequence
            values["metadata"]["uid"] = f"{self._process}-{self._sequence}"
            line = canonical(values) + b"\n"

            try:
                descriptor = self._open()
                # What ended in mid-line, here or in another process, spoils no line but its own.
                if not _ends_with_a_line(descriptor):
                    line = b"\n" + line

                # One `write` to a file in append mode: no other process's line lies within it.
                written = os.write(descriptor, line)
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

        # Rotated, or never opened: the name means another file than the descriptor.
        if identity is None or identity != self._identity:
            if self._descriptor >= 0:
                # What waits for `settle` may lie in it.
                os.fsync(self._descriptor)
                os.close(self._descriptor)
                self._descriptor = -1

            # Read, too, for its last byte.
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._path, flags, 0o600)
            state = os.fstat(self._descriptor)
            self._identity = (state.st_dev, state.st_ino)
            _sync_name(self._path)

        return self._descriptor

    def _sync(self) -> None:
        # A copy: another call may open another file meanwhile, and close this descriptor.
        with self._lock:
            descriptor = os.dup(self._descriptor)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _ends_with_a_line(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _sync_name(path: Path) -> None:
    """Bring a new file's name to the disk: without it the file is there, and nobody finds it."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


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
        address = (scope.get("client") or ("", 0))[0]
        if scope["type"] != "http":
            await self._refuse_websocket(address, send)
            return

        call = Call(method=scope["method"], address=address)
        scope[CALL] = call
        is_stopped = False

        async def recorded(message: Message) -> None:
            nonlocal is_stopped
            if is_stopped:
                return

            if message["type"] == "http.response.start":
                try:
                    self._record(call, message["status"])
                    await self._audit.settle()
                except AuditUnwritableError:
                    is_stopped = True
                    refusal = self._unaudited()
                    await send_answer(send, refusal.status, refusal.text.encode(), [])
                    return

            await send(message)

        await self._app(scope, receive, recorded)

    async def _refuse_websocket(self, address: str, send: Send) -> None:
        call = Call(method="GET", address=address)
        call.refusal = CallRefusedError(403, "request.websocket", "No WebSocket is served.")
        # It is refused either way.
        with suppress(AuditUnwritableError):
            self._audit.record_answer(call, call.refusal.status)
            await self._audit.settle()
        # RFC 6455, 7.4.1: 1008 is a breach of a policy.
        await send({"type": "websocket.close", "code": 1008})

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

    # One id for the call's events: the one before it runs, and the one if it then fails.
    values["metadata"]["correlation_uid"] = call.uid
    values["src_endpoint"] = {"ip": call.address} if call.address else {"name": NOBODY}
    values["http_request"] = {**known, "url": {"path": template}}
    values["unmapped"] = {
        "roles": sorted(call.caller.roles) if call.caller else [],
        "route_class": call.route.route_class if call.route else None,
        # For rules about nights, which not every language of rules can ask of a time.
        "hour_utc": time.gmtime(values["time"] / 1000).tm_hour,
    }

    # Left out where there is none: a SIEM may read null as a word.
    if call.refusal:
        values["unmapped"]["refusal"] = call.refusal.kind

    if status is not None:
        values["http_response"] = {"code": status}
        values["status_code"] = str(status)

    return values
