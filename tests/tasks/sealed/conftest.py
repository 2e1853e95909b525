"""A key store in SQLite, and rows of a few people with a column of every kind."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.keystore.keys import KeyStore, open_keys
from tests.installations import installation_at


@pytest.fixture
def store(home: Path) -> KeyStore:
    """An empty key store in the file `keys.db` of a new installation."""
    return open_keys(installation_at(Path()))


@pytest.fixture
def people() -> pd.DataFrame:
    """Six rows of three people, two rows of each."""
    return pd.DataFrame(
        {
            "subject": pd.array([f"{row % 3:032x}" for row in range(6)], dtype="str"),
            "income": np.arange(6, dtype=np.int64),
            "city": pd.array(["Zürich", None, "", "東京", "x", "\U0001f642"], dtype="str"),
        }
    )
