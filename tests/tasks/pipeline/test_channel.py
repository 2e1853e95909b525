"""What a stage's process tells its runner: refusals keep their kinds, and people read the texts."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Refusal, RefusalKind
from tasks.pipeline.channel import VARIABLE, Channel, short_address, spoken
from tasks.pipeline.listener import Heard, end_all, listening

REFUSALS = (
    Refusal(RefusalKind.APPROVAL_MISSING, "approval: nobody has approved this model"),
    Refusal("board.absent", "board: it has not met"),
)


@pytest.fixture
def heard_lines() -> list[str]:
    return []


def talk(lines: list[str], speak: Any) -> Heard:
    """Let `speak` use a stage's end of the channel while a runner listens; return what it heard."""
    with (
        listening(lines.append) as heard,
        Channel.to_parent("toy", heard.environment[VARIABLE]) as channel,
    ):
        speak(channel)
    return heard


def test_refusals_arrive_with_their_kinds(heard_lines: list[str]) -> None:
    heard = talk(heard_lines, lambda channel: channel.refused(REFUSALS))
    assert heard.refusals == REFUSALS


def test_people_read_the_texts_of_refusals_and_no_kinds(heard_lines: list[str]) -> None:
    talk(heard_lines, lambda channel: channel.refused(REFUSALS))
    assert heard_lines[:3] == ["BLOCKED", *(refusal.text for refusal in REFUSALS)]


def test_a_failure_arrives_with_its_exit_code(heard_lines: list[str]) -> None:
    heard = talk(heard_lines, lambda channel: channel.failed("no disk", 4))
    assert (heard.failure, heard.exit_code, heard.refusals) == ("no disk", 4, ())
    assert "no disk" in heard_lines


def test_what_the_stage_logs_and_what_it_cost_arrive(heard_lines: list[str]) -> None:
    heard = talk(heard_lines, lambda _: logging.getLogger("portcullis.toy").info("half"))
    assert heard_lines[0] == "half"
    assert heard.seconds is not None
    assert heard.peak_mib is not None
    assert heard.peak_mib > 1
    assert heard.pid is None  # it has ended: nothing is left to be killed


def test_on_a_plain_dvc_repro_the_same_words_go_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Channel.to_parent("toy", "") as channel:
        channel.refused(REFUSALS)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["toy: BLOCKED", f"toy: {REFUSALS[0].text}"]


def test_a_runner_that_went_away_leaves_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        listening(lambda _: None) as heard,
        Channel.to_parent("toy", heard.environment[VARIABLE]) as channel,
    ):
        connection = channel._connection
        assert connection is not None
        connection.close()
        channel.said("still at work")
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
    assert spoken(event) == ()


def test_a_refusal_of_an_older_form_is_not_taken_for_one_of_this() -> None:
    heard = Heard()
    heard.take({"kind": "refused", "lines": ["approval: nobody"]})
    assert heard.refusals == ()


def test_ending_what_has_ended_already_is_no_error() -> None:
    heard = Heard()
    heard.end()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    heard.take({"kind": "started", "pid": child})
    heard.end()
    end_all()
