"""Text from elsewhere becomes one line that a terminal shows and does not obey."""

import pytest

from tasks.errors import ConfigError, Refusal, RefusalKind
from tasks.plain_text import MOST_LINE_CHARACTERS, lines_of, one_line

HOSTILE = (
    "\x1b[2J\x1b[Hportcullis: REGISTERED",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\rREGISTERED",
    "a\x08\x08\x08b",
    "a\nportcullis: done",
    "a\r\nb",
    "a\x0bb\x0cc\x85d",
    "a\u2028b\u2029c",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "a\u200bb\ufeff",
    "\ud800",
    "\U000e0041",
    "\0",
)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_it_is_one_line_of_characters_that_are_shown(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    line.encode()


@pytest.mark.parametrize("text", ["", "plain", "é — ⛔ ✅ ß 中文 עברית 👩‍🔬", "[/b] <b> `x`"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert one_line(text) == text


def test_what_is_escaped_can_be_recognised() -> None:
    assert one_line("\x1b[31mred\u202e") == r"\x1b[31mred\u202e"


def test_a_line_has_an_end() -> None:
    line = one_line("x" * 1_000_000)
    assert len(line) < MOST_LINE_CHARACTERS + 100
    assert "1,000,000 characters" in line


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_an_error_and_a_refusal_are_one_line_whatever_their_parts_hold(text: str) -> None:
    error = ConfigError(text, expected=text, found=text, remedy=text)
    assert str(error).isprintable()
    assert Refusal(RefusalKind.CHECK_FAILED, f"fairness: {text}").text.isprintable()


def test_lines_end_where_a_file_s_lines_do_and_nowhere_else() -> None:
    assert lines_of("a\u2028b\r\nc\x85d\re\x0bf\n") == ["a\u2028b", "c\x85d", "e\x0bf", ""]
