"""Events as syslog messages: frames to the byte, and receivers that are down or somebody else."""

import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tasks.audit_log.events import DATASTORE, event
from tasks.audit_log.syslog import message_of, read_target, send_to_syslog
from tasks.errors import ConfigError, ServiceError
from tasks.formats.canonical_json import canonical
from tests.receivers import syslog_server, write_certificate

NOON_MS = 1_767_268_800_007  # 2026-01-01T12:00:00.007Z
HOST = "worker.example"


def event_of(number: int = 0, **changes: Any) -> dict[str, Any]:
    made = event("stage:train", actor="ann", detail=f"line {number}") | {"time": NOON_MS}
    return made | changes


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        yield receiver


def test_a_message_is_framed_by_rfc_5424() -> None:
    values = event_of()
    head = f"<109>1 2026-01-01T12:00:00.007Z {HOST} portcullis {os.getpid()} OCSF6003 - "
    assert message_of(values) == head.encode() + canonical(values)


def test_a_failure_is_a_warning_of_the_audit_facility() -> None:
    assert message_of(event("stage:train", actor="ann", is_success=False)).startswith(b"<108>1 ")


def test_the_type_of_a_message_names_its_class() -> None:
    assert message_of(event_of(class_uid=DATASTORE)).split(b" ")[5] == b"OCSF6005"


def test_milliseconds_keep_their_zeros() -> None:
    assert message_of(event_of(time=NOON_MS - 7)).split(b" ")[1] == b"2026-01-01T12:00:00.000Z"


def test_every_event_is_a_datagram_of_its_own(udp: socket.socket) -> None:
    events = [event_of(number, message="Zoë") for number in range(3)]
    send_to_syslog(read_target(f"udp://127.0.0.1:{udp.getsockname()[1]}"), events)
    got = [udp.recv(65_536) for _ in events]
    assert [json.loads(message.partition(b" - ")[2]) for message in got] == events


def test_what_no_datagram_holds_is_cut_down_to_who_did_what_and_when(udp: socket.socket) -> None:
    resources = [{"name": "x" * 100, "type": "file", "data": {}} for _ in range(1_000)]
    events = [event_of(resources=resources), event_of(1)]
    send_to_syslog(read_target(f"udp://127.0.0.1:{udp.getsockname()[1]}"), events)

    first, second = (json.loads(udp.recv(65_536).partition(b" - ")[2]) for _ in events)
    assert second == events[1]
    assert first["metadata"] == events[0]["metadata"] | {
        "is_truncated": True,
        "untruncated_size": len(canonical(events[0])),
    }
    assert first["actor"] == events[0]["actor"]
    assert first["api"] == events[0]["api"]
    assert "resources" not in first


def test_a_stream_counts_the_bytes_of_each_message_and_cuts_none() -> None:
    events = [event_of(message="Zoë"), event_of(message="x" * 100_000), event_of(2)]
    with syslog_server() as server:
        send_to_syslog(read_target(f"tcp://127.0.0.1:{server.port}"), events)
        assert server.events == events


def test_a_receiver_that_breaks_off_has_not_taken_them() -> None:
    with syslog_server() as server:
        server.is_breaking_off = True
        with pytest.raises(ServiceError, match="syslog server"):
            send_to_syslog(read_target(f"tcp://127.0.0.1:{server.port}"), [event_of()] * 3_000)


@pytest.mark.parametrize(
    "address",
    ["", "host:514", "http://host", "udp://", "tcp://:514", "/dev/log", "tcp://host:many"],
)
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"\$PORTCULLIS_SYSLOG: expected udp://host:port"):
        read_target(address)


def test_a_port_that_is_not_named_is_that_of_the_standard() -> None:
    ports = [read_target(f"{scheme}://host").port for scheme in ("udp", "tcp", "tls")]
    assert ports == [514, 514, 6514]


def test_a_stream_that_nobody_takes_is_a_service_that_is_down() -> None:
    with syslog_server() as server:
        port = server.port
    with pytest.raises(ServiceError, match="ConnectionRefusedError"):
        send_to_syslog(read_target(f"tcp://127.0.0.1:{port}"), [event_of()])


def test_a_host_that_has_no_address_is_a_service_that_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(*arguments: object, **options: object) -> list[Any]:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for scheme in ("udp", "tcp", "tls"):
        with pytest.raises(ServiceError, match="gaierror"):
            send_to_syslog(read_target(f"{scheme}://nowhere.invalid"), [event_of()])


def server_context(certificate: Path, client: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if client is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client)
    return context


def test_both_sides_of_a_tls_stream_show_who_they_are(tmp_path: Path) -> None:
    """RFC 5425, 4.2."""
    theirs = write_certificate(tmp_path, "server")
    ours = write_certificate(tmp_path, "client")
    events = [event_of(number) for number in range(3)]
    with syslog_server(server_context(theirs, ours)) as server:
        address = f"tls://127.0.0.1:{server.port}"
        with pytest.raises(ServiceError):
            send_to_syslog(read_target(address, str(theirs)), events)
        send_to_syslog(read_target(address, str(theirs), str(ours)), events)
        assert server.events == events


def test_a_server_that_reads_all_and_then_refuses_us_has_taken_nothing(tmp_path: Path) -> None:
    """It resets nothing: its alert alone says so, which `SSLSocket.unwrap` passes over."""
    theirs = write_certificate(tmp_path, "server")
    context = server_context(theirs, write_certificate(tmp_path, "client"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_side=True)
            with connection, suppress(ssl.SSLError):
                while data := connection.recv(1 << 20):
                    incoming.write(data)
                    try:
                        tls.do_handshake()
                    except ssl.SSLWantReadError:
                        continue
                    finally:
                        connection.sendall(outgoing.read())
            # All that was sent is read before it is closed.

        thread = threading.Thread(target=refuse)
        thread.start()
        target = read_target(f"tls://127.0.0.1:{listener.getsockname()[1]}", str(theirs))
        with pytest.raises(ServiceError, match="syslog server"):
            send_to_syslog(target, [event_of()])
        thread.join()


def test_a_server_that_is_not_known_gets_nothing(tmp_path: Path) -> None:
    theirs = write_certificate(tmp_path, "server")
    other = write_certificate(tmp_path, "other")
    elsewhere = write_certificate(tmp_path, "elsewhere", host="127.0.0.2")
    with syslog_server(server_context(theirs)) as server:
        for known in ("", str(other)):
            with pytest.raises(ServiceError, match="SSLCertVerificationError"):
                send_to_syslog(read_target(f"tls://127.0.0.1:{server.port}", known), [event_of()])
        assert server.messages == []
    with syslog_server(server_context(elsewhere)) as server:
        target = read_target(f"tls://127.0.0.1:{server.port}", str(elsewhere))
        with pytest.raises(ServiceError, match="SSLCertVerificationError"):
            send_to_syslog(target, [event_of()])
        assert server.messages == []


def test_a_certificate_that_is_none_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    for known in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with syslog_server() as server, pytest.raises(ConfigError, match="PORTCULLIS_SYSLOG_CA"):
            send_to_syslog(read_target(f"tls://127.0.0.1:{server.port}", str(known)), [event_of()])


def test_a_receiver_that_never_stops_sending_has_not_taken_them() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                while True:
                    connection.sendall(bytes(4096))

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        target = read_target(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(ServiceError, match="found ConnectionAbortedError"):
            send_to_syslog(target, [event_of()])
        thread.join(timeout=10)
        assert not thread.is_alive()
