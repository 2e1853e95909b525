"""The table of places in the page about privacy says what the catalogue of the sinks says."""

from types import ModuleType

import pytest

from tests.mirror.page_writers import DOCS, load_page_writer

PAGE = DOCS / "privacy.md"


@pytest.fixture
def places() -> ModuleType:
    """The module that writes the table."""
    return load_page_writer("places")


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
