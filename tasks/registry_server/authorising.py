"""The innermost layer: whether this caller may call this route with this body.

Only the route runs after it. Nothing stands between what was decided and what is served, and before
Flask's handlers it is asked once more whether the route is the one that was decided about.
"""

from contextvars import ContextVar
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool

from tasks.registry_server.auditing import AuditLog
from tasks.registry_server.calls import (
    CALL,
    AsgiApp,
    AuditUnwritableError,
    Call,
    Caller,
    CallRefusedError,
    Receive,
    Scope,
    Send,
    answer_refusal,
)
from tasks.registry_server.closed_runs import (
    ClosedRuns,
    experiments_in_values,
    ids_in_path,
    ids_in_values,
)
from tasks.registry_server.configuring import ServerConfig
from tasks.registry_server.normal_form import (
    MOST_JSON_BYTES,
    READING_METHODS,
    bounded,
    in_time,
    names_place,
    parse_body,
    read_whole,
    replay,
)
from tasks.registry_server.routes import RouteClass, RouteTable, ServedRoute

# What the pages upload goes through Flask, which holds it in memory; MLflow takes 10 MB of it.
MOST_HELD_BYTES = 10 << 20
ARTIFACTS = "/mlflow-artifacts/artifacts/"
JSON_TYPE = "application/json"
# What runs and logged models are changed by; the Gatekeeper alone may, once one is registered.
CHANGING = frozenset({RouteClass.TRACK, RouteClass.UPLOAD, RouteClass.MANAGE})

AUTHORISED: ContextVar[ServedRoute | None] = ContextVar("authorised", default=None)


class Authorisation:
    """Default deny: what is not listed, or not open to one of the caller's roles, is refused."""

    def __init__(
        self,
        app: AsgiApp,
        *,
        routes: RouteTable,
        config: ServerConfig,
        closed_runs: ClosedRuns,
        audit: AuditLog,
    ) -> None:
        self._app = app
        self._routes = routes
        self._config = config
        self._closed_runs = closed_runs
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide about one call, write that down, and only then let it run."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        # Without the outer layers there is no call to decide about, and this fails.
        call: Call = scope[CALL]
        try:
            call.route = self._decide(call, scope["method"], scope["path"])
            receive = await self._take_body(call.route, call.caller, scope, in_time(receive))
            self._audit.record_allowed(call)
            await self._audit.settle()
        except CallRefusedError as refusal:
            await answer_refusal(call, refusal, send)
            return
        except AuditUnwritableError:
            await answer_refusal(call, unaudited(), send)
            return

        token = AUTHORISED.set(call.route)
        try:
            await self._app(scope, receive, send)
        except CallRefusedError as refusal:  # of a body, found while MLflow read it
            await answer_refusal(call, refusal, send)
        finally:
            AUTHORISED.reset(token)

    def _decide(self, call: Call, method: str, path: str) -> ServedRoute:
        """Return the route that is called, if it is open to the caller."""
        route = self._routes.find(method, path)
        if route is None:
            raise CallRefusedError(404, "route.unknown", "Nothing is served there.")
        call.route = route

        # An upgrade of MLflow brings routes that nobody has judged yet: they stay closed.
        if route.route_class is None:
            raise CallRefusedError(403, "route.unclassified", "Nobody has classified this route.")

        if route.route_class is RouteClass.PUBLIC:
            return route

        if call.caller is None:
            raise CallRefusedError(401, "identity.anonymous", "Sign in, or bring a bearer token.")

        if not route.is_open_to(call.caller.roles):
            raise CallRefusedError(
                403, f"role.{route.route_class}", f"None of your roles may {_words(route)}."
            )

        return route

    async def _take_body(
        self, route: ServedRoute, caller: Caller | None, scope: Scope, receive: Receive
    ) -> Receive:
        """Look into a body as far as the decision depends on it; return what MLflow is to read."""
        if scope["method"] in READING_METHODS:
            # MLflow takes the fields of a GET from its body where the query is empty.
            body = await read_whole(receive, 0)
            return replay(body, receive)
        if caller is None:
            raise CallRefusedError(401, "identity.anonymous", "Sign in, or bring a bearer token.")

        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        ids = ids_in_values(query)
        if route.route_class is RouteClass.UPLOAD:
            if ARTIFACTS in scope["path"]:
                ids += ids_in_path(scope["path"].partition(ARTIFACTS)[2])
            most_bytes = self._config.most_artifact_bytes
            # Whatever is no PUT is an upload of the pages, which Flask holds in memory.
            if scope["method"] != "PUT":
                most_bytes = min(most_bytes, MOST_HELD_BYTES)
            _require_length(scope, most_bytes)
            receive = bounded(receive, most_bytes)
        else:
            _require_json(scope)
            body = await read_whole(receive, MOST_JSON_BYTES)
            values = parse_body(body)
            if not caller.is_gatekeeper and names_place(values):
                raise CallRefusedError(
                    403, "registry.place", "Where artifacts lie is not yours to say."
                )
            ids += ids_in_values(values) + _ids_of_logged_model(scope["path"])
            receive = replay(body, receive)
            if route.route_class is RouteClass.MANAGE:
                experiments = experiments_in_values(values)
                await run_in_threadpool(self._closed_runs.require_unregistered, experiments)

        if route.route_class in CHANGING and not caller.is_gatekeeper:
            await run_in_threadpool(self._closed_runs.require_open, ids)
        return receive


def require_authorised_rule() -> None:
    """Stand before every handler of Flask: it serves the route that was decided about, or nothing.

    Raises:
        RuntimeError: Flask has read the request otherwise than the decision, or was called by a way
            that leads round it.
    """
    from flask import request

    route = AUTHORISED.get()
    rule = request.url_rule.rule if request.url_rule else None
    if route is None or rule != route.template or request.method != route.method:
        raise RuntimeError("Flask serves another route than was decided about.")


def unaudited() -> CallRefusedError:
    """Return the refusal of a call of which no event could be written."""
    return CallRefusedError(
        503, "audit.unwritable", "The audit log cannot be written; nothing was done."
    )


def _ids_of_logged_model(path: str) -> list[str]:
    _, _, rest = path.partition("/logged-models/")
    name = rest.partition("/")[0]
    return [name] if name not in ("", "search") else []


def _require_json(scope: Scope) -> None:
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    name = b"".join(types).decode("latin-1").partition(";")[0].strip().lower()
    is_empty = not types and (b"content-length", b"0") in scope["headers"]
    if name != JSON_TYPE and not is_empty:
        raise CallRefusedError(415, "request.type", f"The body has to be {JSON_TYPE}.")


def _require_length(scope: Scope, most_bytes: int) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > most_bytes):
            raise CallRefusedError(413, "request.body", "The file is too long.")


def _words(route: ServedRoute) -> str:
    return {
        RouteClass.PAGE: "see the pages",
        RouteClass.READ: "read",
        RouteClass.TRACK: "log runs",
        RouteClass.UPLOAD: "write artifacts",
        RouteClass.MANAGE: "take away or rename others' work",
        RouteClass.REGISTRY: "change the registry, which only the release path may",
        RouteClass.CLOSED: "call this, which is open to nobody",
    }[route.route_class or RouteClass.CLOSED]
