"""The page about threats says what the catalogue of attempts says."""

from types import ModuleType

import pytest

from tests.mirror.page_writers import DOCS, load_page_writer

PAGE = DOCS / "threats.md"


@pytest.fixture(scope="module")
def threats() -> ModuleType:
    """The program that makes the page."""
    return load_page_writer("threats")


def test_the_page_is_up_to_date(threats: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert threats.threats_page() == text, "run `.venv/bin/python docs/threats.py`"


def test_what_nothing_stops_stands_first() -> None:
    titles = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("## ")]
    assert titles[0] == "## What nothing stops"
    assert titles[-1] == "## What is left"
