"""Whatever format a file has, the same frame comes out; whatever is wrong with it is one line."""

import bz2
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fsspec
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tasks.config.cases import Columns
from tasks.errors import ServiceError
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.reading import ExpectedDelivery, file
from tasks.stages.ingest.reading.file import read_first_rows
from tests.tasks.stages.ingest.deliveries import (
    NAMES,
    ROWS,
    MakeFileSource,
    csv_of,
    read,
    records,
    refusal_of,
    write,
)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_every_format_gives_the_same_frame(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, form: str
) -> None:
    frame = read(file_source(write(tmp_path / "x", form), form), expected)
    assert list(frame) == NAMES[:-1]  # `branch` is dropped, and no rule reads it
    assert frame["name"].tolist() == ["Ann Null", "NA", "None"]
    assert frame["account"].tolist() == ["0012", "0013", "0014"]
    assert frame["income"].isna().tolist() == [False, True, False]
    assert frame["born"].isna().tolist() == [False, False, True]
    assert {str(kind) for kind in frame.dtypes} == {"str", "float64"}


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, ".gz"), (bz2.compress, ".bz2")])
def test_a_compressed_file_is_read_here_and_behind_a_url(
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    pack: Callable[[bytes], bytes],
    ending: str,
) -> None:
    (tmp_path / f"x.csv{ending}").write_bytes(pack(csv_of().encode()))
    fsspec.filesystem("memory").pipe(f"/bank/x.csv{ending}", pack(csv_of().encode()))
    local = read(file_source(tmp_path / f"x.csv{ending}", "csv"), expected)
    pd.testing.assert_frame_equal(
        read(file_source(f"memory://bank/x.csv{ending}", "csv"), expected),
        local,
    )


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_a_missing_file_is_one_line(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, form: str
) -> None:
    assert "none" in refusal_of(file_source(tmp_path / "x", form), expected)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_an_empty_file_is_one_line(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, form: str
) -> None:
    (tmp_path / "x").write_bytes(b"")
    refusal_of(file_source(tmp_path / "x", form), expected)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_a_file_that_was_cut_short_anywhere_is_one_line(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, form: str
) -> None:
    path = tmp_path / "x"
    whole = write(path, form).read_bytes()
    # 12 bytes from the end the last fields of the last row begin, which are there or not.
    for size in range(1, len(whole) - 12, 7 if form == "parquet" else 3):
        is_cut_between_rows = b"\n" in whole[size - 1 : size + 1]
        has_rows = form == "jsonl" or b"\n" in whole[:size]
        if form != "parquet" and is_cut_between_rows and has_rows:
            continue  # whole rows, of which only `min_rows` can tell that some are missing
        path.write_bytes(whole[:size])
        refusal_of(file_source(path, form), expected)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_row_that_is_too_long_is_told_as_such_and_fits_in_parquet(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, form: str
) -> None:
    rows = [(email, "long " * 500_000, *others) for email, _, *others in ROWS]
    said = refusal_of(file_source(write(tmp_path / "x", form, rows), form), expected)
    assert "a row of more than 1 MiB" in said
    assert "long" not in said

    whole = read(file_source(write(tmp_path / "y", "parquet", rows), "parquet"), expected)
    assert whole["name"].str.len().tolist() == [2_500_000] * len(ROWS)


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, ".gz"), (bz2.compress, ".bz2")])
def test_a_truncated_compressed_file_is_one_line(
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    pack: Callable[[bytes], bytes],
    ending: str,
) -> None:
    path = tmp_path / f"x.csv{ending}"
    path.write_bytes(pack(csv_of(ROWS * 100).encode())[:-20])
    refusal_of(file_source(path, "csv"), expected)
    fsspec.filesystem("memory").pipe(f"/bank/cut.csv{ending}", path.read_bytes())
    refusal_of(file_source(f"memory://bank/cut.csv{ending}", "csv"), expected)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_an_undeclared_column_stops_ingest(
    tmp_path: Path, file_source: MakeFileSource, expected: ExpectedDelivery, form: str
) -> None:
    path = write(tmp_path / "x", form)
    fewer = replace(
        expected,
        declared=expected.declared - {"income"},
        read=tuple(name for name in expected.read if name != "income"),
    )
    assert "1 undeclared column of" in refusal_of(file_source(path, form), fewer)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_an_absent_column_stops_ingest(
    tmp_path: Path, file_source: MakeFileSource, expected: ExpectedDelivery, form: str
) -> None:
    path = write(tmp_path / "x", form)
    more = replace(expected, declared=expected.declared | {"religion"})
    assert "absent: religion" in refusal_of(file_source(path, form), more)


def test_a_column_that_is_there_twice_is_refused(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    (tmp_path / "x").write_text(csv_of([(*row, 1) for row in ROWS], [*NAMES, "income"]))
    assert "twice: income" in refusal_of(file_source(tmp_path / "x", "csv"), expected)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(
    ("name", "value"), [("income", "Ann"), ("owns", 2), ("income", float("inf"))]
)
def test_a_value_of_another_kind_is_refused_without_being_quoted(
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    form: str,
    name: str,
    value: object,
) -> None:
    rows = [
        tuple(value if column == name else cell for column, cell in zip(NAMES, row, strict=True))
        for row in ROWS
    ]
    refusal_of(file_source(write(tmp_path / "x", form, rows), form), expected)


def test_a_file_in_another_encoding_is_one_line(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    (tmp_path / "x").write_bytes(csv_of([("ü@example.org", *ROWS[0][1:])]).encode("latin-1"))
    refusal_of(file_source(tmp_path / "x", "csv"), expected)


def test_an_object_that_is_not_there_is_a_missing_delivery(
    expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    assert "none" in refusal_of(file_source("memory://bank/nothing.csv", "csv"), expected)


def test_a_server_that_does_not_answer_is_named_without_the_signature(
    expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    source = file_source("http://127.0.0.1:9/x.csv?signature=hunter2", "csv")
    with pytest.raises(ServiceError, match="to answer"):
        read(source, expected)
    assert "hunter2" not in refusal_of(source, expected)


PERSON = ("Zyx Canary", "zyx@canary.example", "4711-canary")


@pytest.mark.parametrize("rows", [1, 3])
def test_a_file_without_its_header_line_is_refused_without_a_word_of_its_first_row(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, rows: int
) -> None:
    (tmp_path / "x").write_text(csv_of(ROWS[1:rows], ROWS[0]))
    text = refusal_of(file_source(tmp_path / "x", "csv"), expected)
    assert "8 columns, none of them declared" in text
    assert "Is the header line missing?" in text


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_names_that_only_the_file_knows_are_counted_and_never_quoted(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, form: str
) -> None:
    frame = pd.DataFrame(records()).assign(**dict.fromkeys(PERSON, 1))
    path = tmp_path / "x"
    if form == "csv":
        frame.to_csv(path, index=False)
    elif form == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    text = refusal_of(file_source(path, form), expected)
    assert "anary" not in text.casefold()
    assert "3 undeclared columns of 11" in text
    assert ("position 9, 10, 11" in text) == (form != "jsonl")


def test_names_that_only_the_file_knows_are_not_quoted_where_they_stand_twice(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    (tmp_path / "x").write_text(csv_of([(*row, 1, 1) for row in ROWS], [*NAMES, *PERSON[:1] * 2]))
    text = refusal_of(file_source(tmp_path / "x", "csv"), expected)
    assert "anary" not in text


def test_a_key_whose_values_change_their_type_is_not_quoted(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    (tmp_path / "x").write_text('{"Canary": 1}\n{"Canary": "Zyx"}\n')
    text = refusal_of(file_source(tmp_path / "x", "jsonl"), expected)
    assert "anary" not in text
    assert "1 column, none of them declared" in text


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(
    "content",
    [
        b"Zyx Canary",
        b"Zyx Canary,\xff\n",
        b'"Zyx Canary',
        b'{"Zyx Canary": [1, {"Canary": ',
        b"PAR1Zyx CanaryPAR1",
        b"email\nZyx Canary,Canary\n",
        b"Zyx Canary\x00\n",
    ],
)
def test_a_damaged_file_is_refused_without_a_word_of_it(
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    form: str,
    content: bytes,
) -> None:
    (tmp_path / "x").write_bytes(content)
    assert "anary" not in refusal_of(file_source(tmp_path / "x", form), expected)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize("most_rows", [None, 2])
def test_a_column_has_the_name_that_the_use_case_gives_it(
    tmp_path: Path,
    columns: Columns,
    file_source: MakeFileSource,
    form: str,
    most_rows: int | None,
) -> None:
    source = file_source(
        write(tmp_path / "x", form),
        form,
        rename={"account": "Konto Nr", "income": "Einkommen", "born": "geboren"},
    )
    renamed = {source.rename.get(name, name): column for name, column in columns.root.items()}
    expected = ExpectedDelivery.of(
        "bank", Columns.model_validate(renamed), IngestParams(base="bank", third_persons="masked")
    )
    frame = (
        read(source, expected)
        if most_rows is None
        else read_first_rows(source, expected, most_rows)
    )
    assert set(frame) >= {"Konto Nr", "Einkommen", "geboren", "email"}
    assert not set(frame) & set(source.rename)
    assert frame["Konto Nr"].tolist() == ["0012", "0013", "0014"][:most_rows]


def test_a_renamed_column_that_is_absent_is_told_by_the_file_s_name(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    source = file_source(write(tmp_path / "x", "csv"), "csv", rename={"Konto": "account"})
    # `account` itself is then one column too many: the file has it, and nothing declares it.
    assert "1 undeclared column" in refusal_of(source, expected)
    rows = [(row[0], row[1], *row[3:]) for row in ROWS]
    names = [name for name in NAMES if name != "account"]
    (tmp_path / "x").write_text(csv_of(rows, names))
    assert "absent: Konto" in refusal_of(source, expected)


MANY = [
    (f"p{number}@example.org", "Ann Null", f"{number:04}", "1970-01-31", number / 2, 1, 0, "n")
    for number in range(50)
]


@pytest.fixture
def in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "BLOCK_BYTES", 256)
    monkeypatch.setattr(file, "PARQUET_ROWS", 3)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_read_in_blocks_is_the_whole_file(
    form: str,
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = file_source(write(tmp_path / "x", form, MANY), form)
    whole = read(source, expected)
    monkeypatch.setattr(file, "BLOCK_BYTES", 256)
    monkeypatch.setattr(file, "PARQUET_ROWS", 3)
    assert len(list(file.blocks_of_file(source, expected))) > 10
    pd.testing.assert_frame_equal(read(source, expected), whole)
    assert whole["income"].tolist() == [row[4] for row in MANY]


def test_numbers_with_a_sign_between_thousands_are_read_in_blocks(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, in_small_blocks: None
) -> None:
    rows = [(*row[:4], "1,234.5", *row[5:]) for row in MANY]
    path = write(tmp_path / "x", "csv", rows)
    source = file_source(path, "csv", dialect={"thousands": ","})
    assert read(source, expected)["income"].tolist() == [1234.5] * len(rows)
    path.write_text(path.read_text().replace("0030", "0030,x"))
    assert "fields under a header" in refusal_of(source, expected)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0040,1970-01-31,20.0", "0040,1970-01-31,none", "text in income (1 row: 41)"),
        ("0040,1970-01-31", "0040,31.01.70", "born (1 row: 41)"),
        ("0040,1970-01-31", "0040", "a row with 7 fields under a header of 8"),
        (
            "0049,1970-01-31,24.5,1,0,n\n",
            "0049,1970-01-31,24.5,1,0,n",
            "a last line without an end",
        ),
    ],
)
def test_a_fault_in_a_late_block_is_told_as_of_the_whole_file(
    old: str,
    new: str,
    told: str,
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    in_small_blocks: None,
) -> None:
    path = write(tmp_path / "x", "csv", MANY)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert told in refusal_of(file_source(path, "csv"), expected)


def test_moments_are_days_or_times_by_all_of_their_column(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, in_small_blocks: None
) -> None:
    frame = pd.DataFrame(records(MANY))
    frame["born"] = pd.to_datetime(frame["born"]) + pd.to_timedelta((frame.index == 40) * 3600, "s")
    path = tmp_path / "x"
    frame.to_parquet(path)
    born = read(file_source(path, "parquet"), expected)["born"]
    assert born.iloc[0] == "1970-01-31T00:00:00.000000"
    assert born.iloc[40] == "1970-01-31T01:00:00.000000"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_bytes_of_another_encoding_far_below_are_told_as_such(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, encoding: str
) -> None:
    # No sign of cp1252 is 0x81, and none of UTF-8 begins with it.
    last = csv_of([("z@example.org", "Z@", *ROWS[0][2:])]).splitlines()[1]
    content = csv_of(MANY * 100).encode() + last.encode().replace(b"Z@", b"Z\x81") + b"\n"
    (tmp_path / "x").write_bytes(content)
    source = file_source(tmp_path / "x", "csv", dialect={"encoding": encoding})
    refusal = refusal_of(source, expected)
    assert "bytes that are none of its encoding" in refusal
    assert "dialect: {encoding: cp1252}" in refusal
    assert "cut short" not in refusal


@pytest.mark.parametrize("flag", [1, True])  # by Arrow, and line by line
def test_lines_of_json_of_another_encoding_are_told_as_such(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, flag: object
) -> None:
    rows = [{**record, "owns": flag} for record in records()]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "x").write_bytes(text.replace("Null", "N\u00fcll").encode("cp1252"))
    refusal = refusal_of(file_source(tmp_path / "x", "jsonl"), expected)
    assert "bytes that are none of its encoding. Have it delivered in UTF-8." in refusal


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ('{"email": "a@example.org", "email": "b@example.org"}', "a key twice in one object"),
        ('{"email": NaN}', "NaN or an infinity, for which JSON has no number"),
        ('{"email": "a@exam', "no JSON"),
    ],
)
def test_a_line_that_is_no_plain_json_is_told_by_its_number(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, fault: str, told: str
) -> None:
    # Of a column of two types, so that the lines are read one by one.
    rows = [{**record, "owns": True} for record in records()]
    lines = [*map(json.dumps, rows), fault]
    (tmp_path / "x").write_text("".join(f"{line}\n" for line in lines))
    refusal = refusal_of(file_source(tmp_path / "x", "jsonl"), expected)
    assert f"found {told} in line {len(lines)}. " in refusal
    assert "@" not in refusal
    assert ("cut short" in refusal) is (told == "no JSON")


@pytest.mark.parametrize("is_dictionary", [False, True])
def test_a_parquet_file_whose_texts_are_of_another_encoding_is_told_as_such(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, is_dictionary: bool
) -> None:
    table = pa.Table.from_pandas(pd.DataFrame(records()))
    bytes_of_cp1252 = pa.array([b"Ann N\xfcll", b"Bo", b"Cy"])
    names = pa.Array.from_buffers(pa.string(), 3, bytes_of_cp1252.buffers())
    names = names.dictionary_encode() if is_dictionary else names
    parquet.write_table(table.set_column(1, "name", names), tmp_path / "x")
    refusal = refusal_of(file_source(tmp_path / "x", "parquet"), expected)
    assert "bytes that are none of its encoding. Have it delivered in UTF-8." in refusal


def test_an_array_of_json_is_told_as_such(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    (tmp_path / "x").write_text(json.dumps(records()) + "\n")
    refusal = refusal_of(file_source(tmp_path / "x", "jsonl"), expected)
    assert "found a line that is no object. Have it delivered with one object a line" in refusal
