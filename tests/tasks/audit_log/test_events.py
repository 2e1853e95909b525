"""The audit log: OCSF by its own schema, chained by batch, sent on.

A changed line is named, nothing is lost.
"""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tasks.attestation.predicates.records import AuditBatch
from tasks.audit_log.events import (
    API_ACTIVITY,
    DATASTORE,
    DELETE,
    OCSF,
    READ,
    auditing,
    event,
    verify,
)
from tasks.audit_log.shipping import ship
from tasks.audit_log.syslog import read_target, send_to_syslog
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.audit import PeopleAction, audit
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.verifier.log_reader import EVERYTHING, read_log
from tasks.verifier.statement_index import Signed
from tests.cases import change_case
from tests.installations import installation_at, installation_with_home
from tests.tasks.judged import CASE, sign_for

RECEIVERS = ("PORTCULLIS_SYSLOG", "PORTCULLIS_HEC_URL", "PORTCULLIS_HEC_TOKEN")


@pytest.fixture(scope="module")
def schema() -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF))


def lines(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("events-*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def batches(root: Path) -> tuple[Signed[AuditBatch], ...]:
    ledger = open_ledger(installation_at(root))
    log = read_log(ledger, trusted_root(installation_at(root)), EVERYTHING)
    ledger.close()
    return log.required_statements(AuditBatch)


@pytest.fixture
def folder(signed: Path) -> Path:
    return signed.parent / "home" / "audit"


def test_events_are_ocsf_by_ocsf_s_own_schema(
    signed: Path, folder: Path, schema: OcsfJsonSchemaEmbedded
) -> None:
    sign_for(signed, "redact", {"unsealed": 7, "shredded": 1})
    found = lines(folder)
    found += [
        event(
            "keys:revoke",
            actor="ann",
            activity=DELETE,
            is_success=False,
            resources=[("k", "key", {})],
            detail="x",
        )
    ]
    assert {each["class_uid"] for each in found} == {API_ACTIVITY, DATASTORE}
    for each in found:
        name = schema.lookup_class_name_from_uid(class_uid=each["class_uid"])
        jsonschema.validate(each, schema.get_class_schema(class_name=name))
        assert each["type_uid"] == each["class_uid"] * 100 + each["activity_id"]


def test_a_run_is_told_with_what_it_read_and_what_was_changed(signed: Path, folder: Path) -> None:
    sign_for(signed, "redact", {"unsealed": 7, "shredded": 1})
    read = next(each for each in reversed(lines(folder)) if each["class_uid"] == DATASTORE)
    assert read["activity_id"] == READ
    (resource,) = read["unmapped"]["resources"]
    assert resource["data"]["datasets"] == [f"{CASE}/ingest/rows.parquet"]
    assert resource["data"]["unsealed"] == 7
    before = len(lines(folder))
    change_case(signed, CASE, lambda values: values.update(redact={"engine": "other"}))
    sign_for(signed, "redact")
    changed = [
        each
        for each in lines(folder)[before:]
        if each["api"]["operation"] == "configuration:changed"
    ]
    assert [each["resources"][0]["name"] for each in changed] == [
        f"configs/{CASE}/resolved.yaml#redact"
    ]


def test_every_line_is_signed_for_and_a_changed_one_is_named(signed: Path, folder: Path) -> None:
    assert verify(folder, batches(signed)) == 0
    (path,) = folder.glob("events-*.jsonl")
    whole = path.read_bytes()
    third = batches(signed)[2]
    at = third.predicate.start + 5
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(EvidenceError, match=rf"\(entry {third.index}\)"):
        verify(folder, batches(signed))
    for broken in (whole[:-10], whole.split(b"\n", 1)[1], b"{}\n" + whole):
        path.write_bytes(broken)
        with pytest.raises(EvidenceError, match="audit/events"):
            verify(folder, batches(signed))
    path.unlink()
    with pytest.raises(EvidenceError, match="0 bytes"):
        verify(folder, batches(signed))


def test_a_batch_that_was_left_out_is_a_gap(signed: Path, folder: Path) -> None:
    found = batches(signed)
    with pytest.raises(EvidenceError, match="a gap"):
        verify(folder, found[:1] + found[2:])


def test_what_was_not_signed_for_goes_into_the_next_batch(signed: Path, folder: Path) -> None:
    with pytest.raises(RuntimeError), auditing(folder.parent, [event("x", actor="ann")]):
        raise RuntimeError
    assert verify(folder, batches(signed)) == 1
    with (
        open_notary(installation_at(signed)) as notary,
        auditing(folder.parent, [event("y", actor="ann")]) as statements,
    ):
        notary.record_all(statements)
    assert verify(folder, batches(signed)) == 0


class CollectorServer(HTTPServer):
    """What the collector has taken, and whether it takes any more."""

    taken: list[dict[str, Any]]
    takes: bool


class Collector(BaseHTTPRequestHandler):
    """Splunk's HTTP event collector, as far as it is needed."""

    server: CollectorServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = self.headers["Authorization"] == "Splunk secret" and self.server.takes
        if good:
            decoder, text = json.JSONDecoder(), body.decode()
            while text:
                value, end = decoder.raw_decode(text)
                self.server.taken.append(value)
                text = text[end:]
        answer = json.dumps(
            {"text": "Success", "code": 0} if good else {"text": "Invalid token", "code": 4}
        ).encode()
        self.send_response(200 if good else 403)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: str) -> None:
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[CollectorServer]:
    server = CollectorServer(("127.0.0.1", 0), Collector)
    server.taken = []
    server.takes = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PORTCULLIS_HEC_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PORTCULLIS_HEC_TOKEN", "secret")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_splunk_takes_every_event_once_and_what_it_refused_later(
    signed: Path, folder: Path, collector: CollectorServer
) -> None:
    collector.takes = False
    assert "it is kept and sent with the next run" in ship(installation_with_home(folder.parent))[0]
    collector.takes = True
    assert ship(installation_with_home(folder.parent)) == ()
    assert [each["event"] for each in collector.taken] == lines(folder)
    assert {each["sourcetype"] for each in collector.taken} == {"ocsf:json"}
    assert ship(installation_with_home(folder.parent)) == ()
    assert len(collector.taken) == len(lines(folder))


def test_what_is_on_record_about_people_is_chained_and_sent_too(
    signed: Path, folder: Path, schema: OcsfJsonSchemaEmbedded, collector: CollectorServer
) -> None:
    audit(
        PeopleAction.READ_ROWS,
        what="tiny/redact/rows",
        why="a complaint",
        installation=installation_at(signed),
        rows=3,
    )
    assert verify(folder, batches(signed)) == 0
    sign_for(signed, "admit")
    sent = [
        each["event"] for each in collector.taken if each["event"].get("message") == "a complaint"
    ]
    assert [(each["class_uid"], each["unmapped"]["operation"]) for each in sent] == [
        (DATASTORE, "people:read rows")
    ]
    jsonschema.validate(sent[0], schema.get_class_schema(class_name="datastore_activity"))
    (path,) = folder.glob("events-*.jsonl")
    path.write_text(path.read_text().replace("a complaint", "no reason"))
    with pytest.raises(EvidenceError, match="audit/events"):
        verify(folder, batches(signed))


def test_a_run_goes_on_where_a_receiver_is_down(
    signed: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_HEC_URL", "http://127.0.0.1:9")
    sign_for(signed, "admit")
    assert verify(folder, batches(signed)) == 0


def test_syslog_over_udp_and_tcp(
    signed: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        monkeypatch.setenv("PORTCULLIS_SYSLOG", f"udp://127.0.0.1:{receiver.getsockname()[1]}")
        assert ship(installation_with_home(folder.parent)) == ()
        message = receiver.recv(65_536).decode()
    head, _, text = message.partition(" - {")
    priority, version = head.split(">")[0].lstrip("<"), head.split(">")[1][0]
    assert (int(priority) // 8, version) == (13, "1")
    assert json.loads("{" + text) == lines(folder)[0]
    taken = []

    class Taker(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            taken.append(self.rfile.read())

    with socketserver.TCPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        target = read_target(f"tcp://127.0.0.1:{server.server_address[1]}")
        send_to_syslog(target, [lines(folder)[0]])
        thread.join()
    length, _, rest = taken[0].partition(b" ")
    assert int(length) == len(rest)


def test_a_receiver_s_address_in_another_form(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    with pytest.raises(ConfigError, match="udp://"):
        read_target("syslog.example:514")
