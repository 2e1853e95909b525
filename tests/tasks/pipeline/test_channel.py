"""What a stage's process tells its runner: refusals keep their kinds, and people read the texts."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Refusal, RefusalKind
from tasks.pipeline.channel import CHANNEL_VARIABLE, Channel, lines_for_people, short_address
from tasks.pipeline.listener import StageMessages, end_all_stages, listen_to_stage

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
