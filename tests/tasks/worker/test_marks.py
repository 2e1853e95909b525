"""That writes are noticed which leave size and time of modification as they were."""

import mmap
import time
from pathlib import Path

import pytest

from tasks.errors import EvidenceError
from tasks.worker.marks import Marks, mark_tree, mark_until_settled, require_no_writer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows"
    path.write_bytes(b"A" * 8192)
    return path


def test_a_file_that_a_program_has_open_for_writing_is_refused(file: Path) -> None:
    with file.open("r+b"), pytest.raises(EvidenceError, match="no program is writing to"):
        require_no_writer(file, "rows")


def test_memory_that_is_mapped_for_writing_is_refused(file: Path) -> None:
    """A second write to a page that is dirty already moves no time at all."""
    with file.open("r+b") as stream:
        mapped = mmap.mmap(stream.fileno(), 0)
    mapped[0] = 66
    before = mark_tree(file, "rows")
    mapped[1] = 66
    assert mark_tree(file, "rows") == before
    with pytest.raises(EvidenceError, match="no program is writing to"):
        require_no_writer(file, "rows")
    mapped.close()
    require_no_writer(file, "rows")


def test_a_file_in_a_folder_that_is_open_for_writing_is_refused(file: Path) -> None:
    with file.open("ab"), pytest.raises(EvidenceError, match="found one that does"):
        require_no_writer(file.parent, "model")


def test_readers_are_no_writers_and_what_is_absent_is_not_written_to(file: Path) -> None:
    with file.open("rb"):
        require_no_writer(file, "rows")
    require_no_writer(file.with_name("absent"), "absent")


def marks_at(nanoseconds: int) -> Marks:
    return (("rows", (1, 2, 3, nanoseconds, nanoseconds)),)


def test_marks_of_this_very_tick_are_looked_at_again() -> None:
    looks = [marks_at(time.time_ns()), marks_at(0), marks_at(0)]
    assert mark_until_settled(lambda: looks.pop(0)) == marks_at(0)
    assert len(looks) == 1


def test_somebody_who_goes_on_writing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.worker.marks.MOST_LOOKS", 3)
    with pytest.raises(EvidenceError, match="rows: expected a file that no program"):
        mark_until_settled(lambda: marks_at(time.time_ns()))


def test_what_is_absent_has_an_empty_mark(tmp_path: Path) -> None:
    assert mark_tree(tmp_path / "absent", "absent") == (("absent", ()),)
    assert mark_until_settled(lambda: (("absent", ()),)) == (("absent", ()),)
