"""The page about threats says what the catalogue of attempts says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

WORKSPACE = Path(__file__).parents[2]
PAGE = WORKSPACE / "docs" / "threats.md"


@pytest.fixture(scope="module")
def threats() -> ModuleType:
    """The program that makes the page."""
    path = WORKSPACE / "docs" / "threats.py"
    spec = importlib.util.spec_from_file_location("portcullis_threats_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(threats: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert threats.threats_page() == text, "run `.venv/bin/python docs/threats.py`"


def test_what_nothing_stops_stands_first() -> None:
    titles = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("## ")]
    assert titles[0] == "## What nothing stops"
    assert titles[-1] == "## What is left"
