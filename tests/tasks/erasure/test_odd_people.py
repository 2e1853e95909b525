"""People with names that programs stumble over: erased wherever they stand, and nobody else is."""

import json
import sqlite3
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from tasks.erasure.erasing import ErasureOutcome, erase
from tasks.erasure.request import RequestOptions
from tasks.keystore.pseudonyms import pseudonym
from tests.tasks.erasure.small_installation import CASE, DAY, SmallInstallation, write

DAVID, COHEN = "דוד", "זקהכהן"
FATIMA, ZAHRA = "فاطمة", "الزقهراء"
NAMES = {
    "apostrophe": "Siobhan O'Zqbrien",
    "double": "Anna Zqmüller-Zqmeier",
    "hebrew": f"{DAVID} {COHEN}",
    "arabic": f"{FATIMA} {ZAHRA}",
    "two marks": "Nguyễn Zqvăn",
    "capitals": "Straßer Zqgroß",
    "columns": "Colour Years",
}
# Who stays: half of the double name, somebody at a street, and a header of columns.
BYSTANDERS = (
    "Anna Zqmüller",
    "12 Zqmeier Street",
    "INSERT INTO t VALUES ('Siobhan O''Zqbrienne', 1);",
    "email,income,years,colour,repaid",
    f"{DAVID} {COHEN[:-1]}",
    "Nguyễn Zqvănh",
)
# How programs and people write those who go, by the name of a file that holds it.
WRITTEN = {
    "dump.sql": "INSERT INTO t VALUES ('Siobhan O''Zqbrien', 'it''s');",
    "reset.sh": r"mail -s 'Siobhan O'\''Zqbrien' ops",
    "letter.html": "<p>Siobhan O&apos;Zqbrien, <b>Siobhan O&rsquo;Zqbrien</b></p>",
    "double.txt": "Anna Zqmüller Zqmeier; Zqmüller-Zqmeier, Anna; anna_zqmüller_zqmeier",
    "wrapped.txt": "the file of Anna Zqmüller-\n  Zqmeier is closed",
    # With marks of direction: around each word, as isolates, as an embedding, and escaped.
    "hebrew.txt": f"\u200f{DAVID}\u200f {COHEN}\u200e; \u2067{DAVID}\u2069 \u2067{COHEN}\u2069",
    "embedded.txt": f"\u202b{COHEN}, {DAVID}\u202c",
    "hebrew.json": json.dumps({"name": f"{DAVID}\u200f {COHEN}"}),
    "arabic.txt": f"{FATIMA}\u200f {ZAHRA}\u061b \u061c{ZAHRA}\u060c {FATIMA}\u061f",
    "vietnamese.txt": "Nguy\u00ea\u0303n Zqvăn; NGUYỄN ZQVĂN; Zqvăn, Nguyễn",
    "upper.txt": "STRASSER ZQGROSS; straßer zqgross; STRAẞER ZQGROẞ",
    "columns.txt": "called by Colour Years on Monday",
}
ARTIFACTS = ("apostrophe", "double", "hebrew", "two marks")


def email(kind: str) -> str:
    return f"{kind.replace(' ', '.')}@odd.example"


@pytest.fixture
def planted(small_installation: SmallInstallation) -> SmallInstallation:
    """Everybody in a sealed version, in files, in MLflow, in Prefect, and in names of files."""
    secret = small_installation.installation.secret("pseudonym")
    rows = pd.DataFrame(
        {
            "subject": [pseudonym(secret, email(kind)) for kind in NAMES],
            "email": [email(kind) for kind in NAMES],
            "name": list(NAMES.values()),
            "income": 1.0,
        }
    )
    small_installation.stage_run("ingest").write_rows(rows)
    small_installation.store(small_installation.workspace / "data" / CASE / "ingest/rows.parquet")
    for name, text in WRITTEN.items():
        lines = [*BYSTANDERS, text, *BYSTANDERS]
        write(small_installation.workspace / "data" / CASE / "odd" / name, "\n".join(lines))
    for kind in ARTIFACTS:
        # As macOS writes names of files: decomposed.
        name = unicodedata.normalize("NFD", NAMES[kind].replace(" ", "_"))
        write(small_installation.home / "mlartifacts" / f"{name}.csv", "income\n1\n")
    plant_in_databases(small_installation.home)
    return small_installation


def plant_in_databases(home: Path) -> None:
    (home / "prefect").mkdir(exist_ok=True)
    with sqlite3.connect(home / "mlflow.db") as connection:
        connection.execute(
            "INSERT OR REPLACE INTO experiments VALUES (1, ?)", ((home / "mlartifacts").as_uri(),)
        )
        for number, text in enumerate((*WRITTEN.values(), *BYSTANDERS)):
            connection.execute("INSERT INTO params VALUES ('who', ?, ?)", (text, str(number)))
        # In MLflow's tables the keys of parameters and tags are parts of primary keys.
        rows = [(name, f"run{number}") for number, name in enumerate(NAMES.values())]
        connection.executemany("INSERT INTO params VALUES (?, 'x', ?)", rows)
    connection.close()
    with sqlite3.connect(home / "prefect" / "prefect.db") as connection:
        connection.execute("CREATE TABLE variable (id TEXT PRIMARY KEY, name TEXT, value TEXT)")
        for number, text in enumerate((*WRITTEN.values(), *BYSTANDERS)):
            connection.execute("INSERT INTO variable VALUES (?, 'v', ?)", (str(number), text))
    connection.close()


def erase_all(installation: SmallInstallation, *, removes_files: bool = False) -> ErasureOutcome:
    return erase(
        CASE,
        [email(kind) for kind in NAMES],
        received=DAY,
        day=DAY,
        options=RequestOptions(removes_files=removes_files),
        installation=installation.installation,
    )


def names_in(text: str) -> set[str]:
    """Return whose name a reader sees there, without case, accents and marks."""
    squeezed = squeeze(text)
    endings = {"apostrophe": "ne", "two marks": "h"}  # of a bystander's longer name
    return {
        kind
        for kind, name in NAMES.items()
        if any(
            part in squeezed.replace(part + endings.get(kind, "\0"), "")
            for part in (squeeze(name), squeeze(" ".join(reversed(name.split(" ")))))
        )
        and kind != "columns"
    }


def squeeze(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if char.isalnum())


def cells_of(database: Path, query: str) -> list[str]:
    connection = sqlite3.connect(database)
    cells = [str(cell) for (cell,) in connection.execute(query)]
    connection.close()
    return cells


def test_nothing_of_theirs_is_readable_in_any_file(planted: SmallInstallation) -> None:
    folder = planted.workspace / "data" / CASE / "odd"
    assert set.union(*(names_in(text) for text in WRITTEN.values())) == {*NAMES} - {"columns"}

    erase_all(planted)

    for name in WRITTEN:
        text = (folder / name).read_text()
        assert names_in(text) == set(), (name, text)
    assert "Colour Years" not in (folder / "columns.txt").read_text()


def test_every_line_about_others_is_as_it_was(planted: SmallInstallation) -> None:
    erase_all(planted)

    for name in WRITTEN:
        text = (planted.workspace / "data" / CASE / "odd" / name).read_text()
        beside = "\n".join(BYSTANDERS)
        assert text.startswith(beside + "\n"), (name, text)
        assert text.endswith("\n" + beside), (name, text)


@pytest.mark.parametrize(
    ("database", "query"),
    [
        ("mlflow.db", "SELECT value FROM params WHERE key = 'who' ORDER BY CAST(run_uuid AS INT)"),
        ("prefect/prefect.db", "SELECT value FROM variable ORDER BY CAST(id AS INT)"),
    ],
)
def test_cells_are_masked_and_the_others_cells_are_as_they_were(
    planted: SmallInstallation, database: str, query: str
) -> None:
    erase_all(planted)

    cells = cells_of(planted.home / database, query)
    assert cells[len(WRITTEN) :] == list(BYSTANDERS)
    for cell in cells[: len(WRITTEN)]:
        assert names_in(cell) == set(), cell


def test_names_of_files_and_keys_of_parameters_are_left_to_a_person_or_go(
    planted: SmallInstallation,
) -> None:
    left = erase_all(planted).purged.left
    assert sum("is named after them" in line for line in left) == len(ARTIFACTS)
    assert any("table params, column key: " in line for line in left)
    assert not any(names_in(line) for line in left)
    assert len(list((planted.home / "mlartifacts").iterdir())) == len(ARTIFACTS)


def test_with_remove_files_they_go(planted: SmallInstallation) -> None:
    erase_all(planted, removes_files=True)

    assert list((planted.home / "mlartifacts").iterdir()) == []
