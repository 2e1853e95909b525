"""What a stage leaves is handed over as plain files of the worker's, or named."""

import json
import os
from pathlib import Path

import pytest

from tasks.service.launcher import MOST_ERROR_BYTES, ErrorPassage, Request, hand_over
from tasks.service.service_config import Account

WORKER = Account("worker", os.getuid(), os.getgid())


def handed_over(folder: Path) -> list[str]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return hand_over(descriptor, WORKER)
    finally:
        os.close(descriptor)


def test_files_and_folders_are_handed_over_for_the_owner_alone_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir(mode=0o777)
    (tmp_path / "page" / "index.html").write_text("x")
    (tmp_path / "page" / "index.html").chmod(0o6777)
    assert handed_over(tmp_path) == []
    assert (tmp_path / "page").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "page" / "index.html").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("is_deep", [False, True], ids=["beside", "deep in a folder"])
def test_a_link_is_named(tmp_path: Path, is_deep: bool) -> None:
    name = "page/link" if is_deep else "link"
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).symlink_to("/etc/passwd")
    assert handed_over(tmp_path) == [name]


def test_a_file_with_a_second_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    os.link(tmp_path / "a", tmp_path / "b")
    assert handed_over(tmp_path) == ["a", "b"]


def test_a_file_that_somebody_can_still_write_to_is_named(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w"):
        assert handed_over(tmp_path) == ["a"]


def test_folders_in_folders_are_removed_and_named(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    (named,) = handed_over(tmp_path)
    assert set(named.split("/")) == {"d"}
    assert len(list(tmp_path.rglob("*"))) < 40


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


REQUEST = {"stage": "ingest", "case": "loan", "snapshot": "a" * 64, "network": True}


def test_a_request_names_a_stage_a_use_case_and_a_snapshot() -> None:
    request = Request.read(json.dumps(REQUEST).encode())
    assert request == Request("ingest", "loan", "a" * 64, network=True)


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "other"},
        {"case": "../x"},
        {"snapshot": "../trees"},
        {"network": 1},
        {"environment": {}},
    ],
)
def test_any_other_request_is_none(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no request"):
        Request.read(json.dumps(REQUEST | change).encode())
