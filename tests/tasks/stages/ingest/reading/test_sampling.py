"""The first rows of a source: every fault at once, with rows and without values."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.config.collecting import FaultList
from tasks.config.sources import Source, SqlSource
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.reading import ExpectedDelivery
from tasks.stages.ingest.reading.sampling import source_faults
from tests.installations import settings_now
from tests.tasks.stages.ingest.conftest import OF
from tests.tasks.stages.ingest.deliveries import (
    NAMES,
    ROWS,
    SECRETS,
    MakeFileSource,
    csv_of,
    records,
    write,
)

PARAMS = IngestParams.model_validate({"base": "x", "third_persons": "masked"})
JOINED = IngestParams.model_validate(
    {
        "base": "x",
        "third_persons": "masked",
        "joins": [{"source": "bank", "by": "email"}],
        "derive": {"side": {"rule": "recode", "column": "name", "labels": {"NA": "a"}}},
    }
)


def faults_of(
    source: Source, expected: ExpectedDelivery, params: IngestParams = PARAMS
) -> tuple[int, list[str]]:
    faults = FaultList()
    rows = source_faults(source, expected, params, settings_now(), faults)
    texts = [str(fault) for fault in faults.all()]
    assert not any(secret in text for text in texts for secret in SECRETS)
    return rows, texts


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_a_good_source_has_no_fault_in_any_format(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource, form: str
) -> None:
    source = file_source(write(tmp_path / "x", form), form)
    assert faults_of(source, expected) == (len(ROWS), [])


def test_every_fault_of_the_first_rows_is_told(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    rows: list[tuple[Any, ...]] = [
        ("a@x.org", "NA", "1", "31.01.1970", "1,5", 1, "ja", "x"),
        ("a@x.org", "Bo", "2", "1970-01-31", "2,5", 1, "nein", "x"),
    ]
    (tmp_path / "x").write_text(csv_of(rows))
    count, texts = faults_of(file_source(tmp_path / "x", "csv"), expected, JOINED)
    assert count == len(rows)
    for words in (
        "no dates of ISO 8601 (2031-12-31) in born (1 row: 1)",
        "numbers with a decimal comma in income (2 rows: 1, 2)",
        "words for yes and no in approve (2 rows: 1, 2)",
        "one row for each `email`; found 1 row of a key that an earlier row has: 2",
        "codes in `name` that `side` has a label for; found 1 row with others: 2",
    ):
        assert sum(words in text for text in texts) == 1, words


def test_a_file_that_is_absent_or_has_other_columns_is_told(
    tmp_path: Path, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    assert "none" in faults_of(file_source(tmp_path / "x", "csv"), expected)[1][0]
    (tmp_path / "x").write_text(csv_of(names=[*NAMES[:-1], "religion"]))
    assert "1 undeclared column" in faults_of(file_source(tmp_path / "x", "csv"), expected)[1][0]


def test_a_variable_that_is_not_set_is_told(expected: ExpectedDelivery) -> None:
    source = SqlSource.model_validate(
        {"kind": "sql", "url_variable": "BANK_URL", "query": "SELECT 1", **OF}
    )
    assert "$BANK_URL" in faults_of(source, expected)[1][0]


def test_of_a_query_so_many_rows_are_looked_at_as_of_a_file(
    tmp_path: Path, expected: ExpectedDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [*ROWS[:-1], (*ROWS[-1][:-3], 7, *ROWS[-1][-2:])]
    with closing(sqlite3.connect(tmp_path / "bank.db")) as connection:
        pd.DataFrame(records(wrong)).to_sql("bank", connection, index=False)
    monkeypatch.setenv("BANK_URL", f"sqlite:///{tmp_path / 'bank.db'}")
    source = SqlSource.model_validate(
        {"kind": "sql", "url_variable": "BANK_URL", "query": "SELECT * FROM bank", **OF}
    )
    rows, (text,) = faults_of(source, expected)
    assert rows == len(ROWS)
    assert "numbers other than 0 and 1 in owns (1 row: 3)" in text
