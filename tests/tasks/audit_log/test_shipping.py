"""The audit log on its way out: frames and bodies to the byte, and receivers that are down."""

import io
import json
import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.audit_log import shipping
from tasks.audit_log.events import API_ACTIVITY, DATASTORE, event
from tasks.audit_log.shipping import Lines, ship, to_hec, to_syslog
from tasks.errors import ConfigError, ServiceError
from tasks.formats.canonical_json import canonical
from tasks.system.installation import Installation
from tests.installations import installation_with_home

NOON_MS = 1_767_268_800_007  # 2026-01-01T12:00:00.007Z
HOST = "worker.example"


def line_of(number: int = 0, **changes: Any) -> bytes:
    """Return an event as the audit log holds it."""
    made = event("stage:train", actor="ann", detail=f"line {number}") | {"time": NOON_MS}
    return canonical(made | changes)


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)


@pytest.fixture
def udp(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A syslog server that is configured."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        monkeypatch.setenv("PORTCULLIS_SYSLOG", address_of(receiver, "udp"))
        yield receiver


def address_of(receiver: socket.socket, scheme: str) -> str:
    return f"{scheme}://127.0.0.1:{receiver.getsockname()[1]}"


def syslog_message(udp: socket.socket, line: bytes) -> bytes:
    to_syslog(address_of(udp, "udp"), [line])
    return udp.recv(65_536)


def test_a_syslog_message_is_framed_by_rfc_5424(udp: socket.socket) -> None:
    line = line_of()
    head = f"<109>1 2026-01-01T12:00:00.007Z {HOST} portcullis {os.getpid()} OCSF6003 - "
    assert syslog_message(udp, line) == head.encode() + line


def test_a_failure_is_sent_as_a_warning_of_the_audit_facility(udp: socket.socket) -> None:
    failure = canonical(event("stage:train", actor="ann", is_success=False))
    assert syslog_message(udp, failure).startswith(b"<108>1 ")


def test_the_type_of_a_message_names_its_class(udp: socket.socket) -> None:
    message = syslog_message(udp, line_of(class_uid=DATASTORE))
    assert message.split(b" ")[5] == b"OCSF6005"


def test_milliseconds_keep_their_zeros(udp: socket.socket) -> None:
    message = syslog_message(udp, line_of(time=NOON_MS - 7))
    assert message.split(b" ")[1] == b"2026-01-01T12:00:00.000Z"


def test_text_beyond_ascii_is_sent_as_it_lies_in_the_log(udp: socket.socket) -> None:
    line = line_of(message="Zoë")
    assert syslog_message(udp, line).endswith(line)


def test_every_event_is_a_datagram_of_its_own(udp: socket.socket) -> None:
    lines = [line_of(number) for number in range(3)]
    to_syslog(address_of(udp, "udp"), lines)
    assert [udp.recv(65_536).endswith(line) for line in lines] == [True] * 3


def test_a_stream_counts_the_bytes_of_each_message() -> None:
    """RFC 6587, 3.4.1: octets, not characters."""
    stream = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            connection, _ = server.accept()
            with connection:
                while chunk := connection.recv(4096):
                    stream.extend(chunk)

        thread = threading.Thread(target=take)
        thread.start()
        to_syslog(address_of(server, "tcp"), [line_of(message="Zoë"), line_of(1)])
        thread.join()

    messages = []
    rest = bytes(stream)
    while rest:
        length, _, rest = rest.partition(b" ")
        messages.append(rest[: int(length)])
        rest = rest[int(length) :]
    assert [message.partition(b" - ")[2] for message in messages] == [
        line_of(message="Zoë"),
        line_of(1),
    ]


@pytest.mark.parametrize(
    "address", ["", "host:514", "http://host", "udp://", "tcp://:514", "/dev/log"]
)
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"\$PORTCULLIS_SYSLOG: expected udp://host:port"):
        to_syslog(address, [line_of()])


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_a_stream_that_nobody_takes_is_a_service_that_is_down() -> None:
    with pytest.raises(ServiceError, match="ConnectionRefusedError"):
        to_syslog(f"tcp://127.0.0.1:{closed_port()}", [line_of()])


def test_a_host_that_has_no_address_is_a_service_that_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(*arguments: object, **options: object) -> list[Any]:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ServiceError, match="gaierror"):
        to_syslog("tcp://nowhere.invalid", [line_of()])


class FakeCollector:
    """Splunk's collector behind `urlopen`: keeps each request and gives one answer."""

    def __init__(self) -> None:
        self.requests: list[urllib.request.Request] = []
        self.answer = b'{"text": "Success", "code": 0}'

    def open(self, request: urllib.request.Request, *, timeout: float) -> io.BytesIO:
        assert timeout == shipping.SECONDS
        self.requests.append(request)
        return io.BytesIO(self.answer)

    @property
    def bodies(self) -> list[bytes]:
        """What was posted, in order."""
        return [data for request in self.requests if isinstance(data := request.data, bytes)]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> FakeCollector:
    """A collector that is configured."""
    fake = FakeCollector()
    monkeypatch.setattr(urllib.request, "urlopen", fake.open)
    monkeypatch.setenv("PORTCULLIS_HEC_URL", "https://splunk.example/")
    monkeypatch.setenv("PORTCULLIS_HEC_TOKEN", "secret")
    return fake


def test_a_collector_s_body_is_the_event_in_its_envelope(collector: FakeCollector) -> None:
    to_hec("https://splunk.example", "secret", [line_of()])
    assert json.loads(collector.bodies[0]) == {
        "time": NOON_MS / 1000,
        "host": HOST,
        "source": "portcullis",
        "sourcetype": "ocsf:json",
        "event": json.loads(line_of()),
    }


@pytest.mark.parametrize("url", ["https://splunk.example", "https://splunk.example/"])
def test_events_are_posted_where_the_collector_takes_them(
    collector: FakeCollector, url: str
) -> None:
    to_hec(url, "secret", [line_of()])
    (request,) = collector.requests
    assert request.full_url == "https://splunk.example/services/collector/event"
    assert request.get_method() == "POST"
    assert request.get_header("Authorization") == "Splunk secret"


def test_all_events_go_in_one_request(collector: FakeCollector) -> None:
    to_hec("https://splunk.example", "secret", [line_of(0), line_of(1)])
    (body,) = collector.bodies
    assert body.count(b'"sourcetype":"ocsf:json"') == 2


@pytest.mark.parametrize(
    "answer",
    [b"", b"no json", b"[]", b"{}", b'{"code": 9, "text": "Server is busy"}', b'{"code": null}'],
)
def test_a_collector_that_does_not_say_that_it_took_them_is_down(
    collector: FakeCollector, answer: bytes
) -> None:
    collector.answer = answer
    with pytest.raises(ServiceError, match="event collector"):
        to_hec("https://splunk.example", "secret", [line_of()])


def test_a_token_is_in_no_message(collector: FakeCollector) -> None:
    collector.answer = b"{}"
    with pytest.raises(ServiceError) as error:
        to_hec("https://splunk.example", "secret", [line_of()])
    assert "secret" not in str(error.value)


@pytest.fixture
def installation(tmp_path: Path, collector: FakeCollector) -> Installation:
    """An installation that sends to the collector, with two events in its log."""
    made = installation_with_home(tmp_path)
    append(made, line_of(0), line_of(1))
    return made


def append(installation: Installation, *lines: bytes, year: int = 2026) -> None:
    folder = installation.home / "audit"
    folder.mkdir(exist_ok=True)
    with (folder / f"events-{year}.jsonl").open("ab") as stream:
        stream.write(b"".join(line + b"\n" for line in lines))


def sent(collector: FakeCollector) -> list[str]:
    """Return the messages of all events that were posted, in order."""
    decoder = json.JSONDecoder()
    messages = []
    for body in collector.bodies:
        rest = body.decode()
        while rest:
            envelope, end = decoder.raw_decode(rest)
            messages.append(envelope["event"]["message"])
            rest = rest[end:]
    return messages


def test_what_was_sent_is_not_sent_again(
    installation: Installation, collector: FakeCollector
) -> None:
    assert ship(installation) == ()
    append(installation, line_of(2))
    assert ship(installation) == ()
    assert sent(collector) == ["line 0", "line 1", "line 2"]


def test_nothing_due_is_no_request(installation: Installation, collector: FakeCollector) -> None:
    ship(installation)
    ship(installation)
    assert len(collector.requests) == 1


def test_what_a_receiver_did_not_take_stays_due(
    installation: Installation, collector: FakeCollector
) -> None:
    collector.answer = b"{}"
    (problem,) = ship(installation)
    assert problem.startswith("audit log, hec: ")
    assert problem.endswith("it is kept and sent with the next run")

    collector.answer = b'{"code": 0}'
    collector.requests.clear()
    append(installation, line_of(2))
    assert ship(installation) == ()
    assert sent(collector) == ["line 0", "line 1", "line 2"]


def test_a_new_year_s_file_begins_at_its_first_line(
    installation: Installation, collector: FakeCollector
) -> None:
    ship(installation)
    append(installation, line_of(2), year=2027)
    ship(installation)
    assert sent(collector) == ["line 0", "line 1", "line 2"]


def test_the_older_year_is_sent_first(installation: Installation, collector: FakeCollector) -> None:
    append(installation, line_of(9), year=2025)
    ship(installation)
    assert sent(collector) == ["line 9", "line 0", "line 1"]


def test_a_year_that_was_taken_counts_although_the_next_was_not(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(installation, line_of(2), year=2027)
    taken: list[Lines] = []

    def send(url: str, token: str, lines: Lines) -> None:
        if taken:
            raise ServiceError("collector", expected="an answer", found="none", remedy="Wait.")
        taken.append(lines)

    monkeypatch.setattr(shipping, "to_hec", send)
    assert len(ship(installation)) == 1
    state = json.loads((installation.home / "audit/shipped-hec.json").read_bytes())
    assert list(state) == ["events-2026.jsonl"]


def test_one_receiver_that_is_down_holds_up_no_other(
    tmp_path: Path, collector: FakeCollector, udp: socket.socket
) -> None:
    installation = installation_with_home(tmp_path)
    append(installation, line_of())
    collector.answer = b"{}"

    (problem,) = ship(installation)
    assert "hec" in problem
    assert udp.recv(65_536).endswith(line_of())
    assert not (tmp_path / "audit/shipped-hec.json").exists()
    assert (tmp_path / "audit/shipped-syslog.json").exists()


def test_without_a_receiver_nothing_is_sent_or_noted(tmp_path: Path) -> None:
    installation = installation_with_home(tmp_path)
    append(installation, line_of())
    assert ship(installation) == ()
    assert [path.name for path in (tmp_path / "audit").iterdir()] == ["events-2026.jsonl"]


def test_an_installation_without_an_audit_log_has_nothing_due(
    tmp_path: Path, collector: FakeCollector
) -> None:
    assert ship(installation_with_home(tmp_path)) == ()
    assert collector.requests == []


def test_a_line_of_the_first_form_becomes_an_event(
    tmp_path: Path, collector: FakeCollector
) -> None:
    installation = installation_with_home(tmp_path)
    record = {"at": "2026-01-01T12:00:00Z", "who": "ann", "action": "export", "what": "tiny/rows"}
    append(installation, canonical(record | {"why": "a complaint", "rows": 3}))

    assert ship(installation) == ()
    shipped = json.loads(collector.bodies[0])["event"]
    assert (shipped["class_uid"], shipped["time"]) == (API_ACTIVITY, 1_767_268_800_000)
    assert shipped["actor"] == {"user": {"name": "ann"}}
    assert shipped["api"] == {"operation": "people:export"}
    assert shipped["resources"] == [{"name": "tiny/rows", "type": "record", "data": {"rows": 3}}]
    assert shipped["message"] == "a complaint"
