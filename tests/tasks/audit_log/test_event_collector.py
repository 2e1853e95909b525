"""Events to Splunk's collector: its documented rules, its acknowledgements, its refusals."""

import socket
from typing import Any

import pytest

from tasks.audit_log import event_collector as module
from tasks.audit_log.event_collector import send_to_collector
from tasks.audit_log.events import event
from tasks.errors import ConfigError, ServiceError
from tests.receivers import TOKEN, event_collector

EVENTS = [event("stage:train", actor="ann", detail=f"line {number}") for number in range(3)]


@pytest.mark.parametrize("is_acknowledging", [False, True])
@pytest.mark.parametrize("end", ["", "/"])
def test_all_events_go_in_one_request_in_order(is_acknowledging: bool, end: str) -> None:
    with event_collector(is_acknowledging=is_acknowledging) as collector:
        send_to_collector(collector.url + end, TOKEN, EVENTS)
        assert collector.events == EVENTS
        assert collector.requests == (2 if is_acknowledging else 1)


def test_what_is_taken_and_not_indexed_is_not_sent_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACKNOWLEDGED_SECONDS", 0.05)
    monkeypatch.setattr(module, "ASKED_SECONDS", 0.01)
    with event_collector(is_acknowledging=True) as collector:
        collector.is_indexing = False
        with pytest.raises(ServiceError, match="did not acknowledge"):
            send_to_collector(collector.url, TOKEN, EVENTS)
        collector.is_indexing = True
        send_to_collector(collector.url, TOKEN, EVENTS)
        assert collector.events == EVENTS


def test_a_wrong_token_and_a_busy_collector_are_told_of_without_the_token() -> None:
    with event_collector() as collector:
        with pytest.raises(ServiceError, match="event collector") as wrong:
            send_to_collector(collector.url, "secret", EVENTS)
        collector.is_busy = True
        with pytest.raises(ServiceError, match="event collector"):
            send_to_collector(collector.url, TOKEN, EVENTS)
        assert "secret" not in str(wrong.value)
        assert collector.events == []
    with pytest.raises(ServiceError, match="ConnectError"):
        send_to_collector(collector.url, TOKEN, EVENTS)


@pytest.mark.parametrize(
    "answer",
    [
        *({}, {"code": 9}, {"code": None}, [], "taken", {"code": 0, "ackId": 0, "acks": {}}),
        *({"code": 0, "ackId": "x"}, {"code": 0, "ackId": None}, {"code": 0, "ackId": "9" * 5_000}),
        {"code": 0, "text": "x" * module.MOST_ANSWER_BYTES},
    ],
)
def test_a_collector_that_does_not_say_that_it_took_them_is_down(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(module, "ACKNOWLEDGED_SECONDS", 0)
    with event_collector() as collector:
        monkeypatch.setattr(collector, "answer", lambda *_: (200, answer))
        with pytest.raises(ServiceError, match="event collector"):
            send_to_collector(collector.url, TOKEN, EVENTS)


def test_no_token_is_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object, **__: object) -> socket.socket:
        raise AssertionError

    monkeypatch.setattr(socket, "create_connection", connect)
    for url in ("http://splunk.example", "ftp://splunk.example", "splunk.example"):
        with pytest.raises(ConfigError, match="PORTCULLIS_HEC_URL"):
            send_to_collector(url, TOKEN, EVENTS)


@pytest.mark.parametrize("url", ["https://[", "https://127.0.0.1:99999"])
def test_an_address_that_is_none_is_one_line(url: str) -> None:
    with pytest.raises((ConfigError, ServiceError)):
        send_to_collector(url, TOKEN, EVENTS)
