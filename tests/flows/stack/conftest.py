"""One stack for the tests of this room: its first layer, a database and a provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.stack.whole import Stack
from tests.stacks import running_stack


@pytest.fixture(scope="package")
def identified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    with running_stack(folder, {1}) as stack:
        yield stack
