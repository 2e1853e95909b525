"""A text that may hold a full name passes, always; hardly any other does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.ingest.third_persons import sieve as sieves
from tasks.stages.ingest.third_persons.mentions import find_mentions
from tasks.stages.ingest.third_persons.sieve import NameSieve
from tasks.stages.ingest.third_persons.spellings import fold_words

NAMES = ("Ann Null", "Zoë van der Quarantine", "Иван Петров", "美玲 陳", "Ann \u00ad Stone", "Q ⑴")


def pairs_of(*names: str) -> dict[str, set[str]]:
    """Return which words follow one another in names; the first follows the last."""
    pairs: dict[str, set[str]] = {}
    for words in map(fold_words, names):
        for first, second in zip(words, [*words[1:], words[0]], strict=True):
            pairs.setdefault(first, set()).add(second)
    return pairs


PAIRS = pairs_of(*NAMES)
SIEVE = NameSieve(PAIRS)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        *((name, True) for name in NAMES),
        ("to ANN NULL.", True),
        ("Null, Ann", True),
        ("ann_null", True),
        ("Zoe\u0308 Van", True),
        ("Ann B. Null", True),
        ("Ann B. C. D. Null", True),
        ("Иван Б. Петров", True),
        ("Ann", False),
        ("Ann and Null", False),
        ("Annnull, Ann Stones", False),
        ("Ann B. Other", False),
        ("größer als Ann", False),
        ("", False),
    ],
)  # fmt: skip
def test_what_passes(text: str, passes: bool) -> None:
    assert SIEVE.may_name([text]).tolist() == [passes]


@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [*" ".join(NAMES).split(), "ann", "B.", "é", "_", "ﷺ", "\ud800", "–", "x"]  # noqa: RUF001
            )
            | st.text(max_size=3),
            max_size=9,
        ).map(" ".join),
        max_size=9,
    )
)
def test_no_text_with_a_full_name_is_held_back(texts: list[str]) -> None:
    passes = SIEVE.may_name(texts)
    for text, is_passing in zip(texts, passes.tolist(), strict=True):
        assert is_passing or not any(key[0] == "p" for *_, key in find_mentions(text, PAIRS))


def test_where_a_text_lies_among_many_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieves, "BATCH_BYTES", 50)
    texts = ["nobody here", "Ann Null", "", "größer", "word " * 20, "Zoë van", "Ann", "x", ""] * 5
    passes = SIEVE.may_name(texts)
    expected = [text in ("Ann Null", "Zoë van") or len(text) > 50 for text in texts]
    assert passes.tolist() == expected


def test_a_text_that_is_too_long_is_read() -> None:
    assert SIEVE.may_name(["word " * (sieves.BATCH_BYTES // 4)]).tolist() == [True]


def test_few_texts_pass_by_chance() -> None:
    random = np.random.default_rng(12)
    names = [f"given{number} family{number}" for number in range(2000)]
    texts = [
        " ".join(f"{random.choice(['given', 'family', 'word'])}{n}" for n in row)
        for row in random.integers(0, 2000, (200, 50))
    ]
    assert NameSieve(pairs_of(*names)).may_name(texts).sum() <= 20


def test_nobody_has_a_name() -> None:
    assert not NameSieve({}).may_name(["Ann Null", ""]).any()
    assert NameSieve({}).may_name([]).tolist() == []
