"""A key store in SQLite, for what does not depend on the kind of database."""

from pathlib import Path

import pytest

from tasks.keystore.keys import KeyStore, open_keys
from tests.installations import installation_at


@pytest.fixture
def store(home: Path) -> KeyStore:
    """An empty key store in the file `keys.db` of a new installation."""
    return open_keys(installation_at(Path()))
