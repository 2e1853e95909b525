"""The page about the registry's layers says what was counted."""

import json
from types import ModuleType

import pytest

from tests.mirror.page_writers import DOCS, load_page_writer

PAGE = DOCS / "registry-bypasses.md"
COUNTED = DOCS.parent / "benchmarks" / "bypasses.json"


@pytest.fixture(scope="module")
def bypasses() -> ModuleType:
    """The program that makes the page."""
    return load_page_writer("bypasses")


def test_the_page_is_up_to_date(bypasses: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert bypasses.bypasses_page() == text, "run `.venv/bin/python docs/bypasses.py`"


def test_all_layers_let_nothing_through_of_what_plain_mlflow_does() -> None:
    counted = json.loads(COUNTED.read_text(encoding="utf-8"))
    through = {name: sum(item[2] for item in items) for name, items in counted.items()}
    assert through["1234"] == 0
    assert through["0"] > 0
    attempts = {name: [item[:2] for item in items] for name, items in counted.items()}
    assert all(listed == attempts["0"] for listed in attempts.values())
