"""A small installation that has erased somebody, and whose log knows its key store."""

import gc
from pathlib import Path

import pytest

from tests.tasks.erasure.conftest import (
    VARIABLES,
    copy_installation,
    pattern,
    small_installation,
)
from tests.tasks.erasure.small_installation import SmallInstallation

__all__ = ["pattern", "small_installation"]

ERASED = 3


@pytest.fixture(scope="session")
def known_pattern(
    pattern: SmallInstallation, tmp_path_factory: pytest.TempPathFactory
) -> SmallInstallation:
    """One of whom the log has seen an erasure: never changed."""
    with pytest.MonkeyPatch.context() as patch:
        installation = copy_installation(pattern, tmp_path_factory.mktemp("known"), patch)
        installation.erase(ERASED)
    gc.collect()  # connections that are still open would write when they are closed
    return installation


@pytest.fixture
def known(
    known_pattern: SmallInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SmallInstallation:
    """A copy of it, which this process then works in."""
    return copy_installation(known_pattern, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def foreign(pattern: SmallInstallation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of another installation, with secrets and a key store of its own."""
    from tasks.guard.opening import open_guarded_keys
    from tests.installations import installation_with_home

    folder = tmp_path_factory.mktemp("foreign")
    with pytest.MonkeyPatch.context() as patch:
        for variable in VARIABLES:
            patch.delenv(variable, raising=False)
        other = installation_with_home(folder)
        other.secret("pseudonym")
        open_guarded_keys(other).for_subjects(["somebody else"])
    return folder
