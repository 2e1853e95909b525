"""The sample notice: reasons that people are told, in the words of the map, four at most."""

from pathlib import Path

import yaml

from tasks.dossier.pages.notices import MOST_REASONS, sample_reasons

CHECKOUT = Path(__file__).parents[4]
MAP = yaml.safe_load((CHECKOUT / "configs" / "loan" / "reasons.yaml").read_text())
WORDS = {reason["code"]: reason["text"] for reason in MAP["reasons"]}


def test_the_most_frequent_come_first_in_the_words_of_the_map() -> None:
    assert sample_reasons(MAP, {"L04": 24, "L01": 55}) == (WORDS["L01"], WORDS["L04"])


def test_no_more_than_the_comment_finds_helpful_and_none_that_nobody_is_told() -> None:
    counts = dict.fromkeys(WORDS, 10) | {"L01": 0}
    reasons = sample_reasons(MAP, counts)
    assert len(reasons) == MOST_REASONS
    assert WORDS["L01"] not in reasons


def test_no_reason_says_only_that_a_score_was_too_low() -> None:
    # 12 CFR 1002.9(b)(2): that the applicant did not reach a score is no specific reason.
    assert not [text for text in WORDS.values() if "score" in text.lower()]
