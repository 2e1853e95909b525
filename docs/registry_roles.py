"""Write docs/registry-roles.md from the list of routes: `.venv/bin/python docs/registry_roles.py`.

What the server decides by stands in `tasks/registry_server/routes.yaml` and `routes.py`. This page
says the same to people; a test holds the two together, and another asks a real server about every
route for every kind of caller.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.registry_server.routes import RouteClass

WORKSPACE = Path(__file__).resolve().parents[1]
PAGE = WORKSPACE / "docs" / "registry-roles.md"

HEAD = """\
# Who may call what

Every route that MLflow serves has a class, and a role may call classes. Made from
`tasks/registry_server/routes.yaml` and `routes.py` by `docs/registry_roles.py`; a test holds the
two together. `tests/tasks/registry_server/test_roles.py` asks a real server about each route, as
each of the callers below: where it says *no*, the call brings what would do harm, is refused with
401 or 403, and no row and no file of the server changes.

"""

CALLERS = """\
*nobody* is who signed in and is in no group that has a role here; *anonymous* is who did not sign
in. A service has the role that the configuration gives it, the same as a person's. `registry`
and whatever changes a run that a version was made of are the Gatekeeper's alone: an administrator
is not exempt from evidence. Being let in by the role is the first of the questions that a
call is asked; [registry-server.md](registry-server.md) has the others.

"""

ROUTES_HEAD = """\
## The routes

`{api}` stands for `/api` and `/ajax-api`, each of which counts above. HEAD is a GET; OPTIONS and
whatever is not listed are refused.

"""

MEANINGS = {
    "public": "whether the server lives",
    "page": "MLflow's pages, and what they are made of",
    "read": "runs, models, artifacts, traces: read",
    "track": "experiments, runs, metrics, tags, datasets, traces: write",
    "upload": "artifacts: write, delete",
    "manage": "take away or rename others' work",
    "registry": "names, versions, aliases, stages and tags of registered models",
    "closed": "what the server would run or send, and what no stage uses",
}


def main(arguments: list[str]) -> int:
    """Write the page; with `--check` write nothing, and say whether it is up to date."""
    text = roles_page()
    if arguments == ["--check"]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else 2
    PAGE.write_text(text, encoding="utf-8")
    return 0


def roles_page() -> str:
    """Return the whole page: classes by callers, then every route by its class."""
    sys.path.insert(0, str(WORKSPACE))
    from tasks.registry_server.routes import ALLOWED, RegistryRole, RouteClass, read_classes

    classes = read_classes()
    lines = ["| class | routes | what | anonymous | nobody | " + " | ".join(RegistryRole) + " |"]
    lines.append("|---" * (5 + len(RegistryRole)) + "|")
    for route_class in RouteClass:
        count = sum(listed is route_class for listed in classes.values())
        open_to_all = _word(is_open=route_class is RouteClass.PUBLIC)
        words = [_word(is_open=route_class in ALLOWED[role]) for role in RegistryRole]
        cells = [f"`{route_class}`", str(count), MEANINGS[route_class], open_to_all, open_to_all]
        lines.append(f"| {' | '.join([*cells, *words])} |")
    table = "\n".join(lines) + "\n\n"

    return HEAD + table + CALLERS + ROUTES_HEAD + _all_routes(classes)


def _all_routes(classes: "dict[tuple[str, str], RouteClass]") -> str:
    blocks = []
    for name, meaning in MEANINGS.items():
        listed = sorted(
            {
                (_without_prefix(template, method, classes), method)
                for (method, template), route_class in classes.items()
                if route_class == name
            }
        )
        routes = "\n".join(f"{method:<6} {template}" for template, method in listed)
        blocks.append(f"### {name}: {meaning}\n\n```\n{routes}\n```\n")
    return "\n".join(blocks)


def _without_prefix(
    template: str, method: str, classes: "dict[tuple[str, str], RouteClass]"
) -> str:
    """Return the template with `{api}` where both prefixes serve it, in the same class."""
    for prefix, other in (("/api/", "/ajax-api/"), ("/ajax-api/", "/api/")):
        rest = template.removeprefix(prefix)
        is_both = classes.get((method, other + rest)) == classes[method, template]
        if template.startswith(prefix) and is_both:
            return "{api}/" + rest
    return template


def _word(*, is_open: bool) -> str:
    return "yes" if is_open else "no"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
