"""Files of events that grow, move, shrink and break: nothing is lost, nothing stops the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.audit_log import following
from tasks.audit_log.events import append_events, event, files_of
from tasks.audit_log.following import (
    UNREADABLE,
    Places,
    chunks_due,
    read_places,
    rotated_files,
    write_places,
)
from tasks.audit_log.syslog import message_of
from tasks.formats.canonical_json import canonical


def line_of(number: int) -> bytes:
    return canonical(event("stage:train", actor="ann", detail=f"line {number}")) + b"\n"


def read(path: Path, places: Places) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for chunk in chunks_due(rotated_files(path), places):
        events += chunk.events
        places[chunk.file_sha256] = chunk.end
    return events


def test_a_file_that_was_copied_and_emptied_is_no_new_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    places: Places = {}
    path.write_bytes(line_of(0) + line_of(1))
    assert len(read(path, places)) == 2

    (tmp_path / "audit.jsonl.1").write_bytes(path.read_bytes())
    path.write_bytes(line_of(2))
    assert [item["message"] for item in read(path, places)] == ["line 2"]


def test_a_file_that_became_shorter_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    places: Places = {}
    lines = [line_of(number) for number in range(4)]
    path.write_bytes(b"".join(lines[:3]))
    before = read(path, places)

    path.write_bytes(lines[0] + lines[3])
    after = read(path, places)
    assert [item["message"] for item in after] == ["line 0", "line 3"]
    # The repeated one is known by its id.
    assert after[0]["metadata"]["uid"] == before[0]["metadata"]["uid"]


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    places: Places = {}
    first, second = line_of(0), line_of(1)
    got = []
    for written in (first[:20], first + second[:20], first + second[:-1], first + second):
        path.write_bytes(written)
        got.append([item["message"] for item in read(path, places)])
    assert got == [[], ["line 0"], [], ["line 1"]]


@pytest.mark.parametrize(
    "line",
    [
        b'{"class_uid": 60',
        b"[]",
        b"7",
        b"{}",
        b'{"class_uid": 6003}',
        b'{"class_uid": 6003, "metadata": {}, "time": "soon"}',
        b'{"class_uid": 6003, "metadata": 7, "time": 1}',
        b'{"at": "soon", "who": "ann"}',
        b"\xff\xfe",
        b'{"password": "hunter2',
    ],
)
def test_a_line_that_is_no_event_is_told_of_and_stops_nothing(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(line_of(0) + line + b"\n" + line_of(1))
    first, broken, last = read(path, {})
    assert [first["message"], last["message"]] == ["line 0", "line 1"]
    assert broken["api"]["operation"] == UNREADABLE
    assert "hunter2" not in json.dumps(broken)
    # The same line has the same id, whoever reads it.
    assert broken["metadata"]["uid"] == read(path, {})[1]["metadata"]["uid"]


def test_a_line_without_an_end_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_LINE_BYTES", 1_000)
    path = tmp_path / "audit.jsonl"
    path.write_bytes(line_of(0) + b"x" * 2_500 + b"\n" + line_of(1))
    events = read(path, {})
    assert [item["api"]["operation"] for item in events].count(UNREADABLE) == 3
    assert events[-1]["message"] == "line 1"


def test_pieces_are_small_and_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "CHUNK_BYTES", 1_000)
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(line_of(number) for number in range(50)))
    chunks = list(chunks_due([path], {}))
    assert len(chunks) > 10
    assert chunks[-1].end == path.stat().st_size
    assert sum(len(chunk.events) for chunk in chunks) == 50


def test_places_are_noted_wholly_or_not_at_all(tmp_path: Path) -> None:
    note = tmp_path / "shipped-hec.json"
    assert read_places(note, tmp_path) == {}
    write_places(note, {"a" * 64: 7})
    assert read_places(note, tmp_path) == {"a" * 64: 7}
    # What was not finished is not what is read.
    (tmp_path / "shipped-hec.json.draft").write_bytes(b'{"a')
    assert read_places(note, tmp_path) == {"a" * 64: 7}


@pytest.mark.parametrize(
    "change",
    [
        {"time": "12"},
        {"time": 1.5},
        {"time": True},
        {"time": -1},
        {"time": 1 << 63},
        {"class_uid": "6003 injected"},
        {"class_uid": None},
    ],
)
def test_an_event_that_no_reader_can_compute_with_is_told_of(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "audit.jsonl"
    strange = event("stage:train", actor="ann") | change
    path.write_bytes(json.dumps(strange).encode() + b"\n" + line_of(1))
    first, second = read(path, {})
    assert first["api"]["operation"] == UNREADABLE
    assert second["message"] == "line 1"
    assert message_of(first)


def test_a_first_line_without_an_end_hides_nothing_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_LINE_BYTES", 1_000)
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"x" * 1_000 + b"\n" + line_of(1))
    places: Places = {}
    events = read(path, places)
    assert events[0]["api"]["operation"] == UNREADABLE
    assert events[-1]["message"] == "line 1"
    assert read(path, places) == []


def test_a_file_that_is_rotated_away_in_between_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(line_of(0))
    gone = tmp_path / "audit.jsonl.1"
    listed = [gone, tmp_path / "audit.jsonl.2"]
    listed[1].write_bytes(line_of(1))
    monkeypatch.setattr(Path, "glob", lambda *_: iter(listed))
    assert rotated_files(path) == [listed[1], path]


def test_a_line_that_was_cut_off_takes_no_other_event_with_it(tmp_path: Path) -> None:
    append_events(tmp_path, [event("stage:train", actor="ann", detail="line 0")])
    (path,) = files_of(tmp_path / "audit")
    with path.open("ab") as stream:
        stream.write(line_of(1)[:40])
    append_events(tmp_path, [event("stage:train", actor="ann", detail="line 2")])
    events = read(path, {})
    assert [item["message"] for item in (events[0], events[2])] == ["line 0", "line 2"]
    assert events[1]["api"]["operation"] == UNREADABLE
