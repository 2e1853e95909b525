"""The audit log on its way out: what is due, receivers that are down, rotated files."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.audit_log import shipping
from tasks.audit_log.events import API_ACTIVITY, event
from tasks.audit_log.shipping import follow, ship
from tasks.errors import EvidenceError, ServiceError
from tasks.formats.canonical_json import canonical
from tasks.system.installation import Installation
from tests.installations import installation_with_home
from tests.receivers import TOKEN, EventCollector, event_collector, syslog_server

NOON_MS = 1_767_268_800_007  # 2026-01-01T12:00:00.007Z


def line_of(number: int = 0, **changes: Any) -> bytes:
    """Return an event as the audit log holds it."""
    made = event("stage:train", actor="ann", detail=f"line {number}") | {"time": NOON_MS}
    return canonical(made | changes)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[EventCollector]:
    """A collector that is configured."""
    with event_collector() as running:
        monkeypatch.setenv("PORTCULLIS_HEC_URL", running.url)
        monkeypatch.setenv("PORTCULLIS_HEC_TOKEN", TOKEN)
        yield running


@pytest.fixture
def installation(tmp_path: Path, collector: EventCollector) -> Installation:
    """An installation that sends to the collector, with two events in its log."""
    made = installation_with_home(tmp_path)
    append(made, line_of(0), line_of(1))
    return made


def append(installation: Installation, *lines: bytes, year: int = 2026) -> None:
    folder = installation.home / "audit"
    folder.mkdir(exist_ok=True)
    with (folder / f"events-{year}.jsonl").open("ab") as stream:
        stream.write(b"".join(line + b"\n" for line in lines))


def sent(collector: EventCollector) -> list[str]:
    """Return the messages of all events that were taken, in order."""
    return [item["message"] for item in collector.events]


def test_what_was_sent_is_not_sent_again(
    installation: Installation, collector: EventCollector
) -> None:
    assert ship(installation) == ()
    append(installation, line_of(2))
    assert ship(installation) == ()
    assert sent(collector) == ["line 0", "line 1", "line 2"]
    assert ship(installation) == ()
    assert collector.requests == 2


def test_what_a_receiver_did_not_take_stays_due(
    installation: Installation, collector: EventCollector
) -> None:
    collector.is_busy = True
    (problem,) = ship(installation)
    assert problem.startswith("audit log, hec: ")
    assert problem.endswith("it is kept and sent with the next run")

    collector.is_busy = False
    append(installation, line_of(2))
    assert ship(installation) == ()
    assert sent(collector) == ["line 0", "line 1", "line 2"]


def test_the_older_year_is_sent_first_and_a_new_one_from_its_first_line(
    installation: Installation, collector: EventCollector
) -> None:
    append(installation, line_of(9), year=2025)
    ship(installation)
    append(installation, line_of(2), year=2027)
    ship(installation)
    assert sent(collector) == ["line 9", "line 0", "line 1", "line 2"]


def test_what_was_taken_counts_although_the_next_was_not(
    installation: Installation, collector: EventCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece is half a megabyte; here it is one line."""
    monkeypatch.setattr("tasks.audit_log.following.CHUNK_BYTES", 1)
    answer = collector.answer
    monkeypatch.setattr(
        collector,
        "answer",
        lambda *given: (503, {"code": 9}) if collector.events else answer(*given),
    )
    assert len(ship(installation)) == 1
    monkeypatch.setattr(collector, "answer", answer)
    ship(installation)
    assert sent(collector) == ["line 0", "line 1"]


def test_a_sender_that_is_killed_before_it_noted_sends_the_same_ids_again(
    installation: Installation, collector: EventCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shipping, "write_places", kill)
    with pytest.raises(KeyboardInterrupt):
        ship(installation)
    monkeypatch.undo()
    monkeypatch.setenv("PORTCULLIS_HEC_URL", collector.url)
    ship(installation)
    uids = [item["metadata"]["uid"] for item in collector.events]
    assert uids[:2] == uids[2:]
    assert len(set(uids)) == 2


def test_a_note_that_is_cut_off_is_told_of_and_nothing_is_guessed(
    installation: Installation, collector: EventCollector
) -> None:
    ship(installation)
    note = installation.home / "audit/shipped-hec.json"
    note.write_bytes(note.read_bytes()[:-3])
    with pytest.raises(EvidenceError, match="sent again, with the same ids"):
        ship(installation)
    assert len(collector.events) == 2


def test_an_earlier_version_s_note_counts(
    installation: Installation, collector: EventCollector
) -> None:
    end = len(line_of(0)) + 1
    (installation.home / "audit/shipped-hec.json").write_bytes(
        canonical({"events-2026.jsonl": end})
    )
    ship(installation)
    assert sent(collector) == ["line 1"]


def test_one_receiver_that_is_down_holds_up_no_other(
    installation: Installation, collector: EventCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.is_busy = True
    with syslog_server() as server:
        monkeypatch.setenv("PORTCULLIS_SYSLOG", f"tcp://127.0.0.1:{server.port}")
        both = installation_with_home(installation.home)
        (problem,) = ship(both)
        assert "hec" in problem
        assert [item["message"] for item in server.events] == ["line 0", "line 1"]


def test_two_senders_do_not_send_the_same(
    installation: Installation, collector: EventCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = collector.answer

    def ask_again(*given: Any) -> tuple[int, Any]:
        monkeypatch.setattr(collector, "answer", answer)
        assert ship(installation) == ()
        return answer(*given)

    monkeypatch.setattr(collector, "answer", ask_again)
    assert ship(installation) == ()
    assert sent(collector) == ["line 0", "line 1"]


def test_without_a_receiver_nothing_is_sent_or_noted(tmp_path: Path) -> None:
    installation = installation_with_home(tmp_path)
    append(installation, line_of())
    assert ship(installation) == ()
    assert [path.name for path in (tmp_path / "audit").iterdir()] == ["events-2026.jsonl"]


def test_an_installation_without_an_audit_log_has_nothing_due(
    tmp_path: Path, collector: EventCollector
) -> None:
    assert ship(installation_with_home(tmp_path)) == ()
    assert collector.requests == 0


def test_a_line_of_the_first_form_becomes_an_event(
    tmp_path: Path, collector: EventCollector
) -> None:
    installation = installation_with_home(tmp_path)
    record = {"at": "2026-01-01T12:00:00Z", "who": "ann", "action": "export", "what": "tiny/rows"}
    append(installation, canonical(record | {"why": "a complaint", "rows": 3}))

    assert ship(installation) == ()
    (shipped,) = collector.events
    assert (shipped["class_uid"], shipped["time"]) == (API_ACTIVITY, 1_767_268_800_000)
    assert shipped["actor"] == {"user": {"name": "ann"}}
    assert shipped["api"] == {"operation": "people:export"}
    assert shipped["resources"] == [{"name": "tiny/rows", "type": "record", "data": {"rows": 3}}]
    assert shipped["message"] == "a complaint"


def test_files_of_other_programs_are_sent_wherever_they_are_rotated_to(
    tmp_path: Path, collector: EventCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log" / "registry.jsonl"
    path.parent.mkdir()
    monkeypatch.setenv("PORTCULLIS_AUDIT_FILES", f"{path}{os.pathsep}{tmp_path / 'absent'}")
    installation = installation_with_home(tmp_path)

    path.write_bytes(line_of(0) + b"\n")
    ship(installation)
    # Renamed after another line, which nobody has sent; what is compressed is not read.
    path.write_bytes(path.read_bytes() + line_of(1) + b"\n")
    path.rename(tmp_path / "log" / "registry.jsonl.1")
    (tmp_path / "log" / "registry.jsonl.2.gz").write_bytes(b"not lines\n")
    path.write_bytes(line_of(2) + b"\n")
    assert ship(installation) == ()
    assert sent(collector) == ["line 0", "line 1", "line 2"]

    # A process that had the old file open writes once more.
    with (tmp_path / "log" / "registry.jsonl.1").open("ab") as stream:
        stream.write(line_of(3) + b"\n")
    ship(installation)
    assert sent(collector)[3:] == ["line 3"]


def test_a_receiver_that_was_away_gets_all_in_order_when_it_is_back(
    installation: Installation, collector: EventCollector
) -> None:
    """`--follow` goes on meanwhile; only its waiting is made shorter here."""
    collector.is_busy = True
    told: list[str] = []
    waits: list[float] = []
    back = threading.Event()

    def is_ended(seconds: float) -> bool:
        waits.append(seconds)
        append(installation, line_of(len(waits) + 1))
        if len(waits) == 4:
            collector.is_busy = False
            back.set()
        return len(waits) == 6

    follow(installation, told.append, is_ended)
    ship(installation)
    assert back.is_set()
    assert sent(collector) == [f"line {number}" for number in range(8)]
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert waits[4:] == [1.0, 1.0]
    assert len(told) == 2
    assert told[1] == "audit log: every receiver takes it again"


def test_a_sender_s_fault_is_no_answer_of_a_receiver(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no `ServiceError` ends the sender, instead of being tried for ever."""

    def send(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(shipping, "send_to_collector", send)
    with pytest.raises(RuntimeError):
        ship(installation)
    assert not issubclass(RuntimeError, ServiceError)
    assert json.loads((installation.home / "audit/events-2026.jsonl").read_bytes().split(b"\n")[0])
