"""Which class every route of MLflow belongs to, and which role may call which class.

`routes.yaml` lists them. What a request means is asked of MLflow's own routers, so that no second
reading of a path can differ from the one that is served.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from re import Pattern
from typing import TYPE_CHECKING

from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Flask

ROUTES = Path(__file__).with_name("routes.yaml")
BOTH_APIS = "{api}"
APIS = ("/api", "/ajax-api")


class RegistryRole(StrEnum):
    """Who calls; somebody may have several."""

    DATA_SCIENTIST = "DataScientist"
    MODEL_AUDITOR = "ModelAuditor"
    ADMIN = "Admin"
    GATEKEEPER = "Gatekeeper"  # the worker that publishes, a service account


class RouteClass(StrEnum):
    """What a route does, as far as permission is concerned; `routes.yaml` says more."""

    PUBLIC = "public"
    PAGE = "page"
    READ = "read"
    TRACK = "track"
    UPLOAD = "upload"
    MANAGE = "manage"
    REGISTRY = "registry"
    CLOSED = "closed"


_READING = frozenset({RouteClass.PUBLIC, RouteClass.PAGE, RouteClass.READ})
_WRITING = frozenset({RouteClass.TRACK, RouteClass.UPLOAD})
ALLOWED: dict[RegistryRole, frozenset[RouteClass]] = {
    RegistryRole.DATA_SCIENTIST: _READING | _WRITING,
    RegistryRole.MODEL_AUDITOR: _READING,
    # Not the registry: an administrator is not exempt from evidence.
    RegistryRole.ADMIN: _READING | _WRITING | {RouteClass.MANAGE},
    RegistryRole.GATEKEEPER: _READING | _WRITING | {RouteClass.REGISTRY},
}


@dataclass(frozen=True)
class ServedRoute:
    """One (method, template) that MLflow serves, and its class; None where nobody classified it."""

    method: str
    template: str
    route_class: RouteClass | None

    def is_open_to(self, roles: frozenset[RegistryRole]) -> bool:
        """Say whether one of the roles may call it."""
        if self.route_class is None:
            return False
        return any(self.route_class in ALLOWED[role] for role in roles)


def read_classes(path: Path = ROUTES) -> dict[tuple[str, str], RouteClass]:
    """Return the class of each (method, template) of the list.

    Raises:
        ConfigError: It names a class that there is not, or one route twice.
    """
    classes: dict[tuple[str, str], RouteClass] = {}
    for name, lines in read_yaml(path).items():
        if name not in {*RouteClass}:
            raise _fault(path, "a class of RouteClass", "another")

        for line in lines:
            # MLflow serves its REST API twice, to clients and to its own pages, by one handler.
            method, _, pattern = line.partition(" ")
            prefixes = APIS if pattern.startswith(BOTH_APIS) else ("",)
            for prefix in prefixes:
                pair = (method, prefix + pattern.removeprefix(BOTH_APIS))
                if pair in classes:
                    raise _fault(path, "every route once", f"{' '.join(pair)} twice")
                classes[pair] = RouteClass(name)

    return classes


class RouteTable:
    """MLflow's own routers, asked which template serves a request.

    FastAPI's routes come first, in their order; what none of them serves goes to Flask. A native
    route of the right path and another method serves nothing, for Flask is mounted below all.
    """

    def __init__(self, native: "FastAPI", flask: "Flask") -> None:
        self._classes = read_classes()
        self._native = list(_native_routes(native))
        # Flask reads neither host nor scheme to choose a route: there is one of each.
        self._flask = flask.url_map.bind("localhost")
        self._flask_rules = flask.url_map

    def pairs(self) -> set[tuple[str, str]]:
        """Return every (method, template) that is served, without HEAD and OPTIONS."""
        flask = {
            (method, rule.rule)
            for rule in self._flask_rules.iter_rules()
            for method in rule.methods or ()
        }
        native = {(method, path) for methods, path, _ in self._native for method in methods}
        return {pair for pair in flask | native if pair[0] not in ("HEAD", "OPTIONS")}

    def find(self, method: str, path: str) -> ServedRoute | None:
        """Return the route that serves a request; None where there is none."""
        from werkzeug.exceptions import HTTPException

        for methods, template, pattern in self._native:
            if method in methods and pattern.match(path):
                return self._served(method, template)

        try:
            rule, _ = self._flask.match(path, method=method, return_rule=True)
        except HTTPException:  # none, another method, or a redirection to another path
            return None
        return self._served(method, rule.rule)

    def _served(self, method: str, template: str) -> ServedRoute:
        # Flask answers HEAD by its GET; OPTIONS is in no list, and so is refused.
        listed = "GET" if method == "HEAD" else method
        return ServedRoute(method, template, self._classes.get((listed, template)))


def _native_routes(app: "FastAPI") -> Iterator[tuple[frozenset[str], str, Pattern[str]]]:
    """Yield methods, template and pattern of what FastAPI serves itself."""
    from fastapi.routing import iter_route_contexts
    from starlette.routing import compile_path

    for context in iter_route_contexts(app.routes):
        if context.methods is None or context.path is None:
            continue  # Flask's mount; a WebSocket, which the entrance refuses
        pattern, _, _ = compile_path(context.path)
        yield frozenset(context.methods), context.path, pattern


def _fault(path: Path, expected: str, found: str) -> ConfigError:
    return ConfigError(path.name, expected=expected, found=found, remedy="Mend the list.")
