"""One event for each call, by OCSF's own schema; no change where none can be written."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tasks.audit_log.events import OCSF
from tasks.registry_server.auditing import Audited, AuditLog
from tasks.registry_server.authorising import unaudited
from tasks.registry_server.calls import (
    CALL,
    AuditUnwritableError,
    Call,
    Caller,
    CallRefusedError,
    Message,
    Receive,
    Scope,
    Send,
    answer_refusal,
    send_answer,
)
from tasks.registry_server.routes import RegistryRole, RouteClass, ServedRoute

CALLER = Caller("ann", frozenset({RegistryRole.DATA_SCIENTIST}))
ROUTE = ServedRoute("POST", "/api/2.0/mlflow/runs/<run_id>", RouteClass.TRACK)


def call_of(**values: Any) -> Call:
    return Call(method="POST", address="10.0.0.7", **values)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("status", [None, 200, 403, 500])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_events_are_ocsf_by_ocsf_s_own_schema(
    tmp_path: Path, status: int | None, method: str
) -> None:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF))
    audit = AuditLog(tmp_path / "audit.jsonl")
    call = Call(method=method, address="10.0.0.7", caller=CALLER, route=ROUTE)
    if status == 403:
        call.refusal = CallRefusedError(403, "role.track", "No.")
    if status is None:
        audit.record_allowed(call)
    else:
        audit.record_answer(call, status)

    (event,) = read(tmp_path / "audit.jsonl")
    jsonschema.validate(event, schema.get_class_schema("api_activity"))
    assert event["status_id"] == (2 if status in (403, 500) else 1)
    assert event["actor"]["user"]["name"] == "ann"
    assert event["http_request"]["url"]["path"] == ROUTE.template
    assert event["unmapped"].get("refusal") == ("role.track" if status == 403 else None)


def test_a_rotated_file_is_left_and_a_new_one_begun(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path)
    audit.record_allowed(call_of())
    path.rename(tmp_path / "audit.1")
    audit.record_allowed(call_of())
    # Rotated by a copy and a new file of the same name, all between two events.
    path.rename(tmp_path / "audit.2")
    path.touch()
    audit.record_allowed(call_of())
    assert [len(read(tmp_path / name)) for name in ("audit.1", "audit.2", "audit.jsonl")] == [
        1,
        1,
        1,
    ]
    # Nobody else reads who did what; the file that others made keeps their mode.
    assert (tmp_path / "audit.2").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "no folder" / "audit.jsonl")
    with pytest.raises(AuditUnwritableError):
        audit.record_allowed(call_of())
    with pytest.raises(AuditUnwritableError):
        AuditLog(Path("/dev/full")).record_allowed(call_of())
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditUnwritableError):
        AuditLog(link).record_allowed(call_of())


def ask(path: Path, answer: Any, kind: str = "http") -> tuple[list[Message], list[bool]]:
    """Return what a client receives from an application that `answer` stands for."""
    sent: list[Message] = []
    ran: list[bool] = []
    audit = AuditLog(path)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        ran.append(True)
        await answer(audit, scope[CALL], send)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": kind, "method": "POST", "client": ("10.0.0.7", 1)}
    asyncio.run(Audited(inner, audit, unaudited)(scope, receive, send))
    return sent, ran


async def refuse(audit: AuditLog, call: Call, send: Send) -> None:
    await answer_refusal(call, CallRefusedError(401, "identity.anonymous", "Sign in."), send)


async def allow(audit: AuditLog, call: Call, send: Send) -> None:
    audit.record_allowed(call)
    await send_answer(send, 200, b"done", [])


async def allow_and_fail(audit: AuditLog, call: Call, send: Send) -> None:
    audit.record_allowed(call)
    await send_answer(send, 500, b"not done", [])


def test_a_call_has_one_event_and_a_second_where_it_failed(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    ask(path, allow)
    ask(path, refuse)
    ask(path, allow_and_fail)
    events = read(path)
    assert [item.get("status_code") for item in events] == [None, "401", None, "500"]
    uids = [item["metadata"]["correlation_uid"] for item in events]
    assert uids[2] == uids[3]
    assert len(set(uids)) == 3


def test_a_denial_that_cannot_be_written_is_answered_by_nothing_else(tmp_path: Path) -> None:
    sent, _ = ask(Path("/dev/full"), refuse)
    assert [item.get("status") for item in sent] == [503, None]
    assert b"nothing was done" in sent[1]["body"]


def test_no_websocket_is_served(tmp_path: Path) -> None:
    sent, ran = ask(tmp_path / "audit.jsonl", allow, kind="websocket")
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert ran == []
    (event,) = read(tmp_path / "audit.jsonl")
    assert event["unmapped"]["refusal"] == "request.websocket"


def test_events_are_numbered_without_a_gap_in_each_process(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    processes = [AuditLog(path), AuditLog(path)]
    for _ in range(3):
        for audit in processes:
            audit.record_allowed(call_of())

    uids = [event["metadata"]["uid"] for event in read(path)]
    assert len(set(uids)) == 6
    assert [event["metadata"]["sequence"] for event in read(path)] == [1, 1, 2, 2, 3, 3]
    assert uids[0].partition("-")[0] == uids[4].partition("-")[0]


def test_an_event_that_could_not_be_written_is_missed_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = AuditLog(tmp_path / "audit.jsonl")
    audit.record_allowed(call_of())
    write = os.write
    # The disk is full: half of the line goes in.
    monkeypatch.setattr(os, "write", lambda fd, line: write(fd, line[: len(line) // 2]))
    with pytest.raises(AuditUnwritableError):
        audit.record_allowed(call_of())

    monkeypatch.setattr(os, "write", write)
    audit.record_allowed(call_of())
    first, torn, last = (tmp_path / "audit.jsonl").read_bytes().splitlines()
    assert json.loads(first)["metadata"]["sequence"] == 1
    assert not torn.endswith(b"}")
    assert json.loads(last)["metadata"]["sequence"] == 3


def test_a_line_that_another_process_left_open_spoils_no_line_but_its_own(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"class_uid":60')
    AuditLog(path).record_allowed(call_of())
    torn, whole = path.read_bytes().splitlines()
    assert torn == b'{"class_uid":60'
    assert json.loads(whole)["metadata"]["sequence"] == 1


def test_no_answer_leaves_before_the_disk_has_its_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        order.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    path = tmp_path / "audit.jsonl"
    ask(path, refuse)
    # The new file's name, then what is in it.
    assert order == [str(tmp_path), str(path)]


def test_a_disk_that_does_not_take_an_event_answers_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audit.jsonl").touch()
    real = os.fsync

    def fail(descriptor: int) -> None:
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()).endswith("audit.jsonl"):
            raise OSError(5, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    sent, _ = ask(tmp_path / "audit.jsonl", refuse)
    assert [item.get("status") for item in sent] == [503, None]


def test_calls_that_wait_together_share_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    real = os.fsync

    def slow(descriptor: int) -> None:
        syncs.append(descriptor)
        time.sleep(0.02)
        real(descriptor)

    audit = AuditLog(tmp_path / "audit.jsonl")
    audit.record_allowed(call_of())
    monkeypatch.setattr(os, "fsync", slow)

    async def answer() -> None:
        audit.record_answer(call_of(), 403)
        await audit.settle()

    async def burst() -> None:
        await asyncio.gather(*(answer() for _ in range(200)))

    asyncio.run(burst())
    assert len(read(tmp_path / "audit.jsonl")) == 201
    assert len(syncs) <= 2
