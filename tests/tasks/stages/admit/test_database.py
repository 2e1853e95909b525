"""A query is known by its watermark or by all its rows, and no value of it is shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tasks.config.sources import SqlSource
from tasks.errors import ConfigError, ServiceError
from tasks.stages.admit.fingerprint import fingerprint
from tests.installations import settings_now
from tests.tasks.stages.admit.declared import DECLARED


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    monkeypatch.setenv("BANK_URL", url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE people (name TEXT, changed TEXT)"))
        connection.execute(
            text(
                "INSERT INTO people VALUES ('Ann Onymous', '2026-01-01'), ('Bo Gus', '2026-01-02')"
            )
        )
    yield engine
    engine.dispose()


def sql(watermark: str | None, query: str = "SELECT * FROM people") -> SqlSource:
    return SqlSource(
        kind="sql", url_variable="BANK_URL", query=query, watermark=watermark, **DECLARED
    )


@pytest.mark.parametrize("watermark", [None, "changed"])
@pytest.mark.parametrize(
    "change",
    ["INSERT INTO people VALUES ('C', '2026-01-03')", "DELETE FROM people WHERE name = 'Bo Gus'"],
)
def test_a_query_is_known_by_its_watermark_or_by_all_its_rows(
    database: Any, watermark: str | None, change: str
) -> None:
    before = fingerprint("bank", sql(watermark), settings_now())
    assert fingerprint("bank", sql(watermark), settings_now()) == before
    with database.begin() as connection:
        connection.execute(text(change))
    assert fingerprint("bank", sql(watermark), settings_now()) != before


def test_without_a_watermark_a_changed_value_is_noticed_and_the_order_of_rows_is_not(
    database: Any,
) -> None:
    before = fingerprint("bank", sql(None), settings_now())
    assert (
        fingerprint("bank", sql(None, "SELECT * FROM people ORDER BY name DESC;"), settings_now())
        == before
    )
    with database.begin() as connection:
        connection.execute(text("UPDATE people SET name = 'Ann Other' WHERE name = 'Ann Onymous'"))
    assert fingerprint("bank", sql(None), settings_now()) != before


def test_a_fingerprint_holds_no_value_of_the_source(database: Any) -> None:
    text_of_all = (
        fingerprint("bank", sql("changed"), settings_now())
        + fingerprint("bank", sql("name"), settings_now())
        + fingerprint("bank", sql(None), settings_now())
    )
    assert not any(word in text_of_all for word in ("Ann", "Bo", "2026"))


def test_a_database_that_does_not_answer_is_told_from_one_that_is_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("BANK_URL", raising=False)
    with pytest.raises(ConfigError, match=r"\$BANK_URL"):
        fingerprint("bank", sql(None), settings_now())
    for url in (
        "sqlite:////no/such/folder/bank.db",
        "nonsense://user:hunter2@host/db",
        "no url at all",
    ):
        monkeypatch.setenv("BANK_URL", url)
        with pytest.raises(ServiceError) as refusal:
            fingerprint("bank", sql(None), settings_now())
        assert "hunter2" not in str(refusal.value)
        assert refusal.value.__cause__ is None


def test_a_query_that_fails_never_quotes_the_database(database: Any) -> None:
    with pytest.raises(ServiceError) as refusal:
        fingerprint("bank", sql("no_such_column"), settings_now())
    assert "Ann" not in str(refusal.value)
