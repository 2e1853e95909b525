"""A small installation for each test: made once, copied for each."""

import shutil
from pathlib import Path

import pytest

from tasks.erasure.request import RequestOptions
from tests.tasks.erasure.small_installation import DAY, SmallInstallation, make_installation

VARIABLES = (
    "PORTCULLIS_KEYS_URL",
    "PORTCULLIS_MLFLOW_DATABASE_URL",
    "PORTCULLIS_SCRATCH",
    "MLFLOW_TRACKING_URI",
    "PREFECT_API_URL",
    "VAULT_ADDR",
)


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> SmallInstallation:
    """The installation to copy: never changed."""
    folder = tmp_path_factory.mktemp("installation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
        return make_installation(folder)


@pytest.fixture
def small_installation(
    pattern: SmallInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SmallInstallation:
    """A copy of the installation, which this process then works in."""
    return copy_installation(pattern, tmp_path, monkeypatch)


def copy_installation(
    pattern: SmallInstallation, folder: Path, patch: pytest.MonkeyPatch
) -> SmallInstallation:
    """Copy an installation into a folder, and make it the one that this process works in."""
    workspace = folder / "root"
    home = folder / "home"
    shutil.copytree(pattern.workspace, workspace)
    shutil.copytree(pattern.home, home)

    for variable in VARIABLES:
        patch.delenv(variable, raising=False)
    patch.setenv("PORTCULLIS_HOME", str(home))
    patch.setenv("PREFECT_HOME", str(home / "prefect"))
    patch.setenv("PORTCULLIS_TODAY", DAY.isoformat())
    patch.chdir(workspace)

    versions = [workspace / path.relative_to(pattern.workspace) for path in pattern.versions]
    return SmallInstallation(workspace, home, versions)


@pytest.fixture
def removing_files(small_installation: SmallInstallation) -> None:
    """Let every request remove files that cannot be masked, as `--remove-files` does."""
    small_installation.options = RequestOptions(removes_files=True)
