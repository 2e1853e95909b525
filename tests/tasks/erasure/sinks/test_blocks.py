"""Blocks, which Prefect encrypts: masked under its key, named where no key opens them."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet

from tasks.erasure.searching.looking import Look
from tasks.erasure.sinks import PurgeOptions, PurgeReport
from tasks.erasure.sinks.blocks import purge_blocks
from tasks.errors import ServiceError
from tests import services
from tests.tasks.erasure.sinks.people import ANN, BOB, TERMS

KEY = Fernet.generate_key().decode()
DRY = PurgeOptions(is_dry_run=True)
TABLES = (
    "CREATE TABLE block_document (id TEXT PRIMARY KEY, data JSON)",
    "CREATE TABLE configuration (key TEXT, value JSON)",
)


class Blocks:
    """A database with blocks, as Prefect stores them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "prefect.db"
        self.url = f"sqlite:///{self.path}"
        for table in TABLES:
            self.run(table)

    def run(self, statement: str, *values: Any) -> list[Any]:
        with sqlite3.connect(self.path) as connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def add(self, data: Any, key: str = KEY) -> None:
        token = Fernet(key.encode()).encrypt(json.dumps(data).encode()).decode()
        self.add_raw(json.dumps(token))

    def add_raw(self, text: str | None) -> None:
        count = self.run("SELECT count(*) FROM block_document")[0][0]
        self.run("INSERT INTO block_document VALUES (?, ?)", f"b{count}", text)

    def read(self) -> list[Any]:
        rows = self.run("SELECT data FROM block_document ORDER BY id")
        fernet = Fernet(KEY.encode())
        return [json.loads(fernet.decrypt(json.loads(row[0]).encode())) for row in rows]

    def purge(self, key: str = KEY, options: PurgeOptions = PurgeOptions()) -> PurgeReport:  # noqa: B008 - frozen
        return purge_blocks("x", self.url, key, TERMS, options)


@pytest.fixture
def blocks(tmp_path: Path) -> Blocks:
    return Blocks(tmp_path)


def test_only_the_person_goes(blocks: Blocks) -> None:
    blocks.add({"note": f"{ANN} and {BOB}", "n": 1})
    blocks.add({"note": BOB})

    report = blocks.purge()

    assert (report.searched, report.rewritten, report.left) == (2, 1, ())
    assert blocks.read() == [{"note": f"[erased] and {BOB}", "n": 1}, {"note": BOB}]


def test_the_old_token_is_overwritten_in_the_file(blocks: Blocks) -> None:
    blocks.add({"note": ANN})
    ((data,),) = blocks.run("SELECT data FROM block_document")

    blocks.purge()

    assert data[40:].encode() not in blocks.path.read_bytes()


def test_the_key_in_the_database_is_used_where_the_environment_names_none(blocks: Blocks) -> None:
    blocks.run(
        "INSERT INTO configuration VALUES ('ENCRYPTION_KEY', ?)", json.dumps({"fernet_key": KEY})
    )
    blocks.add({"note": ANN})

    assert blocks.purge(key="").rewritten == 1


@pytest.mark.parametrize("value", [None, "x", "[]", "{}", '{"fernet_key": "short"}'])
def test_blocks_that_no_key_opens_are_named(blocks: Blocks, value: str | None) -> None:
    blocks.run("INSERT INTO configuration VALUES ('ENCRYPTION_KEY', ?)", value)
    blocks.add({"note": ANN})

    (line,) = blocks.purge(key="").unseen

    assert line == "x: 1 blocks that no key here opens: name it in $PREFECT_SERVER_ENCRYPTION_KEY"


def test_without_a_table_of_settings_there_is_no_key(blocks: Blocks) -> None:
    blocks.run("DROP TABLE configuration")
    blocks.add({"note": ANN})

    assert len(blocks.purge(key="").unseen) == 1


def test_another_key_opens_nothing(blocks: Blocks) -> None:
    blocks.add({"note": ANN}, Fernet.generate_key().decode())

    assert len(blocks.purge().unseen) == 1


@pytest.mark.parametrize("data", [None, "no JSON", '{"in": "clear"}'])
def test_what_is_not_encrypted_is_searched_as_any_cell(blocks: Blocks, data: str | None) -> None:
    blocks.add_raw(data)

    assert blocks.purge() == PurgeReport()


@pytest.mark.parametrize("text", [ANN, f" {ANN.title()}\n", f"{ANN}\n\n{ANN} \n"])
def test_what_the_form_was_given_is_left_to_the_form(blocks: Blocks, text: str) -> None:
    blocks.add({"value": text})

    report = blocks.purge()

    assert report.rewritten == 0
    assert "1 of its blocks hold an identifier of theirs and nothing else" in report.left[0]
    assert blocks.read() == [{"value": text}]


@pytest.mark.parametrize(
    "data",
    [
        {"value": f"not {ANN}"},
        {"value": f"{ANN}\nnot"},
        {"value": f"{ANN}\u2028{ANN}"},  # one line to the form
        {"value": [ANN]},
        [ANN],
        {"v": ANN},
    ],
)
def test_any_other_block_is_masked(blocks: Blocks, data: Any) -> None:
    blocks.add(data)

    assert blocks.purge().rewritten == 1
    assert ANN not in str(blocks.read())


def test_a_dry_run_says_what_would_be_masked_and_changes_nothing(blocks: Blocks) -> None:
    blocks.add({"note": ANN})
    before = blocks.path.read_bytes()

    report = blocks.purge(options=DRY)

    assert report.planned == ("1 of x's blocks would be masked",)
    assert blocks.path.read_bytes() == before


def test_what_cannot_be_masked_and_what_others_are_called_is_left(
    blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks.add({"note": ANN})
    blocks.add({"type": "other"})
    monkeypatch.setattr(
        "tasks.erasure.sinks.blocks.look_at_cell",
        lambda value, _: Look(holds_person=ANN in value, is_ambiguous=True),
    )
    monkeypatch.setattr("tasks.erasure.sinks.blocks.mask_cell", lambda value, *_, **__: value)

    left = blocks.purge().left

    assert left == (
        "x: 1 of its blocks hold what others are called, too: a person has to decide",
        "x: 1 of its blocks hold a value of theirs that cannot be masked: a person has to decide",
    )


def test_a_database_without_blocks_or_that_is_not_there_has_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    assert purge_blocks("x", url, KEY, TERMS, DRY) == PurgeReport()
    assert not (tmp_path / "none.db").exists()

    sqlite3.connect(tmp_path / "none.db").close()
    assert purge_blocks("x", url, KEY, TERMS, PurgeOptions()) == PurgeReport()


def test_a_database_that_does_not_answer_is_an_error_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database, but long enough to look like a page of one")

    with pytest.raises(ServiceError, match="DatabaseError"):
        purge_blocks("x", f"sqlite:///{tmp_path / 'x.db'}", KEY, TERMS, PurgeOptions())


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with services.postgres() as url:
        yield url


def test_blocks_of_a_server_are_masked(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(table)
        fernet = Fernet(KEY.encode())
        token = fernet.encrypt(json.dumps({"note": ANN}).encode()).decode()
        connection.execute("INSERT INTO block_document VALUES ('b', %s)", (json.dumps(token),))

        assert purge_blocks("x", server, KEY, TERMS, PurgeOptions()).rewritten == 1

        ((stored,),) = connection.execute("SELECT data FROM block_document").fetchall()
        assert json.loads(fernet.decrypt(stored.encode())) == {"note": "[erased]"}
