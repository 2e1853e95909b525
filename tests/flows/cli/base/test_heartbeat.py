"""A command that says nothing for long says that it is at work, but not while a person is asked."""

import threading

import pytest

from flows.cli.base import heartbeat as module
from flows.cli.base.heartbeat import asking, heartbeat
from tasks.under_way import under_way

PATIENCE_SECONDS = 20.0


class Heard:
    """What is printed; `event` is set as soon as something is."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.event = threading.Event()

    def __call__(self, line: str, **_: object) -> None:
        self.lines.append(line)
        self.event.set()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    heard = Heard()
    monkeypatch.setattr(module, "print", heard, raising=False)
    monkeypatch.setattr(module, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(module, "NEXT_SECONDS", 0.01)
    return heard


def test_it_is_said_by_the_command_s_name(heard: Heard) -> None:
    with heartbeat("verify"):
        assert heard.event.wait(PATIENCE_SECONDS)
    assert heard.lines[0].startswith("  verify: at work for ")


def test_how_far_a_long_loop_is_stands_beside_it(heard: Heard) -> None:
    with under_way("reading the log", 40_000) as work:
        work.done = 12_000
        with heartbeat("verify"):
            assert heard.event.wait(PATIENCE_SECONDS)
    assert heard.lines[0].endswith(" s (reading the log, 12,000 of 40,000)")


def test_nothing_is_said_while_a_person_is_asked_and_again_afterwards(heard: Heard) -> None:
    with asking(), heartbeat("erase"):
        assert not heard.event.wait(0.2)
    with heartbeat("erase"):
        assert heard.event.wait(PATIENCE_SECONDS)


def test_a_short_command_says_nothing(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS", PATIENCE_SECONDS)
    with heartbeat("sync"):
        pass
    assert heard.lines == []
