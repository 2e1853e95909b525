"""Messages are whole, of a bounded size, and arrive in time, whatever the other end does."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tasks.service import protocol
from tasks.service.protocol import Conversation


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
