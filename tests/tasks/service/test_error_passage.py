"""What a stage writes to its standard error gets into the log in lines that nobody obeys."""

import os
from pathlib import Path

from tasks.service.error_passage import MOST_ERROR_BYTES, ErrorPassage


def passed_on(tmp_path: Path, written: bytes) -> str:
    source, stage_end = os.pipe()
    target = tmp_path / "log"
    with target.open("wb") as log:
        passage = ErrorPassage(source, log.fileno(), "decide@loan")
        for start in range(0, len(written), 4096):
            os.write(stage_end, written[start : start + 4096])
            passage.pass_on()
        os.close(stage_end)
        passage.finish()
    return target.read_text()


def test_standard_error_is_passed_on_without_control_characters(tmp_path: Path) -> None:
    assert passed_on(tmp_path, b"one\n\x1b[2Jtwo") == "decide@loan: one\ndecide@loan: \\x1b[2Jtwo\n"


def test_a_flood_of_standard_error_is_cut(tmp_path: Path) -> None:
    text = passed_on(tmp_path, b"x" * 100 + b"\n" + b"flood\n" * 100_000)
    assert len(text) < 5 * MOST_ERROR_BYTES
