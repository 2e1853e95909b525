"""Where DVC keeps versions, asked of a real repository."""

import subprocess
import sys
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from tasks.pipeline.runner import open_repo
from tasks.pipeline.stores import VersionStore, list_version_stores


def run_dvc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments, "-q"], check=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "-q"], check=True)
    run_dvc("init")
    return folder


def paths_by_name(stores: tuple[VersionStore, ...]) -> dict[str, str]:
    return {store.name: store.path for store in stores}


def test_outside_a_repository_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list_version_stores() == ()


def test_the_run_cache_inside_the_cache_is_not_listed_twice(repository: Path) -> None:
    (store,) = list_version_stores()
    assert store.name == "DVC cache"
    assert Path(store.path) == repository / ".dvc" / "cache"


def test_a_cache_that_lies_elsewhere_is_listed_where_it_lies(
    repository: Path, tmp_path: Path
) -> None:
    run_dvc("cache", "dir", str(tmp_path / "shared"))
    paths = [Path(store.path) for store in list_version_stores()]
    assert tmp_path / "shared" in paths


def test_every_remote_is_listed_by_its_name(repository: Path, tmp_path: Path) -> None:
    for name in ("backup", "archive"):
        run_dvc("remote", "add", name, str(tmp_path / name))
    paths = paths_by_name(list_version_stores())
    assert paths["DVC remote backup"] == str(tmp_path / "backup")
    assert paths["DVC remote archive"] == str(tmp_path / "archive")


def test_a_local_store_is_read_by_fsspec_s_own_file_system(
    repository: Path, tmp_path: Path
) -> None:
    run_dvc("remote", "add", "backup", str(tmp_path / "backup"))
    assert all(type(store.fs) is LocalFileSystem for store in list_version_stores())


@pytest.mark.parametrize("cache", [None, "shared", "../beside"])
def test_caches_and_remotes_are_those_that_dvc_itself_would_open(
    repository: Path, tmp_path: Path, cache: str | None
) -> None:
    if cache:
        run_dvc("cache", "dir", cache)
    run_dvc("remote", "add", "backup", str(tmp_path / "backup"))
    run_dvc("remote", "add", "beside", "../remote of others")

    with open_repo() as repo:
        expected = {
            "DVC cache": repo.cache.local_cache_dir,
            "DVC remote backup": repo.cloud.get_remote("backup").path,
            "DVC remote beside": repo.cloud.get_remote("beside").path,
        }
        assert Path(repo.stage_cache.cache_dir).parent == Path(expected["DVC cache"])
    assert paths_by_name(list_version_stores()) == expected
