"""What a message may say: people planted where a delivery should have none.

Nothing of them may be anywhere but in the source files: not on the terminal, in a file, or in a
database.
"""

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.flows.workspace import CASE, Workspace

pytestmark = pytest.mark.integration
CANARY = b"Zyx Canary"
# The name is put together when it runs: the worker keeps a copy of the code itself.
CARELESS_STAGE = """
import logging, os, warnings

PERSON = "".join(("Zyx Can", "ary"))

def run(stage_run):
    print(PERSON, "on standard output", flush=True)
    os.write(2, f"{PERSON} by a library in C\\n".encode())
    warnings.warn(f"{PERSON} in a warning")
    logging.getLogger("library").error("%s in a log", PERSON)
    try:
        int(PERSON)
    except ValueError as error:
        raise KeyError(PERSON) from error
"""


def without_header(sources: Path) -> None:
    path = sources / "applications.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([f"zyx@canary.example,{CANARY.decode()},3,blue,1\n", *lines[1:]]))


def with_a_person_in_the_header(sources: Path) -> None:
    path = sources / "applications.csv"
    pd.read_csv(path).assign(**{"Zyx Canary": 1, "zyx@canary.example": 2}).to_csv(path, index=False)


def with_a_person_as_key(sources: Path) -> None:
    with (sources / "bureau.jsonl").open("a") as stream:
        stream.write('{"email": "person1@example.org", "Zyx Canary": {"zyx@canary.example": 1}}\n')


def with_a_person_as_value_of_another_kind(sources: Path) -> None:
    path = sources / "applications.csv"
    path.write_text(path.read_text() + "person1@example.org,Zyx Canary,3,blue,1\n")


def with_a_longer_row(sources: Path) -> None:
    path = sources / "applications.csv"
    path.write_text(path.read_text() + "person1@example.org,1,3,blue,1,Zyx Canary\n")


DELIVERIES = (
    without_header,
    with_a_person_in_the_header,
    with_a_person_as_key,
    with_a_person_as_value_of_another_kind,
    with_a_longer_row,
)


@pytest.fixture(scope="module")
def shared(released: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One workspace of this module: each test gives it sources and code of its own."""
    return released.copy(tmp_path_factory.mktemp("messages"))


@pytest.fixture
def careless(shared: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """The workspace, to be changed: its sources and its stage are put back afterwards."""
    kept = [shared.root / "sources", shared.root / "tasks" / "stages" / "ingest"]
    for folder in kept:
        shutil.copytree(folder, tmp_path / folder.name)
    yield shared
    for folder in kept:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / folder.name, folder)


def places_of_canary(workspace: Workspace) -> set[str]:
    """Return every file outside the sources that holds a canary, rows of databases included."""
    places = set()
    for folder in (workspace.root / "data", workspace.root / ".dvc", workspace.home):
        for path in folder.rglob("*"):
            if path.is_file() and has_canary(path.read_bytes()):
                places.add(str(path))
    for database in workspace.home.rglob("*.db"):
        connection = sqlite3.connect(database)
        if has_canary("\n".join(connection.iterdump()).encode()):
            places.add(f"{database.name}, a row")
        connection.close()
    return places


def has_canary(content: bytes) -> bool:
    # The list of installed files names the time zone of the islands.
    return b"canary" in content.lower().replace(b"atlantic/canary", b"")


@pytest.mark.parametrize("deliver", DELIVERIES, ids=lambda deliver: deliver.__name__)
def test_a_stage_refuses_a_delivery_and_says_nothing_of_who_is_in_it(
    careless: Workspace, deliver: Callable[[Path], None]
) -> None:
    deliver(careless.root / "sources")
    # With warnings and all that Python says only then.
    command = (sys.executable, "-X", "dev", "-m", "tasks", "ingest", CASE)
    done = careless.run(*command, check=False)
    assert done.returncode == 2
    assert "source `" in done.stderr
    assert not has_canary((done.stdout + done.stderr).encode())
    assert places_of_canary(careless) == set()


def test_a_release_says_nothing_of_who_is_in_a_delivery_nor_does_prefect_keep_it(
    careless: Workspace,
) -> None:
    without_header(careless.root / "sources")
    done = careless.run(sys.executable, "-m", "flows", "release", CASE, check=False)
    assert done.returncode == 2
    assert "5 columns, none of them declared" in done.stderr
    assert not has_canary((done.stdout + done.stderr).encode())
    assert places_of_canary(careless) == set()


def test_a_release_says_nothing_of_what_careless_code_prints_warns_logs_and_raises(
    careless: Workspace,
) -> None:
    (careless.root / "tasks/stages/ingest/stage.py").write_text(CARELESS_STAGE)
    done = careless.run(sys.executable, "-m", "flows", "release", CASE, check=False)
    assert done.returncode == 2
    assert "KeyError at " in done.stderr
    assert not has_canary((done.stdout + done.stderr).encode())
    assert places_of_canary(careless) == set()


def test_a_person_who_slipped_into_a_protected_column_is_on_no_page_and_in_no_verdict(
    careless: Workspace,
) -> None:
    path = careless.root / "sources" / "applications.csv"
    frame = pd.read_csv(path)
    frame.loc[:2, "colour"] = CANARY.decode()
    frame.to_csv(path, index=False)
    done = careless.run(sys.executable, "-m", "flows", "release", CASE, check=False)
    assert done.returncode == 3
    assert "fewer than 10: 1 other group" in done.stdout + done.stderr
    assert not has_canary((done.stdout + done.stderr).encode())
    assert places_of_canary(careless) == set()
