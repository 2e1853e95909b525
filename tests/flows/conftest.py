"""Workspaces that tests of flows share. They are never changed: a test works on a copy."""

import shutil
from pathlib import Path

import pytest

from tests.flows.workspace import Workspace, make_released, released_in
from tests.made_once import made_once


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that `dvc repro` has taken to a registered model, one for the whole run."""
    return released_in(made_once(tmp_path_factory, "released", make_released))


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
