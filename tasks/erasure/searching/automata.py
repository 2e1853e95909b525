"""Automata: one pass over bytes for hundreds of patterns, and what a hit of theirs stands for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import re2

# RE2 builds one automaton of so many patterns, and of so many bytes of them; with thousands in one
# it runs out of memory and falls back to its slow engine, or refuses to build it.
PATTERNS_AT_ONCE = 500
BYTES_AT_ONCE = 1_000_000
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
    automata: list[Automaton[V]] = []
    batch: dict[bytes, Sequence[V]] = {}
    size_bytes = 0
    for pattern, values in patterns.items():
        size_bytes += len(pattern)
        if batch and (len(batch) >= PATTERNS_AT_ONCE or size_bytes > BYTES_AT_ONCE):
            automata.append(Automaton(batch))
            batch = {}
            size_bytes = len(pattern)
        batch[pattern] = values

    return [*automata, Automaton(batch)] if batch else []


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
    options.case_sensitive = False
    options.longest_match = True  # an address before the name in it
    options.max_mem = AUTOMATON_MEMORY_BYTES
    options.log_errors = False  # it would write patterns, and with them values, to standard error
    return options
