import psycopg
import pytest

from tasks.sealed import open_keys
from tests import services


@pytest.fixture(scope="session")
def postgres_url():
    with services.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def bao():
    with services.bao() as running:
        yield running


@pytest.fixture
def home(tmp_path, monkeypatch):
    for variable in ("PORTCULLIS_KEYS_URL", "VAULT_ADDR", "PORTCULLIS_TRANSIT_KEY", "PORTCULLIS_SECRET_ROOT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(params=["sqlite", "postgres"])
def keys(request, home, monkeypatch):
    """A key store of each kind, empty."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS portcullis_keys CASCADE")
        monkeypatch.setenv("PORTCULLIS_KEYS_URL", url)
    return open_keys()
