"""Scanning: which part of a match counts, how sure it makes, and what a text may cost."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.redaction.finding.patterns import scanner as scanner_module
from tasks.redaction.finding.patterns import validators
from tasks.redaction.finding.patterns.plain import to_plain
from tasks.redaction.finding.patterns.recognisers import BUILTIN, Recogniser, load_recognisers
from tasks.redaction.finding.patterns.scanner import (
    CONTEXT_ADDS,
    CONTEXT_LEAST,
    MOST_SLOW_CHECKS,
    Scanner,
)


def recogniser(regex: str, score: float = 0.5, **others: Any) -> Recogniser:
    pattern = {"name": "p", "regex": regex, "score": score}
    values = {"name": "r", "supported_entity": "CODE", "patterns": [pattern], **others}
    return Recogniser.model_validate(values)


def scan(text: str, *recognisers: Recogniser) -> list[tuple[str, float]]:
    """Return what built-in recognisers find, with scores."""
    spans = Scanner(recognisers).find(to_plain(text))
    return [(text[span.start : span.end], round(span.score, 3)) for span in spans]


def scan_as_user(text: str, *recognisers: Recogniser) -> list[tuple[str, float]]:
    """Return what a user's recognisers find, with scores."""
    spans = Scanner((), recognisers).find(to_plain(text))
    return [(text[span.start : span.end], round(span.score, 3)) for span in spans]


BOTH = pytest.mark.parametrize("run", [scan, scan_as_user])
Run = Callable[..., list[tuple[str, float]]]


@BOTH
def test_the_whole_match_is_the_personal_data(run: Run) -> None:
    assert run("id AB12 is", recogniser(r"[A-Z]{2}\d{2}")) == [("AB12", 0.5)]


@BOTH
def test_the_group_called_value_is_the_personal_data_where_there_is_one(run: Run) -> None:
    assert run("id AB12 is", recogniser(r"id (?P<value>\w+)")) == [("AB12", 0.5)]


@BOTH
def test_case_does_not_matter(run: Run) -> None:
    assert run("id ab12 is", recogniser(r"[A-Z]{2}\d{2}")) == [("ab12", 0.5)]


@BOTH
def test_a_dot_matches_line_ends(run: Run) -> None:
    assert run("x\ny", recogniser("x.y")) == [("x\ny", 0.5)]


@BOTH
def test_an_empty_text_and_an_empty_match_are_nothing(run: Run) -> None:
    assert run("", recogniser("x")) == []
    assert run("abc", recogniser("x*")) == []


@BOTH
def test_a_match_that_the_validator_refuses_is_nothing(run: Run) -> None:
    one = recogniser(r"\d{16}", validator="luhn")
    assert run("4012888888881882", one) == []


@BOTH
def test_a_match_that_the_validator_accepts_is_at_least_as_sure_as_it_says(run: Run) -> None:
    text = "4012888888881881"
    assert run(text, recogniser(r"\d{16}", validator="luhn")) == [(text, 1.0)]
    assert run(text, recogniser(r"\d{16}", validator="luhn", validated_score=0.7)) == [(text, 0.7)]
    assert run(text, recogniser(r"\d{16}", 0.8, validator="luhn", validated_score=0.1)) == [
        (text, 0.8)
    ]


@BOTH
def test_a_match_that_the_validator_does_not_judge_keeps_its_score(run: Run) -> None:
    one = recogniser(r"\d{3}-\d{2}-\d{4}", validator="ssn")
    assert run("536-22-8841", one) == [("536-22-8841", 0.5)]


@BOTH
@pytest.mark.parametrize(
    ("text", "has_context"),
    [
        ("the code is AB12", True),
        ("CODE: AB12", True),
        ("AB12 code", True),
        ("decode AB12", True),
        ("code one two three four AB12", True),
        ("code one two three four five AB12", False),
        ("AB12 is the code", False),
        ("code" + " " * 100 + "AB12", False),
        ("AB12", False),
    ],
)
def test_a_word_of_context_nearby_makes_a_match_surer(
    run: Run, text: str, has_context: bool
) -> None:
    one = recogniser(r"\bAB12\b", 0.3, context=["Code"])
    assert run(text, one) == [("AB12", round(0.3 + CONTEXT_ADDS, 3) if has_context else 0.3)]


@BOTH
def test_context_makes_at_least_so_sure_and_at_most_certain(run: Run) -> None:
    assert run("code AB12", recogniser("AB12", 0.01, context=["code"])) == [("AB12", CONTEXT_LEAST)]
    assert run("code AB12", recogniser("AB12", 0.9, context=["code"])) == [("AB12", 1.0)]


@BOTH
def test_of_equal_spans_the_surest_counts(run: Run) -> None:
    assert run("AB12", recogniser("AB12", 0.3), recogniser(r"[A-Z]+\d+", 0.6)) == [("AB12", 0.6)]


@BOTH
def test_spans_of_two_kinds_may_overlap(run: Run) -> None:
    other = recogniser("B1", supported_entity="OTHER")
    assert run("AB12", recogniser("AB12"), other) == [("AB12", 0.5), ("B1", 0.5)]


def test_a_list_of_words_is_found_whole_longest_first_in_any_case() -> None:
    words = Recogniser(name="w", supported_entity="CODE", deny_list=("blue", "blue heron"))
    text = "Blue Heron, BLUE, bluebird"
    assert scan_as_user(text, words) == [("Blue Heron", 1.0), ("BLUE", 1.0)]


@BOTH
def test_a_match_may_shrink_until_the_validator_accepts_it(run: Run) -> None:
    iban = r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4})+"
    text = "DE89 3704 0044 0532 0130 00PA IDXX"
    shrinking = recogniser(iban.replace("{4})+", "{2,4})+"), validator="iban", may_shrink=True)
    rigid = recogniser(iban.replace("{4})+", "{2,4})+"), validator="iban")
    assert run("DE89 3704 0044 0532 0130 00 AND MORE", shrinking) == [
        ("DE89 3704 0044 0532 0130 00", 1.0)
    ]
    assert run("DE89 3704 0044 0532 0130 00 AND MORE", rigid) == []
    assert run(text, shrinking) == []


@BOTH
def test_a_match_may_begin_later_where_the_validator_accepts_it(run: Run) -> None:
    groups = r"[\d.]+(?:[ \t]+\d+)+"
    sure = {"validator": "phone", "validated_score": 0.6}
    later = recogniser(groups, 0.2, may_begin_later=True, **sure)
    assert run("x 28.02.1969\t030 901820 y", later) == [("030 901820", 0.6)]
    assert ("030 901820", 0.6) in run("x 1969 030 901820 y", later)
    assert run("x 28.02.1969\t030 901820 y", recogniser(groups, 0.2, **sure)) == []
    assert run("x 28.02.1969\t12 34 y", later) == [("28.02.1969\t12 34", 0.2)]
    assert run("x 17 2000 300 4000 y", later) == [("17 2000 300 4000", 0.2)]


def test_after_many_slow_checks_what_matches_is_taken_unchecked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []

    def refuse(text: str) -> bool:
        calls.append(text)
        return False

    monkeypatch.setitem(validators.VALIDATORS, "phone", refuse)
    one = recogniser(r"\d+", validator="phone", validated_score=0.5)
    text = " ".join(str(number) for number in range(100, 100 + MOST_SLOW_CHECKS + 3))
    assert len(scan(text, one)) == 3
    assert len(calls) == MOST_SLOW_CHECKS


def test_a_quick_validator_checks_everything() -> None:
    one = recogniser(r"\d{16}", validator="luhn")
    text = " ".join(["4012888888881882"] * (MOST_SLOW_CHECKS + 3))
    assert scan(text, one) == []


def test_a_built_in_pattern_reads_the_plain_form_and_returns_places_of_the_original() -> None:
    assert scan("x\u200b\uff11\uff12\uff13y", recogniser(r"\d{3}")) == [("\uff11\uff12\uff13", 0.5)]


def test_a_user_s_pattern_reads_the_original() -> None:
    assert scan_as_user("\u00e9t\u00e9", recogniser("\u00e9t\u00e9")) == [("\u00e9t\u00e9", 0.5)]


def test_a_user_s_pattern_may_look_around() -> None:
    one = recogniser(r"(?<!\d)\d{3}(?!\d)")
    assert scan_as_user("123 4567", one) == [("123", 0.5)]


@pytest.mark.parametrize("regex", ["^x$", "^x", "x$"])
def test_a_user_s_pattern_matches_at_every_line(regex: str) -> None:
    assert scan_as_user("a\nx\nb", recogniser(regex)) == [("x", 0.5)]


def test_a_user_s_pattern_that_cannot_be_relaxed_is_looked_for_in_every_text() -> None:
    assert scan_as_user("abab", recogniser(r"(ab)\1")) == [("abab", 0.5)]


def test_where_re2_gives_up_every_pattern_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    class GivenUp:
        def Match(self, _: str) -> list[int]:  # noqa: N802
            return []

    one = Scanner((recogniser("AB12"),))
    one.find(to_plain("warm up"))
    monkeypatch.setattr(
        one._builtin, "_sets", [(GivenUp(), owners) for _, owners in one._builtin._sets]
    )
    assert [span.kind for span in one.find(to_plain("AB12"))] == ["CODE"]


def test_patterns_of_every_set_are_looked_for_in_their_order() -> None:
    count = 2 * scanner_module.PATTERNS_A_SET + 1
    many = [recogniser(rf"A{number}B", supported_entity="CODE") for number in range(count)]
    text = " ".join(f"A{number}B" for number in reversed(range(count)))
    assert len(scan(text, *many)) == count
    assert [len(scan(f"A{number}B", *many)) for number in range(count)] == [1] * count
    assert scan(f"A{count}B", *many) == []


def test_a_pattern_runs_only_where_it_may_match(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    original = scanner_module._CompiledPattern.spans

    def spans(self: Any, text: str, searched: str | bytes) -> Any:
        looked.append(self.kind)
        return original(self, text, searched)

    monkeypatch.setattr(scanner_module._CompiledPattern, "spans", spans)
    other = recogniser("QQ", supported_entity="OTHER")
    scan("AB12", recogniser("AB12"), other)
    assert looked == ["CODE"]


def test_all_that_ships_finds_nothing_in_plain_sentences() -> None:
    shipped = Scanner(load_recognisers(BUILTIN))
    spans = shipped.find(to_plain("Nothing else was found in the archive."))
    assert [span for span in spans if span.score >= 0.35] == []
