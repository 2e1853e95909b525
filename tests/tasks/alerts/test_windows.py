"""What rules remember: over restarts, repeated and late events, missing numbers, and floods."""

from pathlib import Path
from typing import Any

import pytest

from tasks.alerts.rules import read_alert_rules
from tasks.alerts.windows import KEPT_MS, Windows
from tasks.audit_log.events import event
from tasks.audit_log.following import Chunk
from tests.tasks.alerts.events_of_servers import MINUTE_MS, NOON_MS, ServerLog

Events = list[dict[str, Any]]
PROCESS = "0123456789abcdef"


def windows_at(folder: Path) -> Windows:
    return Windows(folder / "alerts.db", read_alert_rules())


def names(windows: Windows) -> list[str]:
    return [item["finding_info"]["analytic"]["name"] for item in windows.untold("log")]


def denials(folder: Path, count: int) -> Events:
    log = ServerLog(folder)
    return [log.call(NOON_MS + number * 1_000, refusal="role.track") for number in range(count)]


def test_a_window_goes_on_over_a_restart(tmp_path: Path) -> None:
    events = denials(tmp_path, 10)
    for number, item in enumerate(events):
        windows = windows_at(tmp_path)
        windows.take(Chunk("0" * 64, number, [item]))
        found = names(windows)
        windows.close()
    assert found == ["repeated_denials_of_actor"]


def test_what_is_sent_again_counts_once_and_fires_once(tmp_path: Path) -> None:
    events = denials(tmp_path, 10)
    windows = windows_at(tmp_path)
    for _ in range(3):
        windows.take(Chunk("0" * 64, 1, events[:9]))
    assert names(windows) == []
    for _ in range(3):
        windows.take(Chunk("0" * 64, 1, events))
    assert len(names(windows)) == 1
    windows.close()


def test_a_late_event_completes_its_window(tmp_path: Path) -> None:
    events = denials(tmp_path, 10)
    windows = windows_at(tmp_path)
    windows.take(Chunk("0" * 64, 1, [*events[:4], *events[5:]]))
    assert names(windows) == []
    windows.take(Chunk("1" * 64, 1, [events[4]]))
    assert names(windows) == ["repeated_denials_of_actor"]
    windows.close()


def test_a_pass_that_is_killed_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = denials(tmp_path, 10)
    windows = windows_at(tmp_path)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(windows, "_number", kill)
    with pytest.raises(KeyboardInterrupt):
        windows.take(Chunk("0" * 64, 77, events))
    windows.close()

    again = windows_at(tmp_path)
    assert (again.places(), names(again)) == ({}, [])
    again.take(Chunk("0" * 64, 77, events))
    assert again.places() == {"0" * 64: 77}
    assert len(names(again)) == 1
    again.close()


def test_an_attack_that_goes_on_fires_once_in_each_time_of_the_rule(tmp_path: Path) -> None:
    log = ServerLog(tmp_path)
    events = [log.call(NOON_MS + number * 10_000, refusal="role.track") for number in range(12 * 6)]
    windows = windows_at(tmp_path)
    windows.take(Chunk("0" * 64, 1, events))
    fired = windows.untold("log")
    ends = [
        item["end_time"] - NOON_MS
        for item in fired
        if item["finding_info"]["analytic"]["name"] == "repeated_denials_of_actor"
    ]
    assert ends == [90_000, 90_000 + 5 * MINUTE_MS, 90_000 + 10 * MINUTE_MS]
    assert len({item["finding_info"]["uid"] for item in fired}) == len(fired)
    windows.close()


def numbered(*numbers: int) -> Chunk:
    events = [event("stage:train", actor="ann") for _ in numbers]
    for item, number in zip(events, numbers, strict=True):
        item["metadata"]["uid"] = f"{PROCESS}-{number}"
    return Chunk("0" * 64, numbers[-1], events)


def test_a_number_that_stays_missing_is_a_gap(tmp_path: Path) -> None:
    windows = windows_at(tmp_path)
    windows.take(numbered(1, 2, 5, 6))
    # Another file may have them: it is looked for once more.
    windows.end_pass(NOON_MS)
    assert names(windows) == []
    windows.end_pass(NOON_MS + 1)
    assert names(windows) == ["audit_gap"]
    windows.end_pass(NOON_MS + 2)
    assert len(names(windows)) == 1
    windows.close()


def test_a_number_that_comes_late_is_none(tmp_path: Path) -> None:
    windows = windows_at(tmp_path)
    windows.take(numbered(1, 4))
    windows.end_pass(NOON_MS)
    windows.take(numbered(2, 3))
    for moment in range(3):
        windows.end_pass(NOON_MS + moment)
    assert names(windows) == []
    windows.close()


def test_a_process_that_begins_in_the_middle_is_a_gap_once_somebody_watches(
    tmp_path: Path,
) -> None:
    windows = windows_at(tmp_path)
    windows.take(numbered(7, 8))
    windows.close()

    # The first look may come after a file was rotated away; a later one does not.
    for process in ("fedcba9876543210", PROCESS):
        windows = windows_at(tmp_path)
        chunk = numbered(9, 10)
        for item in chunk.events:
            uid = item["metadata"]["uid"]
            item["metadata"]["uid"] = uid.replace(PROCESS, process)
        windows.take(chunk)
        for moment in range(2):
            windows.end_pass(NOON_MS + moment)
        found = names(windows)
        windows.close()
    assert found == ["audit_gap"]


def test_a_file_that_comes_late_is_counted_over_passes(tmp_path: Path) -> None:
    """The last event says how far back is too old, and not the clock."""
    events = denials(tmp_path, 10)
    windows = windows_at(tmp_path)
    windows.take(Chunk("0" * 64, 1, events[:9]))
    windows.end_pass(NOON_MS + 600 * MINUTE_MS)
    windows.take(Chunk("0" * 64, 2, events[9:]))
    assert names(windows) == ["repeated_denials_of_actor"]
    windows.close()


def test_what_no_rule_looks_back_to_is_forgotten(tmp_path: Path) -> None:
    log = ServerLog(tmp_path)
    windows = windows_at(tmp_path)
    windows.take(Chunk("0" * 64, 1, denials(tmp_path, 9)))
    later = NOON_MS + 60 * MINUTE_MS
    windows.take(Chunk("0" * 64, 2, [log.call(later, refusal="role.track", subject="bob")]))
    windows.end_pass(later)
    # The tenth, had the nine been kept.
    windows.take(Chunk("0" * 64, 3, [log.call(NOON_MS + 9_500, refusal="role.track")]))
    assert names(windows) == []
    windows.close()


def test_a_time_to_come_makes_nothing_forgotten(tmp_path: Path) -> None:
    log = ServerLog(tmp_path)
    events = denials(tmp_path, 10)
    windows = windows_at(tmp_path)
    future = NOON_MS + 10**12
    windows.take(Chunk("0" * 64, 1, [*events[:9], log.call(future, refusal="role.track")]))
    windows.end_pass(NOON_MS + MINUTE_MS)
    windows.take(Chunk("0" * 64, 2, events[9:]))
    assert names(windows) == ["repeated_denials_of_actor"]
    windows.close()


def test_a_finding_is_forgotten_long_after_every_channel_was_told(tmp_path: Path) -> None:
    """The memory of findings ends; one that somebody was not told of is kept."""
    windows = windows_at(tmp_path)
    windows.take(Chunk("0" * 64, 1, denials(tmp_path, 10)))
    (first,) = windows.untold("log")
    later = NOON_MS + KEPT_MS + MINUTE_MS
    log = ServerLog(tmp_path)
    windows.take(Chunk("1" * 64, 1, [log.call(later + n, refusal="role.track") for n in range(10)]))
    windows.mark_told("log", first["metadata"]["uid"])

    windows.forget_told(later + MINUTE_MS, ["log", "webhook"])
    assert remembered(windows) == 2  # the webhook was not told
    windows.mark_told("webhook", first["metadata"]["uid"])
    windows.forget_told(later - 2 * MINUTE_MS, ["log", "webhook"])
    assert remembered(windows) == 2  # by the clock it is not old yet
    windows.forget_told(later + MINUTE_MS, ["log", "webhook"])
    assert remembered(windows) == 1
    # Nothing is forgotten for age alone: of what is left, nobody was told.
    windows.forget_told(later + 2 * KEPT_MS, ["log", "webhook"])
    assert len(windows.untold("log")) == 1
    windows.close()


def remembered(windows: Windows) -> int:
    (count,) = windows._connection.execute("SELECT COUNT(*) FROM findings").fetchone()
    return int(count)


def test_a_number_of_too_many_digits_is_none_and_stops_no_pass(tmp_path: Path) -> None:
    windows = windows_at(tmp_path)
    for digits in ("9" * 18, "9" * 19, "9" * 5_000):
        strange = event("stage:train", actor="ann")
        strange["metadata"]["uid"] = f"{PROCESS}-{digits}"
        windows.take(Chunk("0" * 64, 1, [strange]))
    assert windows.places() == {"0" * 64: 1}
    windows.close()
