"""A folder that Prefect would end with a traceback about is one line beforehand."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.serving.prefect_folder import check_prefect_folder, prefect_folder
from tasks.errors import ConfigError
from tasks.settings import Settings


def settings(**environ: str) -> Settings:
    return Settings.from_environment(environ)


def under_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "prefect"


def nowhere(folder: Path) -> Path:
    return Path("/proc/nonexistent/prefect")


def a_file(folder: Path) -> Path:
    (folder / "prefect").touch()
    return folder / "prefect"


@pytest.mark.parametrize("place", [under_a_file, nowhere, a_file])
def test_a_folder_that_cannot_be_made_is_refused(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    with pytest.raises(ConfigError, match="expected a folder for Prefect's files"):
        check_prefect_folder(settings(PREFECT_HOME=str(place(tmp_path))))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="may not write"):
        check_prefect_folder(settings(PREFECT_HOME=str(tmp_path)))


def test_a_folder_that_is_not_there_yet_is_made_for_this_account_alone(tmp_path: Path) -> None:
    check_prefect_folder(settings(PREFECT_HOME=str(tmp_path / "a" / "prefect")))
    assert (tmp_path / "a" / "prefect").stat().st_mode & 0o777 == 0o700


def test_without_one_it_is_below_the_home_and_without_that_it_has_to_be_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert prefect_folder(settings()) == tmp_path / ".prefect"

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ConfigError, match="no home of this account"):
        prefect_folder(settings())
