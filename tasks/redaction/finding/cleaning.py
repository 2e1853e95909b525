"""Texts without what nobody sees and without HTML's entities, as every finder should read them.

A soft hyphen or a zero-width space inside a name hides it from the recogniser and from the rules,
"O&#39;Neil" is no name to either, and neither is "Lee" where a line end before it is written out.
What is found is taken back to the characters as they stand.
"""

import re
from dataclasses import dataclass
from html import unescape

from tasks.redaction.spans import Span

# soft hyphen, zero-width space and joiners, marks of direction, word joiner, byte order mark
INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
ENTITY = r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
# A line end or a tab that is written out, as in JSON. Before a letter in lower case it may be the
# beginning of a name, as in a path, unless it comes after another.
ESCAPE = r"\\[nrt](?![a-z])|(?<=\\[nrt])\\[nrt]"
REPLACED = re.compile(f"[{INVISIBLE}]|{ENTITY}|{ESCAPE}")
INVISIBLE_CHARS = re.compile(f"[{INVISIBLE}]")


@dataclass(frozen=True)
class CleanText:
    """A text and where each of its characters stood: from `starts[i]` to `ends[i]` (exclusive)."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def at_origin(self, span: Span) -> Span:
        """Return a span of `text` as it lies in the text before it was cleaned."""
        start = self.starts[span.start]
        end = self.ends[span.end - 1]
        return Span(start, end, span.kind, span.score)


def clean(text: str) -> CleanText | None:
    """Return a text without invisible characters and entities; None where it has none."""
    is_suspect = "&" in text or "\\" in text
    is_suspect = is_suspect or (not text.isascii() and INVISIBLE_CHARS.search(text) is not None)
    if not is_suspect:
        return None

    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for match in REPLACED.finditer(text):
        start, end = match.span()
        replacement = _replacement(match.group())
        if replacement == match.group():
            continue  # "&" with a word that is no entity
        _copy(text, position, start, chars, starts, ends)
        for char in replacement:
            chars.append(char)
            starts.append(start)
            ends.append(end)
        position = end

    if position == 0:
        return None
    _copy(text, position, len(text), chars, starts, ends)
    return CleanText("".join(chars), tuple(starts), tuple(ends))


def _replacement(found: str) -> str:
    """Return what an invisible character (nothing), an entity or an escape stands for."""
    if found.startswith("\\"):
        return "\t" if found.endswith("t") else "\n"
    return INVISIBLE_CHARS.sub("", unescape(found) if found.startswith("&") else found)


def _copy(
    text: str, start: int, end: int, chars: list[str], starts: list[int], ends: list[int]
) -> None:
    """Copy `text[start:end]`: each of its characters stands for itself."""
    chars += text[start:end]
    starts += range(start, end)
    ends += range(start + 1, end + 1)
