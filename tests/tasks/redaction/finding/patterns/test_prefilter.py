"""The prefilter may let too much through, never too little."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.finding.patterns.prefilter import (
    Prefilter,
    as_ascii,
    relaxed,
    without_upper_bounds,
)


class Pattern:
    def __init__(self, regex: str) -> None:
        self.regex = regex


class Recogniser:
    def __init__(self, *patterns: str) -> None:
        self.patterns = [Pattern(pattern) for pattern in patterns]


PATTERNS = (
    r"(?<!\d)\d{3}-\d{2}(?!\d)",
    r"\b[A-Z]{2}\d{4}\b",
    r"(?i)acct(?=:)",
    r"[xX*]{2,}-?\d{4}\b",
    r"\w+\s\d",
    r"^a1",
    r"b2$",
)
RECOGNISERS = [Recogniser(pattern) for pattern in PATTERNS]
FILTER = Prefilter(RECOGNISERS)


@given(st.text(alphabet="ab12 AB-:xX*\n\u0130\u017f\u212a\u0662\u00a0\u00e9\uff0e", max_size=24))
def test_whatever_a_pattern_matches_passes(text: str) -> None:
    candidates = FILTER.candidates(text)
    for recogniser, pattern in zip(RECOGNISERS, PATTERNS, strict=True):
        if re.search(pattern, text, re.DOTALL | re.MULTILINE | re.IGNORECASE):
            assert recogniser in candidates


@pytest.mark.parametrize("pattern", [r"(a)\1", r"[^a]b", r"(?>a)", r"(?P<x>a)(?P=x)", "é", r"(?=a"])
def test_what_cannot_be_relaxed_is_a_candidate_for_every_text(pattern: str) -> None:
    assert relaxed(pattern) is None
    recogniser = Recogniser(pattern)
    assert Prefilter([recogniser]).candidates("nothing") == [recogniser]


def test_a_recogniser_without_patterns_is_a_candidate_for_every_text() -> None:
    recogniser = Recogniser()
    assert Prefilter([recogniser]).candidates("nothing") == [recogniser]


def test_where_re2_gives_up_every_recogniser_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    class GivenUp:
        def Match(self, _: str) -> list[Any]:  # noqa: N802
            return []

    one = Prefilter(RECOGNISERS)
    monkeypatch.setattr(one, "_set", GivenUp())
    assert one.candidates("x") == RECOGNISERS


def test_characters_outside_ascii_become_one_of_their_kind() -> None:
    assert as_ascii("é\u0662\u00a0\u2013\u017f") == "a0 .s"


@given(st.text("ab-.@ 01", max_size=24))
@pytest.mark.parametrize(
    "pattern", [r"[ab]{1,3}@b{2,4}\.", r"\b\d{0,2}-(?:a{1,2}?b){1,2}\b", r"^a{2}[.@]{0,1}$"]
)
def test_without_upper_bounds_a_pattern_matches_wherever_it_did(pattern: str, text: str) -> None:
    wider = without_upper_bounds(pattern)
    assert "{1,2}" not in wider
    assert re.search(wider, text) or not re.search(pattern, text)


@pytest.mark.parametrize("pattern", [r"a\{1,2}", r"[a{1,2}]+b{3,4}"])
def test_a_bound_that_may_be_literal_stays(pattern: str) -> None:
    assert without_upper_bounds(pattern) == pattern
