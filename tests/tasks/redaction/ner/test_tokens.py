"""Texts as runs of characters: where each stands, however much white space there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.ner.tokens import LONGEST_RUN, _runs, _sums_before


@pytest.mark.parametrize(
    ("text", "runs", "gaps"),
    [
        ("", [], []),
        ("one", ["one"], [1]),
        ("one two", ["one", "two"], [1, 1]),
        ("one  two", ["one", " ", "two"], [1, 0, 0]),
        (" one", [" ", "one"], [0, 0]),
        ("one ", ["one"], [1]),
        ("one\ntwo", ["one", "\n", "two"], [0, 0, 0]),
        ("one \ntwo", ["one", "\n", "two"], [1, 0, 0]),
        ("   ", ["   "], [0]),
    ],
)
def test_one_space_after_a_word_belongs_to_the_word(
    text: str, runs: list[str], gaps: list[int]
) -> None:
    assert _runs(text) == (runs, gaps)


@given(st.text(alphabet="ab \n\t\u00a0", max_size=80))
def test_runs_and_their_spaces_make_up_the_text(text: str) -> None:
    runs, gaps = _runs(text)
    rebuilt = "".join(run + " " * gap for run, gap in zip(runs, gaps, strict=True))
    assert rebuilt in (text, text + " ")
    assert all(runs)
    assert set(gaps) <= {0, 1}


@given(st.integers(1, 4 * LONGEST_RUN))
def test_no_run_is_longer_than_a_word(length: int) -> None:
    runs, _ = _runs("x" * length)
    assert "".join(runs) == "x" * length
    assert max(map(len, runs)) <= LONGEST_RUN


@given(st.lists(st.integers(0, 9), max_size=20))
def test_sums_before_each_count_end_with_the_sum_of_all(counts: list[int]) -> None:
    import numpy as np

    sums = _sums_before(np.array(counts, dtype=np.int64)).tolist()
    assert sums == [sum(counts[:index]) for index in range(len(counts) + 1)]
