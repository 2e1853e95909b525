"""The page about roles says what the server decides by."""

from types import ModuleType

import pytest

from tasks.registry_server.routes import RouteClass, read_classes
from tests.mirror.page_writers import DOCS, load_page_writer

PAGE = DOCS / "registry-roles.md"


@pytest.fixture(scope="module")
def roles() -> ModuleType:
    """The program that makes the page."""
    return load_page_writer("registry_roles")


def test_the_page_is_up_to_date(roles: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert roles.roles_page() == text, "run `.venv/bin/python docs/registry_roles.py`"


def test_every_route_and_every_class_stands_on_it(roles: ModuleType) -> None:
    assert list(roles.MEANINGS) == list(RouteClass)
    lines = {tuple(line.split()) for line in PAGE.read_text(encoding="utf-8").splitlines()}
    for method, template in read_classes():
        shared = "{api}" + template.removeprefix("/ajax-api").removeprefix("/api")
        assert (method, template) in lines or (method, shared) in lines
