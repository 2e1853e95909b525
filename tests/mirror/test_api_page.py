"""The page about the packages says what their docstrings say, and shows every public name."""

from types import ModuleType

import pytest

from tests.mirror.page_writers import DOCS, load_page_writer

PAGE = (DOCS / "api.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def api() -> ModuleType:
    """The program that makes the page."""
    return load_page_writer("api")


def test_the_page_is_up_to_date(api: ModuleType) -> None:
    assert api.api_page() == PAGE, "run `.venv/bin/python docs/api.py`"


def test_it_shows_what_readers_are_told_to_import() -> None:
    for name in ("find_personal_data", "mask_texts", "redact_frame"):
        assert f"### `tasks.redaction.{name}`" in PAGE


def test_a_signature_that_is_too_long_has_a_line_for_each_parameter(api: ModuleType) -> None:
    (text,) = [
        part for part in PAGE.split("```") if part.startswith("python\ndef find_personal_data")
    ]
    assert "    *,\n" in text
    assert max(len(line) for line in text.splitlines()) <= api.COLUMNS
