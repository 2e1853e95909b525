"""A use case that the worker has signed for, its ledger, and a log made of small entries."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.keystore.keys import KeyStore, open_keys
from tasks.stages.decide.stage import run as decide
from tasks.stages.workspace import StageRun
from tests import services
from tests.installations import installation_at
from tests.tasks.judged import CASE, RULES_OF_TESTS, attested, judged
from tests.tasks.small_log import SmallLog

UNSET = ("PORTCULLIS_TODAY", "PORTCULLIS_LEDGER_URL", "OPA_URL", "PORTCULLIS_TRUST_ROOT")


@pytest.fixture(scope="session")
def signed_pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the use case of `signed`, and the home that signed for it. Never changed."""
    folder = tmp_path_factory.mktemp("signed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
        for name in UNSET:
            patch.delenv(name, raising=False)
        patch.setattr("tasks.clearance.own_limits.RULES_OF", RULES_OF_TESTS)
        root = judged(folder / "checkout")
        decide(StageRun("decide", CASE, installation_at(root)))
        attested(root)
    return folder


@pytest.fixture
def signed(signed_pattern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a use case whose every stage before `register` was signed for."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    # Its gates have one limit for all their checks: tests are about evidence, not about figures.
    monkeypatch.setattr("tasks.clearance.own_limits.RULES_OF", RULES_OF_TESTS)
    shutil.copytree(signed_pattern, tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path / "checkout"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallLog]:
    log = SmallLog(tmp_path)
    yield log
    log.ledger.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server, started for these tests; gives the address of its first database."""
    with services.postgres() as address:
        yield address


@pytest.fixture
def database(postgres: str) -> str:
    """An empty database; gives its address."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS ledger WITH (FORCE)")
        connection.execute("CREATE DATABASE ledger")
    return f"{postgres.rpartition('/')[0]}/ledger"


@pytest.fixture(scope="session")
def bao() -> Iterator[services.Bao]:
    with services.bao() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in (
        "PORTCULLIS_KEYS_URL",
        "VAULT_ADDR",
        "PORTCULLIS_TRANSIT_KEY",
        "PORTCULLIS_SECRET_ROOT",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(params=["sqlite", "postgres"])
def keys(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> KeyStore:
    """A key store of each kind, empty."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS portcullis_keys CASCADE")
        monkeypatch.setenv("PORTCULLIS_KEYS_URL", url)
    return open_keys(installation_at(Path()))
