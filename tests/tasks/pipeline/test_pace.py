"""How far a stage is: rate, time left and memory as they are, by a clock that the test holds."""

import pytest

from tasks.pipeline.pace import FIRST_SECONDS, LEAST_PAUSE_SECONDS, describe_pace, telling_pace
from tasks.under_way import Work, counted, outermost, under_way


def pace(*works: Work, now: float = 20.0) -> str:
    return describe_pace(works, now, 25.0, 512.4)


def test_rate_time_left_and_peak_memory_are_told() -> None:
    work = Work("redacting", 1_000, "rows", done=400, started=0.0)
    assert pace(work) == (
        "redacting: 400 of 1,000 rows, 20 a second, 30 s left of this; 25 s so far, at most 512 MiB"
    )


def test_many_seconds_are_told_in_minutes_and_a_low_rate_with_its_fraction() -> None:
    work = Work("fitting models", 101, "models", done=1, started=0.0)
    assert "1 of 101 models, 0.05 a second, 33 min left of this;" in pace(work)


@pytest.mark.parametrize(
    "work",
    [
        Work("reading a file", 0, "bytes", done=400, started=0.0),
        Work("redacting", 1_000, "rows", done=0, started=0.0),
        Work("redacting", 1_000, "rows", done=400, started=20.0),  # the clock stands still
    ],
    ids=["of how many is not known", "nothing is done", "no time has passed"],
)
def test_time_left_that_nobody_knows_is_told_as_such(work: Work) -> None:
    assert ", time left not known; 25 s so far, at most 512 MiB" in pace(work)


def test_a_stage_that_counts_nothing_is_at_work() -> None:
    assert pace() == "at work, time left not known; 25 s so far, at most 512 MiB"


def test_a_step_in_which_nothing_is_counted_is_told_by_its_name_alone() -> None:
    assert pace(Work("joining rows", 0, started=0.0)).startswith(
        "joining rows, time left not known"
    )


def test_more_than_was_expected_leaves_no_time() -> None:
    assert "0 s left of this" in pace(Work("redacting", 10, "rows", done=12, started=0.0))


def test_what_the_loop_within_has_done_counts_as_a_share_of_the_next() -> None:
    fits = Work("fitting models", 4, "models", done=1, started=0.0)
    rounds = Work("boosting", 200, "rounds", done=50, started=15.0)
    # A fit and a quarter in 20 s: 2.75 fits are left.
    assert pace(fits, rounds).startswith(
        "fitting models: 1 of 4 models (of the next, 50 of 200 rounds), 0.062 a second, "
        "44 s left of this;"
    )
    assert pace(fits, Work("boosting", 0)) == pace(fits)


def run_for(seconds: float) -> list[str]:
    """Return what is said of a stage that takes so long, by a clock that only waiting moves."""
    now = [0.0]
    said: list[str] = []
    with under_way("redacting", 1_000, "rows", clock=lambda: now[0]) as work:

        def wait(pause_seconds: float) -> bool:
            if now[0] + pause_seconds > seconds:
                return True
            now[0] += pause_seconds
            work.advance()
            return False

        with telling_pace(said.append, lambda: 100.0, clock=lambda: now[0], wait=wait):
            pass  # the thread is waited for
    return said


def test_a_stage_of_a_few_seconds_says_nothing() -> None:
    assert run_for(FIRST_SECONDS - 1) == []


def test_a_line_is_said_now_and_then_and_the_longer_the_more_seldom() -> None:
    minute = run_for(60)
    assert len(minute) <= 60 / LEAST_PAUSE_SECONDS
    assert minute[0].startswith("redacting: 1 of 1,000 rows, 0.1 a second, ")
    # A day of work is no flood: the runner takes ten thousand lines.
    assert 50 < len(run_for(86_400)) < 200


def test_an_end_in_the_middle_of_a_pause_is_waited_for_by_nobody() -> None:
    with telling_pace(lambda line: pytest.fail(line), lambda: 1.0):
        pass


def test_things_that_are_counted_are_yielded_and_forgotten() -> None:
    seen = []
    for thing in counted("looking", ("a", "b"), "letters"):
        (work,) = outermost()
        seen.append((thing, work.done, work.total, work.unit))
    assert seen == [("a", 0, 2, "letters"), ("b", 1, 2, "letters")]
    assert outermost() == ()


def test_a_loop_that_is_left_in_the_middle_is_forgotten() -> None:
    for _ in counted("looking", (1, 2)):
        break
    assert outermost() == ()
