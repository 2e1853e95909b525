"""A use case that the worker has signed for, its ledger, and a log made of small entries."""

import pytest

from tasks.decide.stage import run as decide
from tasks.evidence.keys import LocalSigner
from tasks.evidence.ledger import Ledger, Pin
from tasks.evidence.store import SqliteStore
from tasks.evidence.tree import Record
from tasks.work import Work
from tests import services
from tests.tasks.judged import CASE, attested, judged


@pytest.fixture
def signed(tmp_path, monkeypatch):
    """The root of a use case whose every stage before `register` was signed for."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-01-01")
    for name in ("PORTCULLIS_LEDGER_URL", "OPA_URL", "PORTCULLIS_TRUST_ROOT"):
        monkeypatch.delenv(name, raising=False)
    root = judged(tmp_path / "checkout")
    decide(Work("decide", CASE, root))
    return attested(root)


class SmallLog:
    """A ledger of entries `0`, `1`, … in a folder."""

    origin = "portcullis/test"

    def __init__(self, folder):
        self.folder = folder
        self.signer = LocalSigner.make(folder / "log.pem")
        self.ledger = self.open()

    def open(self):
        return Ledger(SqliteStore(self.folder / "ledger.db"), Pin(self.folder / "ledger.pin"))

    def add(self, count=1, ledger=None):
        ledger = ledger or self.ledger
        head = ledger.head()
        start = head.size if head else 0
        bodies = [b"body %d" % (start + number) for number in range(count)]
        entries = [(Record.of(b"payload of " + body, body), body) for body in bodies]
        return ledger.append(entries, self.signer, self.origin)


@pytest.fixture
def small(tmp_path):
    log = SmallLog(tmp_path)
    yield log
    log.ledger.close()


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server, started for these tests; gives the address of its first database."""
    with services.postgres() as address:
        yield address


@pytest.fixture
def database(postgres):
    """An empty database; gives its address."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS ledger WITH (FORCE)")
        connection.execute("CREATE DATABASE ledger")
    return f"{postgres.rpartition('/')[0]}/ledger"
