"""What the layers of the server tell each other about one call, and how a call is refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tasks.formats.canonical_json import canonical
from tasks.registry_server.routes import RegistryRole, ServedRoute

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

CALL = "portcullis.call"  # where a scope holds it


class CallRefusedError(Exception):
    """A call that is not answered by MLflow: `kind` is what rules match, `text` what people read.

    Neither holds anything that the caller sent.
    """

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.kind = kind
        self.text = text


class AuditUnwritableError(Exception):
    """The event about a call could not be written, and so the call is not made."""


@dataclass(frozen=True)
class Caller:
    """Who calls, by the provider's word: a subject, never a name or an address."""

    subject: str
    roles: frozenset[RegistryRole]

    @property
    def is_gatekeeper(self) -> bool:
        """Whether it is the service that publishes."""
        return RegistryRole.GATEKEEPER in self.roles


@dataclass
class Call:
    """One call on its way inward; each layer adds what it has found out."""

    method: str
    address: str
    uid: str = field(default_factory=lambda: uuid4().hex)
    caller: Caller | None = None
    route: ServedRoute | None = None
    refusal: CallRefusedError | None = None
    is_recorded: bool = False


async def answer_refusal(call: Call, refusal: CallRefusedError, send: Send) -> None:
    """Refuse a call, in the form in which MLflow's own clients read an error."""
    call.refusal = refusal

    # The codes of MLflow's own errors (`mlflow.protos.databricks_pb2.ErrorCode`).
    code = "UNAUTHENTICATED" if refusal.status == 401 else "PERMISSION_DENIED"
    if refusal.status == 404:
        code = "ENDPOINT_NOT_FOUND"

    # The kind is for rules and programs, the call's id leads to its event in the audit log.
    body = canonical(
        {"error_code": code, "message": refusal.text, "kind": refusal.kind, "call": call.uid}
    )

    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))

    await send_answer(send, refusal.status, body, headers)


async def send_answer(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """Send one whole answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
