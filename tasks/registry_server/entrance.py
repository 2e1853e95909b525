"""The way in: one host, one form of a request, and a caller whom the provider vouches for."""

from tasks.registry_server.calls import (
    CALL,
    AsgiApp,
    Call,
    Caller,
    CallRefusedError,
    Receive,
    Scope,
    Send,
    answer_refusal,
    send_answer,
)
from tasks.registry_server.configuring import ServerConfig
from tasks.registry_server.normal_form import (
    require_host,
    require_normal_form,
    without_forwarding,
)
from tasks.registry_server.routes import RouteClass, ServedRoute
from tasks.registry_server.sessions import Sessions
from tasks.registry_server.signing_in import LOGIN, PLACES, SigningIn, show_refusal
from tasks.registry_server.tokens import TokenVerifier

HEALTH = "/health"


class Entrance:
    """Stands round the whole of MLflow, native routes and Flask's alike."""

    def __init__(
        self,
        app: AsgiApp,
        config: ServerConfig,
        verifier: TokenVerifier,
        sessions: Sessions,
        signing_in: SigningIn,
    ) -> None:
        self._app = app
        self._config = config
        self._verifier = verifier
        self._sessions = sessions
        self._signing_in = signing_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a caller in, or say why not."""
        call: Call = scope[CALL]
        try:
            require_host(scope, self._config.allowed_hosts)
            require_normal_form(scope)
            if scope["path"] in PLACES:
                call.route = ServedRoute(scope["method"], scope["path"], RouteClass.PAGE)
                await self._signing_in.answer(call, scope, send)
                return
            if scope["path"] != HEALTH:
                call.caller = await self._identify(scope)
        except CallRefusedError as refusal:
            if refusal.status == 401 and _is_page(scope):
                call.refusal = refusal
                await send_answer(send, 303, b"", [(b"location", LOGIN.encode())])
            elif _is_page(scope):
                await show_refusal(call, refusal, send)
            else:
                await answer_refusal(call, refusal, send)
            return

        scope["headers"] = without_forwarding(scope["headers"])
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope) -> Caller:
        """Return who calls, by one token or one session, and never by two that may differ."""
        lines = [value for name, value in scope["headers"] if name == b"authorization"]
        session = self._sessions.read(scope)
        if lines and session is not None:
            raise CallRefusedError(400, "identity.ambiguous", "A token and a session: bring one.")
        if session is not None:
            self._sessions.require_own_page(scope)
            return await self._sessions.caller(session)
        if not lines:
            raise CallRefusedError(401, "identity.anonymous", "Sign in, or bring a bearer token.")

        scheme, _, token = lines[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise CallRefusedError(401, "identity.scheme", "Only bearer tokens are taken.")
        return await self._verifier.bearer(token)


def _is_page(scope: Scope) -> bool:
    """Say whether a person's browser asks for a page, and not a program for an answer."""
    accepted = b"".join(value for name, value in scope["headers"] if name == b"accept")
    return scope["method"] == "GET" and b"text/html" in accepted
