"""Text from data, configuration or other programs, made fit for a line of a terminal or a log.

A terminal obeys control characters: it moves its cursor over what was printed before, changes its
title or answers as if somebody had typed. Bidirectional marks show words in another order than they
are stored in (CVE-2021-42574), and a line break begins a line that looks like one of ours.

Standard library only: `tasks.errors` uses it, and so does the offline verifier.
"""

import re
from contextlib import suppress
from typing import TextIO

MOST_LINE_CHARACTERS = 4000  # the longest message of this project's own has some 900

# What no line may hold: C0 and C1 controls with DEL, line and paragraph separators, bidirectional
# marks, embeddings, overrides and isolates, deprecated and invisible format characters, interlinear
# annotations, lone surrogates, tags, and what Unicode says is no character.
_UNSAFE_RANGES = (
    "\x00-\x1f\x7f-\x9f"
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
UNSAFE = re.compile(f"[{_UNSAFE_RANGES}]")
# In a text of several lines, these two are what they are for.
UNSAFE_IN_TEXT = re.compile(f"(?![\\n\\t])[{_UNSAFE_RANGES}]")
LINE_END = re.compile("\r\n|\r|\n")


def one_line(text: object) -> str:
    """Return `text` as one line that a terminal shows and does not obey.

    A line break or tab becomes a space, every other unsafe character its escape (`\\x1b`), and what
    is too long is cut. Text without such characters comes back as it is.
    """
    line = UNSAFE.sub(_escape, str(text))
    if len(line) > MOST_LINE_CHARACTERS:
        return f"{line[:MOST_LINE_CHARACTERS]} … ({len(line):,} characters)"
    return line


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in "\n\r\t":
        return " "
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, which end at a line feed, a carriage return or both.

    `str.splitlines` ends them at eight further characters, which may stand within a value: half an
    identifier would be somebody else's.
    """
    return LINE_END.split(text)


def replace_unprintable(*streams: TextIO) -> None:
    """Let streams print a mark for what their encoding has not, as a Windows console's has not.

    Arrows, ellipses and names from anywhere: an answer and its exit code must not be lost to them.
    """
    for stream in streams:
        with suppress(AttributeError):  # a stream that is no file's, as a test puts there
            stream.reconfigure(errors="replace")  # type: ignore[attr-defined]
