"""A query gives the frame that a file gives; its failures quote neither values nor passwords."""

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from tasks.config.sources import SqlSource
from tasks.errors import ConfigError
from tasks.stages.ingest.reading import ExpectedDelivery
from tasks.stages.ingest.reading.query import blocks_of_query
from tests.installations import settings_now
from tests.tasks.stages.ingest.deliveries import (
    MakeFileSource,
    read,
    records,
    refusal_of,
    write,
)


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlSource:
    """The table `bank` in SQLite, under the variable `BANK_URL`."""
    connection = sqlite3.connect(tmp_path / "bank.db")
    pd.DataFrame(records()).to_sql("bank", connection, index=False)
    connection.close()
    monkeypatch.setenv("BANK_URL", f"sqlite:///{tmp_path / 'bank.db'}")
    return SqlSource(
        kind="sql", url_variable="BANK_URL", query="SELECT * FROM bank",
        owner="o", role="controller", legal_basis="l", agreement="a", expires="2031-12-31",
    )  # fmt: skip


def with_query(source: SqlSource, query: str) -> SqlSource:
    return source.model_copy(update={"query": query})


def test_a_query_gives_the_frame_that_a_file_gives(
    tmp_path: Path, bank: SqlSource, expected: ExpectedDelivery, file_source: MakeFileSource
) -> None:
    file = file_source(write(tmp_path / "x", "csv"), "csv")
    pd.testing.assert_frame_equal(read(bank, expected), read(file, expected))


def test_a_query_without_rows_is_too_small_a_delivery(
    bank: SqlSource, expected: ExpectedDelivery
) -> None:
    assert "none" in refusal_of(with_query(bank, "SELECT * FROM bank WHERE 0"), expected)


def test_an_undeclared_column_is_refused(bank: SqlSource, expected: ExpectedDelivery) -> None:
    query = with_query(bank, "SELECT *, 1 AS religion FROM bank")
    assert "1 undeclared column of 9, at position 9" in refusal_of(query, expected)


def test_a_query_that_fails_is_not_quoted(bank: SqlSource, expected: ExpectedDelivery) -> None:
    wrong = with_query(bank, "SELECT * FROM bank WHERE name = 'Ann' AND nothing")
    assert "OperationalError" in refusal_of(wrong, expected)


def test_a_database_that_does_not_answer_is_named_without_its_password(
    bank: SqlSource, expected: ExpectedDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANK_URL", "postgresql://me:hunter2@127.0.0.1:9/bank")
    assert "to answer" in refusal_of(bank, expected)


def test_a_url_that_is_not_set_is_a_fault_of_the_configuration(
    bank: SqlSource, expected: ExpectedDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BANK_URL")
    with pytest.raises(ConfigError, match=r"\$BANK_URL"):
        read(bank, expected)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT *, 1 AS 'Zyx Canary' FROM bank",
        "SELECT 1 AS 'Zyx Canary', 2 AS 'Zyx Canary'",
        "SELECT 'Zyx Canary' FROM nowhere",
        "SELECT 'Zyx Canary",
        "SELECT abs(-9223372036854775808), 'Zyx Canary'",
        "SELECT json('Zyx Canary')",
    ],
)
def test_what_a_query_names_or_a_driver_says_is_not_quoted(
    bank: SqlSource, expected: ExpectedDelivery, query: str
) -> None:
    assert "anary" not in refusal_of(with_query(bank, query), expected)


def test_a_column_of_a_query_has_the_name_that_the_use_case_gives_it(
    bank: SqlSource, expected: ExpectedDelivery
) -> None:
    query = 'SELECT email AS "E-Mail", name, account, born, income, owns, approve, branch FROM bank'
    renamed = bank.model_copy(update={"query": query, "rename": {"E-Mail": "email"}})
    pd.testing.assert_frame_equal(read(renamed, expected), read(bank, expected))
    assert "absent: E-Mail" in refusal_of(
        renamed.model_copy(update={"query": query.replace('email AS "E-Mail", ', "")}), expected
    )


def test_a_result_read_in_blocks_is_the_whole_result(
    bank: SqlSource, expected: ExpectedDelivery
) -> None:
    whole = pd.concat(blocks_of_query(bank, expected, settings_now()), ignore_index=True)
    blocks = list(blocks_of_query(bank, expected, settings_now(), block_rows=2))
    assert [len(block) for block in blocks] == [0, 2, 1]
    pd.testing.assert_frame_equal(pd.concat(blocks, ignore_index=True), whole)


def test_blocks_are_as_large_as_they_are_by_default(
    bank: SqlSource, expected: ExpectedDelivery
) -> None:
    blocks = blocks_of_query(bank, expected, settings_now())
    assert [len(block) for block in blocks] == [0, len(records())]
