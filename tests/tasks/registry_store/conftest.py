"""One server for each module that asks for it, with one released model."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.registry_stores import copy_pattern, release, store_server, trust_values


@dataclass(frozen=True)
class Released:
    """A running server, the workspace whose model was released into it, and where its files lie."""

    origin: str
    workspace: Path
    folder: Path
    lines: tuple[str, ...]
    patch: pytest.MonkeyPatch

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.origin)

    def release(self) -> tuple[int, tuple[str, ...]]:
        """Have the worker register the model once more."""
        return release(self.workspace, self.origin, self.patch)


# Of a module and not of the folder: these folders are no packages, so that a fixture of that scope,
# and what it sets in the environment, would stay to the end of the session.
@pytest.fixture(scope="module")
def released(signed_pattern: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        workspace = copy_pattern(signed_pattern, folder / "installation", patch)
        with store_server(folder / "server", trust_values(workspace)) as origin:
            code, lines = release(workspace, origin, patch)
            assert code == 0, lines
            yield Released(origin, workspace, folder / "server", lines, patch)
