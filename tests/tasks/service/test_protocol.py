"""Messages are whole, of a bounded size, and arrive in time, whatever the other end does."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.errors import Refusal, RefusalKind, RefusedError, ServiceError
from tasks.service import protocol
from tasks.service.protocol import Conversation, RemoteError


@pytest.fixture
def pair() -> Iterator[tuple[Conversation, socket.socket]]:
    """The worker's end, and what its client does."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Conversation(ours, 1000), theirs


def test_messages_that_arrive_together_are_heard_one_by_one(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, client = pair
    client.sendall(b'{"do": "a"}\n{"do": "b"}\n')
    assert [conversation.hear(1), conversation.hear(1)] == [{"do": "a"}, {"do": "b"}]


def test_a_message_that_trickles_in_is_waited_for_as_a_whole(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, client = pair

    def trickle() -> None:
        for byte in b'{"do": "begin"}\n':
            client.send(bytes([byte]))
            time.sleep(0.05)

    thread = threading.Thread(target=trickle)
    thread.start()
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        conversation.hear(0.3)
    assert time.monotonic() - start < 0.6
    thread.join()
    assert conversation.hear(1) == {"do": "begin"}


def test_a_message_without_an_end_is_refused_before_it_fills_memory(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, client = pair
    client.sendall(b"x" * 5000)
    with pytest.raises(ValueError, match="without an end"):
        conversation.hear(1)


def test_a_message_of_one_byte_too_many_is_refused(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, client = pair
    client.sendall(b'"' + b"x" * 999 + b'"\n')
    with pytest.raises(ValueError, match="too many bytes"):
        conversation.hear(1)


def test_half_a_message_is_none(pair: tuple[Conversation, socket.socket]) -> None:
    conversation, client = pair
    client.sendall(b'{"do"')
    client.close()
    with pytest.raises(ValueError, match="half"):
        conversation.hear(1)


def test_a_client_that_reads_nothing_is_given_up(
    pair: tuple[Conversation, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation, _ = pair
    monkeypatch.setattr(protocol, "SEND_SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        conversation.say(text="x" * (4 << 20))
    # Half a message was sent: what followed would be read as its rest.
    with pytest.raises(BrokenPipeError):
        conversation.say(text="more")
    assert conversation.is_broken


def test_who_has_closed_one_direction_is_still_there(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, client = pair
    client.shutdown(socket.SHUT_WR)
    assert conversation.is_open()
    client.close()
    assert not conversation.is_open()


def test_an_end_that_has_closed_between_messages_says_nothing_more(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, client = pair
    client.sendall(b'{"do": "a"}\n')
    client.close()
    assert [conversation.hear(1), conversation.hear(1)] == [{"do": "a"}, None]


@pytest.mark.parametrize("line", [b"[]", b'"begin"', b"1", b"null"])
def test_json_that_is_no_object_is_no_message(
    pair: tuple[Conversation, socket.socket], line: bytes
) -> None:
    conversation, client = pair
    client.sendall(line + b"\n")
    with pytest.raises(ValueError, match="not a message"):
        conversation.hear(1)


def test_a_full_buffer_between_look_and_send_is_waited_for(
    pair: tuple[Conversation, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation, client = pair
    looks: list[float] = []

    def look(*arguments: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Say at the first look that a full buffer has room, as after another thread's message."""
        looks.append(arguments[3])
        if len(looks) > 1:
            client.recv(1 << 22)
        return [], arguments[1], []

    ours = conversation._connection
    ours.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.send(b" " * 4096)
    ours.setblocking(True)

    monkeypatch.setattr("select.select", look)
    conversation.say(text="x")
    assert len(looks) > 1
    assert client.recv(1 << 22).endswith(b'{"text": "x"}\n')


# A request and its answer, as the client's end sees them.


def send_answers(client: socket.socket, *messages: dict[str, Any]) -> None:
    """Send what the worker tells."""
    for message in messages:
        client.sendall(json.dumps(message).encode() + b"\n")


def test_a_request_is_one_line_of_json_and_its_answer_comes_without_its_kind(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, worker = pair
    send_answers(worker, {"tell": "done", "version": "3"})
    assert conversation.ask(print, do="confirm") == {"version": "3"}
    assert worker.recv(1000) == b'{"do": "confirm"}\n'


def test_lines_are_passed_on_in_order_until_the_answer(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, worker = pair
    told = [{"tell": "line", "text": text} for text in ("reading", "writing")]
    send_answers(worker, *told, {"tell": "done"}, {"tell": "line", "text": "of the next request"})

    lines: list[str] = []
    assert conversation.ask(lines.append, do="stage") == {}
    assert lines == ["reading", "writing"]


def test_a_refusal_of_the_worker_is_raised_here_with_its_kinds(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, worker = pair
    refusal = Refusal(RefusalKind.CHECK_FAILED, "fairness: too low", "fairness", "ratio")
    send_answers(worker, {"tell": "refused", "refusals": [refusal.to_dict()]})
    with pytest.raises(RefusedError) as failure:
        conversation.ask(print, do="stage")
    assert failure.value.refusals == (refusal,)


def test_a_failure_of_the_worker_is_raised_here_with_its_message_and_exit_code(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, worker = pair
    send_answers(worker, {"tell": "failed", "message": "ingest: no file", "exit_code": 4})
    with pytest.raises(RemoteError) as failure:
        conversation.ask(print, do="stage")
    assert (str(failure.value), failure.value.exit_code) == ("ingest: no file", 4)


@pytest.mark.parametrize(
    "answer",
    [
        {"tell": "well"},
        {"version": "3"},
        {"tell": "line", "text": 1},
        {"tell": "failed", "message": "ingest: no file"},
        {"tell": "refused", "refusals": ["fairness: too low"]},
    ],
)
def test_an_answer_of_another_form_is_an_error_of_the_service(
    pair: tuple[Conversation, socket.socket], answer: dict[str, Any]
) -> None:
    conversation, worker = pair
    send_answers(worker, answer)
    with pytest.raises(ServiceError, match="worker: expected an answer; found ValueError"):
        conversation.ask(print, do="stage")


def test_a_worker_that_closes_without_an_answer_is_an_error_of_the_service(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, worker = pair
    send_answers(worker, {"tell": "line", "text": "reading"})
    worker.shutdown(socket.SHUT_WR)
    with pytest.raises(ServiceError, match="found it closed the connection"):
        conversation.ask(print, do="stage")


def test_a_worker_that_is_gone_before_the_request_is_an_error_of_the_service(
    pair: tuple[Conversation, socket.socket],
) -> None:
    conversation, worker = pair
    worker.close()
    with pytest.raises(ServiceError, match="found BrokenPipeError"):
        conversation.ask(print, do="stage")
