"""What the check of dead code leaves out is still there.

A name that is gone hides the next of that name.
"""

import re
import tomllib
from pathlib import Path

import pytest

WORKSPACE = Path(__file__).parents[2]
PROJECT = tomllib.loads((WORKSPACE / "pyproject.toml").read_text(encoding="utf-8"))
SETTINGS = PROJECT["tool"]["vulture"]
WORDS = {
    word
    for folder in ("flows", "tasks")
    for path in (WORKSPACE / folder).rglob("*.py")
    for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("name", SETTINGS["ignore_names"])
def test_a_name_that_is_left_out_is_there(name: str) -> None:
    assert name in WORDS


@pytest.mark.parametrize("decorator", SETTINGS["ignore_decorators"])
def test_a_decorator_that_is_left_out_is_there(decorator: str) -> None:
    assert decorator.removeprefix("@") in WORDS
