"""The stack's PostgreSQL where pgaudit is not installed: it serves, and says so."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from flows.stack import postgres
from flows.stack.databases import make_database
from flows.stack.postgres import PostgresServer
from flows.stack.programs import has_postgres
from tasks.registry_database.installing import install


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter, too, where root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="portcullis-postgres-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_without_pgaudit_the_database_is_guarded_all_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_postgres():
        pytest.skip("no PostgreSQL on this machine (Debian: postgresql)")
    monkeypatch.setattr(postgres, "has_pgaudit", lambda _: False)
    server = PostgresServer(folder / "postgres", tmp_path / "log")
    try:
        server.start()
        server.wait()
        assert not server.is_audited
        make_database(server, "registry", "registry_owner")
        install(server.superuser_url_of("registry"), is_audited=server.is_audited)
        with psycopg.connect(server.superuser_url_of("registry")) as connection:
            loaded = connection.execute("SHOW shared_preload_libraries").fetchone()
            guards = connection.execute(
                "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
            ).fetchone()
        assert loaded == ("",)
        assert guards is not None
        assert guards[0] > 0
    finally:
        server.stop()
