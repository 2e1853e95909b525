"""The table of places in the page about privacy says what the catalogue of the sinks says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

WORKSPACE = Path(__file__).parents[2]
PAGE = WORKSPACE / "docs" / "privacy.md"


@pytest.fixture
def places() -> ModuleType:
    """The module that writes the table."""
    path = WORKSPACE / "docs" / "places.py"
    spec = importlib.util.spec_from_file_location("portcullis_places_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_up_to_date(places: ModuleType) -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page.count(places.HEAD) == 1
    assert places.with_table(page) == page, "run `.venv/bin/python docs/places.py`"


def test_another_table_would_be_replaced_and_nothing_else(places: ModuleType) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, _, after = page.partition(places.HEAD)
    rest = after.partition("\n\n")[2]
    outdated = f"{before}{places.HEAD}| nowhere | — | not | not |\n\n{rest}"

    assert outdated != page
    assert places.with_table(outdated) == page
