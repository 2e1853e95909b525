"""Workspaces that tests of flows share. They are never changed: a test works on a copy."""

import shutil
from pathlib import Path

import pytest

from tests.flows.workspace import CASE, Workspace, make


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that `dvc repro` has taken to a registered model."""
    root = tmp_path_factory.mktemp("released")
    workspace = make(root / "checkout", root / "home")
    workspace.dvc("repro", f"register@{CASE}")
    return workspace


@pytest.fixture
def workspace(released: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the released workspace, to be changed."""
    return released.copy(tmp_path)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Chromium's path; without one, tests that need a browser are skipped and say so."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on the PATH")
    return path
