"""One PostgreSQL for this folder, and for each test a database of its own."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.registry_databases import RegistryDatabase, copy_of, registry_cluster

NUMBERS = count()


@pytest.fixture(scope="package")
def cluster() -> Iterator[RegistryDatabase]:
    with registry_cluster() as running:
        yield running


@pytest.fixture
def database(cluster: RegistryDatabase) -> Iterator[RegistryDatabase]:
    with copy_of(cluster, f"copy{next(NUMBERS)}") as copied:
        yield copied
