"""How far a long loop is: the innermost one says it, and nothing is left behind."""

import pytest

from tasks.under_way import describe_innermost, under_way


def test_the_innermost_loop_says_how_far_it_is() -> None:
    assert describe_innermost() == ""
    with under_way("reading the log", 2_000) as work:
        work.done = 1_500
        assert describe_innermost() == "reading the log, 1,500 of 2,000"
        with under_way("looking into files") as inner:
            inner.done += 7
            assert describe_innermost() == "looking into files, 7"
        assert describe_innermost() == "reading the log, 1,500 of 2,000"
    assert describe_innermost() == ""


def test_a_loop_that_fails_is_under_way_no_more() -> None:
    with pytest.raises(KeyError), under_way("reading the log"):
        raise KeyError
    assert describe_innermost() == ""
