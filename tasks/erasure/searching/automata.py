"""Automata: one pass over bytes for hundreds of patterns, and what a hit of theirs stands for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Generic, TypeVar

import re2

# RE2 builds one automaton of so many patterns; with thousands in one it runs out of memory and
# falls back to its slow engine.
PATTERNS_AT_ONCE = 500
AUTOMATON_MEMORY_BYTES = 1 << 29

V = TypeVar("V")


@dataclass(frozen=True)
class Automaton(Generic[V]):
    """Some patterns, and the values that each of them is a spelling of."""

    patterns: Mapping[bytes, Sequence[V]]

    def search(self, content: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Return where the first hit between two places stands; of several there, the longest."""
        hit = self._any.search(content, start, end)
        return hit.span() if hit else None

    def match_end(self, content: bytes, start: int, end: int) -> int | None:
        """Return where the longest hit that begins at `start` ends, not beyond `end`."""
        hit = self._any.match(content, start, end)
        return hit.end() if hit else None

    def replace_all(self, content: bytes, replacement: bytes) -> bytes:
        """Return content with every hit replaced."""
        return self._any.sub(replacement, content)  # type: ignore[no-any-return]

    def values_of(self, hit: bytes) -> list[V]:
        """Return the values whose patterns a hit is."""
        return [value for index in self._which.Match(hit) or () for value in self._values[index]]

    @cached_property
    def _any(self) -> Any:
        return re2.compile(b"|".join(self.patterns), _options())

    @cached_property
    def _which(self) -> Any:
        """The same patterns as a set, which says by index which of them a whole text is."""
        which = re2.Set.FullMatchSet(_options())
        for pattern in self.patterns:
            which.Add(pattern)
        which.Compile()
        return which

    @cached_property
    def _values(self) -> list[Sequence[V]]:
        return list(self.patterns.values())


def build_automata(patterns: Mapping[bytes, Sequence[V]]) -> list[Automaton[V]]:
    """Return automata that together have all patterns."""
    items = iter(patterns.items())
    automata = []
    while batch := dict(islice(items, PATTERNS_AT_ONCE)):
        automata.append(Automaton(batch))
    return automata


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
    options.case_sensitive = False
    options.longest_match = True  # an address before the name in it
    options.max_mem = AUTOMATON_MEMORY_BYTES
    return options
