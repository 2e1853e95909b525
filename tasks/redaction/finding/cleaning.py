"""Texts in one spelling, as every finder should read them: composed, and with nothing hidden.

A soft hyphen or a zero-width space inside a name hides it from the recogniser and from the rules,
"O&#39;Neil" is no name to either, and neither is "Lee" where a line end before it is written out.
So are letters whose accents are characters of their own (Unicode's form NFD, as some systems write
file names and some programs PDF's texts), an acute in the place of an apostrophe, the hyphens and
blanks of typesetting, and the quotes between a label of JSON and its value. What is found is taken
back to the characters as they stand.
"""

import re
import unicodedata
from dataclasses import dataclass
from html import unescape

from tasks.redaction.spans import Span

# Soft hyphen, zero-width space and joiners, marks of direction, word joiner, byte order mark, and
# what Unicode calls default ignorable besides (DerivedCoreProperties): fillers, selectors, tags.
INVISIBLE = (
    "\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"
)
# accents as characters of their own, of the scripts whose letters are composed
ACCENT = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
ENTITY = r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
# A line end or a tab that is written out, as in JSON. Before a letter in lower case it may be the
# beginning of a name, as in a path, unless it comes after another.
ESCAPE = r"\\[nrt](?![a-z])|(?<=\\[nrt])\\[nrt]"
# What stands for an apostrophe or a hyphen inside a word: accents without a letter, primes, the
# other quotes; hyphens that do not break.
LETTER = r"[^\W\d_]"
APOSTROPHE = "`\u00b4\u2018\u201b\u2032\u02b9\u02bb\u02bd\u02c8\uff07"
HYPHEN = "\u2010\u2011\ufe63\uff0d"
JOINING = rf"(?<={LETTER})[{APOSTROPHE}{HYPHEN}](?={LETTER})"
BLANK = "\u1680\u2000-\u200a\u202f\u205f\u3000"
# JSON and its like: what stands between a label in quotes and its value, what stands between two
# values in quotes, and what parts the words of a label ("date_of_birth").
QUOTED_LABEL = r"""(?<=\w)["']\s{0,3}:\s{0,3}["']?"""
QUOTED_END = r"""(?<=\w)["']\s{0,3},\s{0,3}["'](?=\w)"""
LABEL_BLANK = r"""(?<=[A-Za-z])_(?=[A-Za-z_]{1,40}(?:["']\s{0,3}:|\s?[:=]\s))"""
REPLACED = re.compile(
    rf"[{INVISIBLE}]|[{ACCENT}]+|{ENTITY}|{ESCAPE}|{JOINING}|[{BLANK}]"
    rf"|{QUOTED_LABEL}|{QUOTED_END}|{LABEL_BLANK}"
)
# What all of these begin with: only there the whole pattern is tried, which is slow everywhere.
BEGINNING = re.compile(rf"""[{INVISIBLE}{ACCENT}{APOSTROPHE}{HYPHEN}{BLANK}&\\"'_]""")
INVISIBLE_CHARS = re.compile(f"[{INVISIBLE}]")
ACCENTS = re.compile(f"[{ACCENT}]")
# what an ASCII text has to hold, and any other, to be looked at closely
SUSPECT_ASCII = ("&", "\\", "`", '":', "':", '" :', "' :", '",', "',", "_")
SUSPECT = re.compile(f"[{INVISIBLE}{ACCENT}{APOSTROPHE}{HYPHEN}{BLANK}]")


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
    """Return a text in one spelling; None where it is in it already."""
    is_suspect = any(sign in text for sign in SUSPECT_ASCII)
    is_suspect = is_suspect or (not text.isascii() and SUSPECT.search(text) is not None)
    if not is_suspect:
        return None

    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for beginning in BEGINNING.finditer(text):
        start = beginning.start()
        match = REPLACED.match(text, start) if start >= position else None
        if match is None:
            continue
        end = match.end()
        # an accent goes with the letter before it
        if start > position and ACCENTS.match(match.group()):
            start -= 1
        replacement = _replacement(text[start:end])
        if replacement == text[start:end]:
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
    """Return what takes the place of what does not stand in its one spelling; maybe nothing."""
    if ACCENTS.match(found[-1]):
        # what has no composed letter loses its accents: a mark is no part of a word to any rule
        return ACCENTS.sub("", unicodedata.normalize("NFC", found))
    if found.startswith("\\"):
        return "\t" if found.endswith("t") else "\n"
    if found.startswith("&"):
        return INVISIBLE_CHARS.sub("", unescape(found))
    if ":" in found:
        return ": "
    if "," in found:
        return "\n"
    if found in APOSTROPHE:
        return "'"
    if found in HYPHEN:
        return "-"
    return "" if INVISIBLE_CHARS.match(found) else " "  # a blank, or what stands for one


def _copy(
    text: str, start: int, end: int, chars: list[str], starts: list[int], ends: list[int]
) -> None:
    """Copy `text[start:end]`: each of its characters stands for itself."""
    chars += text[start:end]
    starts += range(start, end)
    ends += range(start + 1, end + 1)
