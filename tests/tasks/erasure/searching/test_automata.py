"""Automata: the first hit, the longest, and what it stands for."""

import pytest
import re2

from tasks.erasure.searching import automata
from tasks.erasure.searching.automata import PATTERNS_AT_ONCE, Automaton, build_automata

AUTOMATON = Automaton({b"ann": ["a"], b"ann lee": ["b", "c"], b"(?-i:LEE) ann": ["d"]})


def test_of_several_hits_at_one_place_the_longest_is_taken() -> None:
    content = b"x Ann Lee y"

    assert AUTOMATON.search(content, 0, len(content)) == (2, 9)
    assert AUTOMATON.search(content, 0, 8) == (2, 5)
    assert AUTOMATON.search(content, 3, len(content)) is None


def test_a_shorter_hit_is_found_at_the_same_place() -> None:
    content = b"ann leeds"

    assert AUTOMATON.match_end(content, 0, len(content)) == 7
    assert AUTOMATON.match_end(content, 0, 6) == 3
    assert AUTOMATON.match_end(content, 1, len(content)) is None


def test_a_hit_stands_for_the_values_of_all_patterns_that_it_is() -> None:
    assert AUTOMATON.values_of(b"ANN LEE") == ["b", "c"]
    assert AUTOMATON.values_of(b"LEE ann") == ["d"]
    assert AUTOMATON.values_of(b"lee ann") == []


def test_every_hit_is_replaced() -> None:
    assert AUTOMATON.replace_all(b"joann ann lee", b"*") == b"jo* *"


def test_thousands_of_patterns_are_several_automata() -> None:
    patterns = {b"p%d" % number: [number] for number in range(2 * PATTERNS_AT_ONCE + 1)}

    built = build_automata(patterns)

    assert [len(automaton.patterns) for automaton in built] == [
        PATTERNS_AT_ONCE,
        PATTERNS_AT_ONCE,
        1,
    ]
    assert build_automata({}) == []


def test_long_patterns_are_several_automata_and_each_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(automata, "BYTES_AT_ONCE", 10)

    built = build_automata({b"a" * 6: [1], b"b" * 4: [2], b"c" * 50: [3], b"d": [4]})

    assert [len(automaton.patterns) for automaton in built] == [2, 1, 1]


def test_a_pattern_that_cannot_be_built_is_written_nowhere(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(re2.error):
        Automaton({b"(?:ann@example.org": [1]}).search(b"x", 0, 1)

    assert "ann" not in "".join(capfd.readouterr())
