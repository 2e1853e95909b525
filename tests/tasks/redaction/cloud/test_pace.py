"""A token bucket on a clock of its own: no test waits."""

import pytest

from tasks.redaction.cloud.pace import Pace


class Clock:
    """Goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.mark.parametrize("per_minute", [1, 30, 60, 600])
def test_no_more_requests_go_in_a_minute_than_are_allowed(per_minute: int) -> None:
    clock = Clock()
    pace = Pace(per_minute, clock, clock.sleep)
    times = []
    for _ in range(per_minute * 2 + 1):
        pace.wait()
        times.append(clock.now)
    burst = max(1, per_minute // 60)
    in_first_minute = [moment for moment in times if moment < 60]
    assert len(in_first_minute) <= per_minute + burst
    assert times[0] == 0
    assert times[-1] == pytest.approx(120 - (burst - 1) * 60 / per_minute)


def test_a_pause_saves_up_no_more_than_a_second_of_requests() -> None:
    clock = Clock()
    pace = Pace(600, clock, clock.sleep)
    clock.now = 3600.0
    for _ in range(11):
        pace.wait()
    assert clock.now > 3600.0
