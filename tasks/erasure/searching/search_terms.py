"""What a person may be found by in plain text: their values, however a program writes them."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import quote, quote_plus

import re2

# Shorter values ("Li", "Ann") stand in everybody's texts. They are counted, not searched.
SHORTEST_CHARACTERS = 5
# RE2 builds one automaton of so many patterns; with thousands in one it runs out of memory and
# falls back to its slow engine.
PATTERNS_AT_ONCE = 500
AUTOMATON_MEMORY_BYTES = 1 << 29
# What is read beside a hit, to tell whether it is part of a longer word: an escape
# sequence (`\u00eb`, `&quot;`) before it, and a separator with one character of UTF-8 after it.
BYTES_BEFORE = 8
BYTES_AFTER = 5

MASK = b"[erased]"
EMAIL = "email"

# A letter or digit of ASCII, or a whole character in UTF-8; a stray byte of binary data is none.
LETTER = rb"(?:[A-Za-z0-9]|[\xc2-\xf4][\x80-\xbf]+)"
ENDS_IN_LETTER = re.compile(LETTER + rb"\Z")
BEGINS_WITH_LETTER = re.compile(LETTER)
# What else the local part of an address may go on with, so that joann@… and jo.ann@… are others.
ENDS_IN_ADDRESS = re.compile(rb"(?:%b|[._+%%-])\Z" % LETTER)
# "ann@example.org." ends a sentence; "ann@example.org.uk" is another domain.
BEGINS_WITH_ADDRESS = re.compile(rb"[.-]?%b" % LETTER)
# The letter that ends `\n`, `%20`, `\u00eb` or `&amp;` belongs to no word.
ENDS_IN_ESCAPE = re.compile(rb"(\\[nrtbf]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|&#?\w{1,8};)\Z")


@dataclass(frozen=True)
class PersonalValue:
    """One value of a person: what it is (a column's kind), and its text."""

    kind: str
    text: str


@dataclass(frozen=True)
class Match:
    """Where a value stands in some bytes, and of which kind it is."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class SearchTerms:
    """Everything to search for, in memory only; a report names a match's kind, never its text."""

    patterns: dict[bytes, str]  # lower-case bytes -> kind
    too_short: int  # values that are not searched for

    @classmethod
    def of(cls, values: Iterable[PersonalValue]) -> "SearchTerms":
        """Return the terms of values, in every spelling that JSON, URLs, HTML and CSV give them."""
        patterns: dict[bytes, str] = {}
        too_short = 0
        # Sorted, so that of two kinds with one spelling the same wins in every run.
        for value in sorted(set(values), key=lambda value: (value.kind, value.text)):
            text = value.text.strip()
            if len(text) < SHORTEST_CHARACTERS:
                too_short += 1
                continue
            for spelling in _spellings(text):
                patterns.setdefault(spelling.encode().lower(), value.kind)
        return cls(patterns, too_short)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def find(self, content: bytes) -> Iterator[Match]:
        """Yield every match that stands alone: a part of a longer word or address is none."""
        for automaton in self._automata:
            for hit in automaton.finditer(content):
                start, end = hit.span()
                kind = self.patterns.get(content[start:end].lower(), "value")
                match = Match(start, end, kind)
                if _stands_alone(content, match):
                    yield match

    def has_match(self, content: bytes) -> bool:
        """Say whether any value stands there alone."""
        return next(self.find(content), None) is not None

    def has_bytes(self, content: bytes) -> bool:
        """Say whether any value is there, even as a part of a longer word.

        For raw database files, where nothing separates one value from the next.
        """
        return any(automaton.search(content) for automaton in self._automata)

    def mask(self, content: bytes) -> tuple[bytes, int]:
        """Return `content` with every match replaced, and how many there were."""
        parts: list[bytes] = []
        last_end = 0
        masked = 0
        for match in sorted(self.find(content), key=lambda match: (match.start, match.end)):
            # A name within an address that was masked already.
            if match.start < last_end:
                continue
            parts += [content[last_end : match.start], MASK]
            last_end = match.end
            masked += 1
        return b"".join([*parts, content[last_end:]]), masked

    def mask_name(self, text: str) -> str:
        """Return a name or path for a report, without any value, also within a longer word."""
        content = text.encode("utf-8", errors="surrogatepass")
        for automaton in self._automata:
            content = automaton.sub(MASK, content)
        return content.decode("utf-8", errors="replace")

    @cached_property
    def _automata(self) -> list[Any]:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
        options.case_sensitive = False
        options.longest_match = True  # an address before the name in it
        options.max_mem = AUTOMATON_MEMORY_BYTES

        patterns = iter(self.patterns)
        automata = []
        while batch := list(islice(patterns, PATTERNS_AT_ONCE)):
            alternatives = b"|".join(re2.escape(pattern) for pattern in batch)
            automata.append(re2.compile(alternatives, options))
        return automata


def _spellings(text: str) -> set[str]:
    """Return a text as it stands in plain text, JSON, URLs, HTML and CSV."""
    spellings = {
        text,
        text.casefold(),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        html.escape(text),
        text.replace('"', '""'),  # RFC 4180, section 2.7
    }
    return {spelling for spelling in spellings if len(spelling) >= SHORTEST_CHARACTERS}


def _stands_alone(content: bytes, match: Match) -> bool:
    """Say whether no longer word or address goes on before or after a match."""
    before = content[max(0, match.start - BYTES_BEFORE) : match.start]
    after = content[match.end : match.end + BYTES_AFTER]
    is_email = match.kind == EMAIL

    goes_on_before = ENDS_IN_ADDRESS if is_email else ENDS_IN_LETTER
    if goes_on_before.search(before) and not ENDS_IN_ESCAPE.search(before):
        return False
    goes_on_after = BEGINS_WITH_ADDRESS if is_email else BEGINS_WITH_LETTER
    return not goes_on_after.match(after)
