"""docs/configuration.md is what the classes say, and says of each key what it may be."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from flows.use_cases.checking import STATED_SECTIONS, section_classes
from tasks.stages.ingest.params import KINDS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("configuration_page", DOCS / "configuration.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date_and_has_every_section_and_kind(writer: ModuleType) -> None:
    page = (DOCS / "configuration.md").read_text()
    assert writer.configuration_page() == page, "run `.venv/bin/python docs/configuration.py`"
    for section in {**STATED_SECTIONS, **section_classes()}:
        assert f"\n## `{section}`\n" in page
    assert all(f"\n| `{kind}` |" in page for kind in KINDS)


def test_what_people_write_first_says_what_each_key_means(writer: ModuleType) -> None:
    page = writer.configuration_page()
    for section in ("sources", "columns", "deployment", "ingest"):
        text = page.split(f"\n## `{section}`\n")[1].split("\n## ")[0]
        assert "|  |" not in text, section
