"""Files that follow from the use cases: what is stale is written, and nothing else."""

from pathlib import Path

import yaml

from flows.use_cases.derived_files import index_text, stale_files, write_files

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
