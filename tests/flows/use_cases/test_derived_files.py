"""Files that follow from the use cases: what is stale is written, and nothing else."""

import os
from pathlib import Path

import pytest
import yaml

from flows.use_cases.derived_files import index_text, prefect_files, stale_files, write_files
from tasks.errors import ConfigError

A = Path("a.yaml")
B = Path("b.yaml")


def test_a_file_is_stale_if_it_is_absent_or_has_another_text(tmp_path: Path) -> None:
    (tmp_path / A).write_text("old\n")
    files = {A: "new\n", B: "new\n"}
    assert stale_files(files, tmp_path) == files


def test_a_file_with_its_text_is_not_stale(tmp_path: Path) -> None:
    (tmp_path / A).write_text("same\n")
    assert stale_files({A: "same\n"}, tmp_path) == {}


def test_nothing_is_stale_once_it_is_written(tmp_path: Path) -> None:
    files = {A: "ä\n", B: ""}
    write_files(files, tmp_path)
    assert stale_files(files, tmp_path) == {}


def test_the_index_lists_the_use_cases_in_their_order() -> None:
    assert yaml.safe_load(index_text({"b": {}, "a": {}})) == {"use_cases": ["b", "a"]}


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_file_in_a_file_s_place_stops_it_before_anything_is_written(
    tmp_path: Path, kind: str
) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    place = tmp_path / "dvc.yaml"
    if kind == "link":
        place.symlink_to(other)
    elif kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)

    with pytest.raises(ConfigError, match=r"^dvc\.yaml: "):
        write_files({Path("index.yaml"): "x", Path("dvc.yaml"): "y"}, tmp_path)
    assert not (tmp_path / "index.yaml").exists()
    assert other.read_text() == "mine"


def test_what_is_interrupted_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / A).write_text("what people wrote\n")
    with pytest.raises(UnicodeEncodeError):
        write_files({A: "x" * 100_000 + "\ud800"}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [A.name]
    assert (tmp_path / A).read_text() == "what people wrote\n"


def test_a_pipe_in_the_place_of_prefect_s_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "prefect.yaml")
    with pytest.raises(ConfigError, match=r"^prefect\.yaml: .*no regular file"):
        prefect_files({}, tmp_path)
