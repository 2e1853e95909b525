"""Every column to the type of its kind, from every format; what is wrong is told by rows."""

import json
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.errors import SourceError
from tasks.stages.ingest.reading import ExpectedDelivery
from tasks.stages.ingest.reading.kinds import numbers_of_text, to_dates, to_numbers, to_text
from tests.tasks.stages.ingest.deliveries import NAMES, MakeFileSource, read, records, refusal_of


def texts(*cells: object) -> "pd.Series[Any]":
    return pd.Series(list(cells), dtype="str")


def listed(values: "pd.Series[Any]") -> list[Any]:
    return [None if pd.isna(value) else value for value in values]


@pytest.mark.parametrize(
    ("cells", "form", "dates"),
    [
        (["1953-07-09", None], "", ["1953-07-09", None]),
        (["2026-01-01T09:30:00+02:00"], "", ["2026-01-01T09:30:00+02:00"]),
        (["09/07/1953"], "%d/%m/%Y", ["1953-07-09"]),
        (["07.09.1953"], "%m.%d.%Y", ["1953-07-09"]),
        (["July 9, 1953"], "%B %d, %Y", ["1953-07-09"]),
        (["9999-12-31"], "", ["9999-12-31"]),
        (
            ["9999-12-31", "2026-01-01T09:30:00.123456789Z"],
            "",
            ["9999-12-31", "2026-01-01T09:30:00.123456789Z"],
        ),
        (["01.02.2026 07:08"], "%d.%m.%Y %H:%M", ["2026-02-01T07:08:00.000000"]),
    ],
)
def test_dates_have_a_format(cells: list[Any], form: str, dates: list[Any]) -> None:
    values, fault = to_dates("born", texts(*cells), form)
    assert fault is None
    assert listed(values) == dates


@pytest.mark.parametrize(
    ("cells", "form", "remedy"),
    [
        (["09/07/1953"], "", "format"),
        (["September 7, 1953"], "", "format"),
        (["44927"], "", "format"),
        (["19530907"], "", "format"),
        (["2026-02-30"], "", "have the delivery mended"),
        (["31/12/1953"], "%m/%d/%Y", "format"),
    ],
)
def test_a_date_that_cannot_be_read_is_never_missing(
    cells: list[Any], form: str, remedy: str
) -> None:
    _, fault = to_dates("born", texts(None, *cells), form)
    assert fault is not None
    assert fault.rows == (2,)
    assert remedy in fault.remedy
    assert not any(cell in f"{fault.where} {fault.what} {fault.remedy}" for cell in cells)


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands", "numbers"),
    [
        (["1.234,5", "-7", "", "NA"], ",", ".", [1234.5, -7.0, None, None]),
        (["1,234.5", "12"], ".", ",", [1234.5, 12.0]),
        (["1\u00a0234,5"], ",", "\u00a0", [1234.5]),
        (["1e3", " 2 ", ".5"], ".", "", [1000.0, 2.0, 0.5]),
    ],
)
def test_numbers_are_read_with_their_signs(
    cells: list[str], decimal: str, thousands: str, numbers: list[Any]
) -> None:
    values, fault = numbers_of_text(
        "x", texts(*cells), decimal=decimal, thousands=thousands, no_number=["", "NA"]
    )
    assert fault is None
    assert listed(values) == numbers


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (["1,5", "2,25", "3"], "a decimal comma"),
        (["1,234", "2,345"], "a decimal comma"),
        (["1,234,567", "1,234.5"], "between thousands"),
        (["ja", "nein", "Ja"], "words for yes and no"),
        (["5 %", "€ 7"], "a sign such as $"),
        (["07.09.1953"], "dates"),
        (["Ann"], "text"),
    ],
)
def test_what_stands_where_a_number_is_due_is_told_by_its_form(cells: list[str], what: str) -> None:
    _, fault = numbers_of_text("x", texts(*cells), decimal=".", thousands="", no_number=[])
    assert fault is not None
    assert what in fault.what
    assert "Ann" not in f"{fault.what}{fault.where}{fault.remedy}"


def test_a_nul_is_no_text_and_a_decimal_number_no_id() -> None:
    _, fault = to_text("id", texts("a", "b\0c"))
    assert fault is not None
    assert fault.rows == (2,)
    _, fault = to_text("id", pd.Series([42.0]))
    assert fault is not None
    assert "lost its form" in fault.remedy


def test_a_flag_takes_true_and_false() -> None:
    values, fault = to_numbers("x", pd.Series([True, None, False], dtype=object), is_flag=True)
    assert fault is None
    assert listed(values) == [1.0, None, 0.0]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_whole_numbers_with_a_gap_are_keys_and_truth_values_flags(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, form: str
) -> None:
    rows = records()
    accounts = [12345678901234567, None, 42]
    for record, account in zip(rows, accounts, strict=True):
        owns = None if record["owns"] is None else bool(record["owns"])
        record.update(account=account, owns=owns, branch=None)
    path = tmp_path / "x"
    if form == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in rows))
    else:
        frame = pd.DataFrame(rows)
        frame["account"] = pd.array(accounts, dtype="Int64")
        frame["owns"] = pd.array([record["owns"] for record in rows], dtype="boolean")
        frame.to_parquet(path)
    frame = read(file_source(path, form), expected)
    assert listed(frame["account"]) == ["12345678901234567", None, "42"]
    assert listed(frame["owns"])[:1] == [1.0]


def test_json_lines_with_a_column_null_in_every_row_are_read_and_an_absent_one_is_not(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    path = tmp_path / "x"
    rows = [{**record, "born": None} for record in records()]
    path.write_text("".join(json.dumps(record) + "\n" for record in rows))
    assert read(file_source(path, "jsonl"), expected)["born"].isna().all()
    for row in rows:
        del row["born"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "absent: born" in refusal_of(file_source(path, "jsonl"), expected)


CSV = "email;name;account;born;income;owns;approve;branch\n"


def test_a_foreign_csv_is_read_by_its_dialect(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    text = f"{CSV}jo@x.org;'Jörg; Müller\nSohn';0012;1970-01-31;1.234,5;1;0;x\n"
    (tmp_path / "x").write_bytes(text.encode("cp1252"))
    dialect = {
        "encoding": "cp1252",
        "delimiter": ";",
        "quote": "'",
        "decimal": ",",
        "thousands": ".",
    }
    row = read(file_source(tmp_path / "x", "csv", dialect=dialect), expected).iloc[0]
    assert (row["name"], row["account"], row["income"]) == ("Jörg; Müller\nSohn", "0012", 1234.5)

    (tmp_path / "x").write_bytes(text.encode("utf-16"))
    wide = read(
        file_source(tmp_path / "x", "csv", dialect={**dialect, "encoding": "utf-16"}), expected
    )
    assert wide.iloc[0]["name"] == "Jörg; Müller\nSohn"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CSV.encode(), "columns parted by `;`"),
        (f"sep=;\n{CSV}".encode(), "`sep=`, which Excel alone understands"),
        (f"sep=,\n{','.join(NAMES)}\n".encode(), "`sep=`, which Excel alone understands"),
        (",".join(NAMES).encode() + "\nä".encode("cp1252"), "dialect: {encoding: cp1252}"),
        (",".join(NAMES).encode("utf-16"), "encoding: utf-16"),
        (f"{','.join(NAMES)}\n".replace("name", " name").encode(), "blanks around"),
        (
            f'{",".join(NAMES)}\na,b,1,1970-01-31,"1,5",1,1,x\n'.encode(),
            "decimal comma in income (1 row: 1)",
        ),
        (
            f"{','.join(NAMES)}\na,b,1,31/01/1970,x,ja,1,x\n".encode(),
            "words for yes and no in owns",
        ),
        (f"{','.join(NAMES)}\na,b,1,31/01/1970,x,ja,1,x\n".encode(), "no dates of ISO 8601"),
        # Its `format` is the declared one, so that another would not help.
        (
            f"{','.join(NAMES)}\na,b,1,1970-02-30,1,1,1,x\n".encode(),
            "days or times that there are not in born (1 row: 1)",
        ),
    ],
)
def test_each_fault_of_a_csv_file_has_its_own_line(
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    content: bytes,
    words: str,
) -> None:
    (tmp_path / "x").write_bytes(content)
    assert words in refusal_of(file_source(tmp_path / "x", "csv"), expected)


def test_a_byte_order_mark_is_no_part_of_the_first_name(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    row = "a@x.org,Ann,1,1970-01-31,1,1,1,x\n"
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbf" + f"{','.join(NAMES)}\n{row}".encode())
    assert read(file_source(tmp_path / "x", "csv"), expected)["email"].tolist() == ["a@x.org"]


def test_a_dialect_is_of_csv_alone(tmp_path: Path, file_source: MakeFileSource) -> None:
    with pytest.raises(ValueError, match="only with it"):
        file_source(tmp_path / "x", "parquet", dialect={"delimiter": ";"})
    with pytest.raises(ValueError, match="no encoding"):
        file_source(tmp_path / "x", "csv", dialect={"encoding": "utf-9"})
    assert SourceError.exit_code == 2


NESTED = [{"zip": "01067"}, ["01067"], [1, 2]]


@pytest.mark.parametrize("name", ["name", "income"])
@pytest.mark.parametrize("value", NESTED)
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_is_nested_is_told_as_such(
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    name: str,
    value: object,
    form: str,
) -> None:
    rows = [{**record, name: value} for record in records()]
    if form == "jsonl":
        (tmp_path / "x").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pd.DataFrame(rows).to_parquet(tmp_path / "x")
    refusal = refusal_of(file_source(tmp_path / "x", form), expected)
    assert f"objects or lists in {name} (3 rows: 1, 2, 3)" in refusal
    assert "columns of its own" in refusal


@pytest.mark.parametrize("name", ["name", "income"])
@pytest.mark.parametrize(
    ("value", "what"),
    [
        (timedelta(days=5), "durations"),
        (time(9, 30), "times of day"),
        (b"Ann", "bytes"),
    ],
)
def test_what_is_neither_text_nor_number_is_refused_and_missing_is_none_of_it(
    tmp_path: Path,
    expected: ExpectedDelivery,
    file_source: MakeFileSource,
    name: str,
    value: object,
    what: str,
) -> None:
    rows = [{**record, name: value if row else None} for row, record in enumerate(records())]
    pd.DataFrame(rows).to_parquet(tmp_path / "x")
    refusal = refusal_of(file_source(tmp_path / "x", "parquet"), expected)
    assert f"{what} in {name} (2 rows: 2, 3)" in refusal


@pytest.mark.parametrize("name", ["name", "income"])
def test_durations_that_are_all_missing_are_missing(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, name: str
) -> None:
    rows = pd.DataFrame(records()).assign(
        **{name: pd.Series([pd.NaT] * 3, dtype="timedelta64[us]")}
    )
    rows.to_parquet(tmp_path / "x")
    assert read(file_source(tmp_path / "x", "parquet"), expected)[name].isna().all()


@pytest.mark.parametrize(
    ("cell", "what"),
    [("inf", "no finite numbers"), ("-Infinity", "no finite numbers"), ("\uff19\u0663", "text")],
)
def test_what_is_no_number_to_a_computer_is_refused_by_its_row(cell: str, what: str) -> None:
    _, fault = numbers_of_text("x", texts("1", cell), decimal=".", thousands="", no_number=[""])
    assert fault is not None
    assert (fault.rows, fault.what) == ((2,), what)
