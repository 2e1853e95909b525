"""The application that `mlflow server --app-name portcullis` serves."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from tasks.errors import ConfigError
from tasks.registry_server.auditing import Audited, AuditLog
from tasks.registry_server.authorising import Authorisation, require_authorised_rule, unaudited
from tasks.registry_server.calls import AsgiApp, Receive, Scope, Send
from tasks.registry_server.closed_runs import ClosedRuns
from tasks.registry_server.configuring import ServerConfig, read_config
from tasks.registry_server.entrance import Entrance
from tasks.registry_server.routes import RouteTable
from tasks.registry_server.sessions import CookieJar, Sessions
from tasks.registry_server.signing_in import SigningIn
from tasks.registry_server.tokens import Provider, TokenVerifier
from tasks.secrets.object_store import sign_by
from tasks.secrets.provider import Secrets
from tasks.secrets.tracking_store import secrets_of_process
from tasks.settings import Settings

CLIENT_SECRET = "PORTCULLIS_SERVER_CLIENT_SECRET"
SESSION_KEY = "PORTCULLIS_SERVER_SESSION_KEY"

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app() -> AsgiApp:
    """Return MLflow's application with our layers round it, as the environment says.

    Raises:
        ConfigError: Something is not set, or not valid; then no server starts.
    """
    settings = Settings.from_environment(os.environ)
    if not settings.server_config:
        raise ConfigError(
            "$PORTCULLIS_SERVER_CONFIG",
            expected="the server's configuration, a YAML file",
            found="nothing",
            remedy="Set it; docs/registry-server.md shows one.",
        )
    config = read_config(Path(settings.server_config))

    # MLflow reads these when it is imported. Hosts and origins are ours to check, round all routes.
    os.environ["MLFLOW_SERVER_ALLOWED_HOSTS"] = ",".join(sorted(config.allowed_hosts))
    os.environ["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] = config.origin
    return protect(config, secrets_of_process())


def protect(config: ServerConfig, secrets: Secrets) -> AsgiApp:
    """Return MLflow's application with our layers round it."""
    import httpx
    from mlflow.server import app as flask
    from mlflow.server.fastapi_app import create_fastapi_app
    from mlflow.server.handlers import _get_model_registry_store

    mlflow = cast("FastAPI", create_fastapi_app(flask))
    audit = AuditLog(config.audit_file)
    routes = RouteTable(mlflow, flask)
    # Appended: only the routers run after it.
    mlflow.user_middleware.append(
        Middleware(
            cast("Any", Authorisation),
            routes=routes,
            config=config,
            closed_runs=ClosedRuns(_get_model_registry_store),
            audit=audit,
        )
    )
    hooks = flask.before_request_funcs.setdefault(None, [])
    if require_authorised_rule not in hooks:
        hooks.insert(0, require_authorised_rule)

    # A query may hold what a provider sends a browser back with, and names that a file supplied.
    access_log = logging.getLogger("uvicorn.access")
    if _without_query not in access_log.filters:
        access_log.addFilter(_without_query)
    if secrets.has_s3_keys:
        sign_by(secrets)

    # One client for all calls; it follows no redirection.
    provider = Provider(config, httpx.AsyncClient())
    verifier = TokenVerifier(config, provider)
    cookies = CookieJar(config, lambda: secrets.accepted(SESSION_KEY))
    sessions = Sessions(config, cookies, provider, verifier)
    signing_in = SigningIn(
        config, lambda: secrets.read(CLIENT_SECRET), cookies, provider, verifier, sessions
    )
    entrance = Entrance(cast("AsgiApp", mlflow), config, verifier, sessions, signing_in)
    return Returning(Audited(entrance, audit, unaudited), secrets)


def _without_query(record: logging.LogRecord) -> bool:
    """Leave a query out of a line of the web server's log; the audit log has the call itself."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            value.partition("?")[0] if isinstance(value, str) else value for value in record.args
        )
    return True


class Returning:
    """Gives the process's accounts back when the server stops; its web server ends by a signal.

    It answers for the application's life by itself: all that MLflow's own does at a start is to
    tidy up, by Docker, after its assistant, which nobody may call here.
    """

    def __init__(self, app: AsgiApp, secrets: Secrets) -> None:
        self._app = app
        self._secrets = secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass every call inward; at the end, close."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await run_in_threadpool(self._secrets.close)
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})
