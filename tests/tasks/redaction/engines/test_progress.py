from tasks.redaction.engines.progress import Progress


def test_it_says_how_many_how_fast_and_how_long_and_not_too_often() -> None:
    now = [0.0]
    said: list[str] = []
    progress = Progress(1000, said.append, lambda: now[0])
    for _ in range(10):
        now[0] += 5
        progress.add(100)
    assert said == [
        "200 of 1,000 rows, 20 a second, 40 s left",
        "400 of 1,000 rows, 20 a second, 30 s left",
        "600 of 1,000 rows, 20 a second, 20 s left",
        "800 of 1,000 rows, 20 a second, 10 s left",
        "1,000 of 1,000 rows, 20 a second",
    ]


def test_minutes_are_said_in_minutes_and_a_clock_that_stands_still_is_no_error() -> None:
    said: list[str] = []
    now = [0.0]
    Progress(10, said.append, lambda: now[0]).add(10)
    progress = Progress(10_000, said.append, lambda: now[0])
    now[0] = 20
    progress.add(100)
    assert said == ["10 of 10 rows", "100 of 10,000 rows, 5 a second, 33 min left"]
