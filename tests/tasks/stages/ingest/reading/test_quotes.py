"""A quote that does not end where a field does takes no rows with it: the file is refused."""

from pathlib import Path
from typing import Any

import pytest

from tasks.config.cases import Columns
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.reading import ExpectedDelivery
from tasks.stages.ingest.reading.file import BLOCK_BYTES
from tests.tasks.stages.ingest.deliveries import MakeFileSource, read, refusal_of

ROW = "1,5,a\n"
COLUMNS: dict[str, Any] = {
    "id": {"role": "subject", "source": "bank", "kind": "account"},
    "score": {"role": "feature", "source": "bank"},
    "note": {"role": "free_text", "source": "bank", "kind": "text"},
}


@pytest.fixture
def noted() -> ExpectedDelivery:
    """A source whose last column is text, as the remarks of most files are."""
    params = IngestParams(base="bank", third_persons="masked")
    return ExpectedDelivery.of("bank", Columns.model_validate(COLUMNS), params)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["1,5,a", '2,6,"Ann said', "3,7,c", "4,8,d"], 3),  # two rows taken in
        (["1,5,a", '2,6,"Ann said', '3,7,"c"', "4,8,d"], 3),  # and ended by another's quote
        (["1,5,a", '2,6,"Ann" said', "3,7,c"], 3),
        (['1,5,"two', 'lines"', '2,6,"Ann said "no" twice"'], 4),
    ],
)
def test_rows_that_a_quote_takes_in_are_refused(
    tmp_path: Path,
    noted: ExpectedDelivery,
    file_source: MakeFileSource,
    lines: list[str],
    line: int,
    end: str,
) -> None:
    (tmp_path / "x").write_bytes(end.join(["id,score,note", *lines, ""]).encode())
    refusal = refusal_of(file_source(tmp_path / "x", "csv"), noted)
    assert f"in the row that begins in line {line:d}. " in refusal


@pytest.mark.parametrize("column", ["id", "score", "note"])
@pytest.mark.parametrize("rows_behind", [0, 1, 2 * BLOCK_BYTES // len(ROW)])
def test_a_quote_is_told_by_its_line_in_whatever_column_it_stands_and_however_much_it_takes_in(
    tmp_path: Path,
    noted: ExpectedDelivery,
    file_source: MakeFileSource,
    column: str,
    rows_behind: int,
) -> None:
    row = {"id": '"2,6,b\n', "score": '2,"6,b\n', "note": '2,6,"b\n'}[column]
    (tmp_path / "x").write_text("id,score,note\n" + ROW * 20 + row + ROW * rows_behind)
    assert "in line 22." in refusal_of(file_source(tmp_path / "x", "csv"), noted)


def test_the_line_of_a_quote_in_a_later_block_is_told(
    tmp_path: Path, noted: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    rows = BLOCK_BYTES // len(ROW) + 1000
    (tmp_path / "x").write_text("id,score,note\n" + ROW * rows + '2,6,"b\n' + ROW)
    assert f"in line {rows + 2:,}." in refusal_of(file_source(tmp_path / "x", "csv"), noted)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_quotes_that_are_as_declared_are_read(
    tmp_path: Path, noted: ExpectedDelivery, file_source: MakeFileSource, encoding: str
) -> None:
    text = (
        '"id";"score";"note"\r\n'
        '"0001";"5,5";"a; ""b"" \r\nc\u00e9"\r\n'
        '0002;6;5" pipe\r\n'
        '0003;7;"it\'s"\r\n'
        f'0004;8;"{"x" * 200_000}"\r\n'
    )
    (tmp_path / "x").write_bytes(text.encode(encoding))
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    dialect = {"encoding": declared, "delimiter": ";", "decimal": ","}
    frame = read(file_source(tmp_path / "x", "csv", dialect=dialect), noted)
    assert frame["id"].tolist() == ["0001", "0002", "0003", "0004"]
    assert frame["score"].tolist() == [5.5, 6, 7, 8]
    assert frame["note"].tolist()[:3] == ['a; "b" \r\nc\u00e9', '5" pipe', "it's"]


def test_a_file_that_is_quoted_by_another_sign_says_so(
    tmp_path: Path, noted: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    (tmp_path / "x").write_text("id,score,note\n1,5,'a, b'\n2,6,\"Ann\n3,7,c\n")
    source = file_source(tmp_path / "x", "csv", dialect={"quote": "'"})
    assert read(source, noted)["note"].tolist() == ["a, b", '"Ann', "c"]
