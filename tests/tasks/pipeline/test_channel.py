"""What a stage's process tells its runner: refusals keep their kinds, and people read the texts."""

import json
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Refusal, RefusalKind
from tasks.pipeline import pace
from tasks.pipeline.channel import CHANNEL_VARIABLE, Channel, lines_for_people, short_address
from tasks.pipeline.listener import (
    MOST_LINE_BYTES,
    MOST_LINES,
    StageMessages,
    end_all_stages,
    listen_to_stage,
)
from tasks.under_way import under_way

REFUSALS = (
    Refusal(RefusalKind.APPROVAL_MISSING, "approval: nobody has approved this model"),
    Refusal("board.absent", "board: it has not met"),
)


@pytest.fixture
def lines() -> list[str]:
    return []


def talk(lines: list[str], speak: Any) -> StageMessages:
    """Let `speak` use a stage's end of the channel while a runner listens; return what arrived."""
    with (
        listen_to_stage(lines.append) as messages,
        Channel.to_parent("toy", messages.environment[CHANNEL_VARIABLE]) as channel,
    ):
        speak(channel)
    return messages


def test_refusals_arrive_with_their_kinds(lines: list[str]) -> None:
    messages = talk(lines, lambda channel: channel.report_refusals(REFUSALS))
    assert messages.refusals == REFUSALS


def test_people_read_the_texts_of_refusals_and_no_kinds(lines: list[str]) -> None:
    talk(lines, lambda channel: channel.report_refusals(REFUSALS))
    assert lines[:3] == ["BLOCKED", *(refusal.text for refusal in REFUSALS)]


def test_a_stage_that_takes_long_says_how_far_it_is(
    lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FIRST_SECONDS", 0.0)
    arrived = threading.Event()

    def take(line: str) -> None:
        lines.append(line)
        arrived.set()

    with (
        under_way("redacting", 10, "rows"),
        listen_to_stage(take) as messages,
        Channel.to_parent("toy", messages.environment[CHANNEL_VARIABLE]),
    ):
        assert arrived.wait(60)
    assert lines[0].startswith("redacting: 0 of 10 rows, time left not known; 0 s so far, at most ")


def test_a_failure_arrives_with_its_exit_code(lines: list[str]) -> None:
    messages = talk(lines, lambda channel: channel.report_failure("no disk", 4))
    assert (messages.failure, messages.exit_code, messages.refusals) == ("no disk", 4, ())
    assert "no disk" in lines


def test_what_the_stage_logs_and_what_it_cost_arrive(lines: list[str]) -> None:
    messages = talk(lines, lambda _: logging.getLogger("portcullis.toy").info("half"))
    assert lines[0] == "half"
    assert messages.seconds is not None
    assert messages.peak_mib is not None
    assert messages.peak_mib > 1
    assert messages.pid is None  # it has ended: nothing is left to be killed


def test_on_a_plain_dvc_repro_the_same_words_go_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Channel.to_parent("toy", "") as channel:
        channel.report_refusals(REFUSALS)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["toy: BLOCKED", f"toy: {REFUSALS[0].text}"]


def test_a_runner_that_went_away_leaves_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        listen_to_stage(lambda _: None) as messages,
        Channel.to_parent("toy", messages.environment[CHANNEL_VARIABLE]) as channel,
    ):
        connection = channel._connection
        assert connection is not None
        connection.close()
        channel.report_progress("still at work")
    assert "toy: still at work" in capsys.readouterr().err


def test_a_stage_whose_runner_has_gone_before_it_started_ends(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended, Channel.to_parent("toy", str(tmp_path / "nobody")):
        pass
    assert ended.value.code == 143


def test_an_address_is_short_however_deep_its_folder_lies(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 40)
    folder.mkdir()
    with short_address(folder / "channel") as address:
        assert len(address) < 107
        assert Path(address).parent.samefile(folder)


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "started", "pid": 3},
        {"kind": "unheard of"},
        {"kind": "refused", "lines": ["of an older form"]},
        {"kind": "failed", "message": 3},
        {},
    ],
)
def test_what_says_nothing_to_people_is_no_line(event: dict[str, Any]) -> None:
    assert lines_for_people(event) == ()


def test_a_refusal_of_an_older_form_is_not_taken_for_one_of_this() -> None:
    messages = StageMessages()
    messages.record({"kind": "refused", "lines": ["approval: nobody"]})
    assert messages.refusals == ()


def test_ending_what_has_ended_already_is_no_error() -> None:
    messages = StageMessages()
    messages.end_stage()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    messages.record({"kind": "started", "pid": child})
    messages.end_stage()
    end_all_stages()


def send(lines: list[str], *data: bytes) -> StageMessages:
    """Send bytes to a runner as a stage's own code may, past our end of the channel."""
    with (
        listen_to_stage(lines.append) as messages,
        socket.socket(socket.AF_UNIX) as connection,
        short_address(Path(messages.environment[CHANNEL_VARIABLE])) as address,
    ):
        connection.connect(address)
        for part in data:
            connection.sendall(part)
    return messages


def event(**values: Any) -> bytes:
    return json.dumps(values).encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        b"no json\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"kind": "progress", "kind": "failed"}\n',
        b'{"kind": "progress", "message": "\\ud800"}\n',
        b'{"kind": "ended", "seconds": NaN, "peak_mib": 1.0}\n',
        b'{"kind": "refused", "refusals": [{"kind": "no kind", "text": "x"}]}\n',
    ],
    ids=lambda data: ascii(data[:20]),
)
def test_what_is_no_report_is_left_out_and_the_next_one_is_read(
    lines: list[str], data: bytes
) -> None:
    messages = send(lines, data, event(kind="failed", message="no disk", exit_code=4))
    assert lines == ["the stage has sent something that is no report: it is left out", "no disk"]
    assert messages.exit_code == 4


@pytest.mark.parametrize("data", [b"3\n", b"null\n", b'"text"\n', b"[]\n", b"\n{}\n"])
def test_json_that_is_no_event_is_no_error(lines: list[str], data: bytes) -> None:
    assert send(lines, data, event(kind="failed", message="x", exit_code=2)).failure == "x"


def test_a_stage_that_floods_fills_no_log_and_how_it_ended_still_arrives(lines: list[str]) -> None:
    progress = event(kind="progress", level="info", message="x")
    end = event(kind="failed", message="no disk", exit_code=4)
    messages = send(lines, progress * (MOST_LINES + 5_000), end)
    assert len(lines) == MOST_LINES + 1
    assert "the rest is left out" in lines[-1]
    assert (messages.failure, messages.exit_code) == ("no disk", 4)


def test_a_line_without_an_end_is_not_kept_whole(lines: list[str]) -> None:
    send(lines, b"x" * (3 * MOST_LINE_BYTES), b"\n")
    assert 1 <= len(lines) <= 4
    assert all(len(line) < 200 for line in lines)


def test_what_a_stage_says_is_one_line_that_no_terminal_obeys(lines: list[str]) -> None:
    text = "\x1b[2J\nportcullis: REGISTERED\u202e" + "x" * 10_000
    messages = send(
        lines,
        event(kind="progress", level="info", message=text),
        event(kind="failed", message=text, exit_code=2),
    )
    assert [line.isprintable() for line in lines] == [True, True]
    assert messages.failure.isprintable()
    assert len(messages.failure) < 5_000


@pytest.mark.parametrize("pid", [-1, 0, 1, True, "3"])
def test_a_process_number_that_stands_for_many_is_not_kept(pid: object) -> None:
    messages = StageMessages()
    messages.record({"kind": "started", "pid": pid})
    assert messages.pid is None


def test_a_stage_that_names_another_process_is_known_by_its_own(lines: list[str]) -> None:
    other = os.getppid()
    assert send(lines, event(kind="started", pid=other)).pid == os.getpid()


@pytest.mark.parametrize("exit_code", [0, -1, 5, 256, True, 2.0])
def test_a_failure_has_the_exit_code_of_a_failure(exit_code: object) -> None:
    messages = StageMessages()
    messages.record({"kind": "failed", "message": "x", "exit_code": exit_code})
    assert messages.exit_code in (None, 1, 2)


def test_what_a_stage_took_is_told_with_the_rate_of_its_rows() -> None:
    event = {"kind": "ended", "seconds": 2.0, "peak_mib": 80.4, "cpu_seconds": 3.5, "rows": 1000}
    assert lines_for_people(event) == ("2.0 s, 3.5 s of CPU, 1,000 rows, 500 a second, 80 MiB",)
    messages = StageMessages()
    messages.record(event)
    assert (messages.cpu_seconds, messages.rows) == (3.5, 1000)


@pytest.mark.parametrize("rows", [0, -5, True, 2.5, "many", None, [1]])
def test_a_number_of_rows_that_is_none_is_not_measured(rows: object) -> None:
    event = {"kind": "ended", "seconds": 2.0, "peak_mib": 80.4, "cpu_seconds": "x", "rows": rows}
    assert lines_for_people(event) == ("2.0 s, 80 MiB",)
    messages = StageMessages()
    messages.record(event)
    assert (messages.cpu_seconds, messages.rows, messages.seconds) == (None, None, 2.0)
