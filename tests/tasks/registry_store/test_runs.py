"""What lies under a run is listed to an end, whatever the place of its artifacts answers."""

from typing import Any

import pytest
from mlflow.entities import FileInfo

from tasks.errors import EvidenceError
from tasks.registry_store.runs import MOST_FILES, RunArtifacts


class NestedFolders:
    """A place in which every folder holds one more; of `depth` of them, or without an end."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.asked = 0

    def list_artifacts(self, path: str) -> list[Any]:
        """Return what lies in a folder."""
        self.asked += 1
        if self.asked > 2 * MOST_FILES:
            raise AssertionError("it is listed for ever")
        if self.asked > self.depth:
            return [FileInfo(f"{path}/x", is_dir=False, file_size=1)]
        return [FileInfo(f"{path}/a", is_dir=True, file_size=None)]


def test_a_chain_of_folders_without_an_end_is_refused() -> None:
    with pytest.raises(EvidenceError, match=f"at most {MOST_FILES} files"):
        RunArtifacts(NestedFolders(10 * MOST_FILES), "").sizes("model")


def test_files_in_nested_folders_are_found() -> None:
    assert RunArtifacts(NestedFolders(2), "").sizes("model") == {"model/a/a/x": 1}
