"""An installation: its own folder, absolute and private, and its secrets by name."""

import os
import stat
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.system.installation import Installation

AS_ANYBODY = pytest.mark.skipif(os.getuid() == 0, reason="root may use anybody's folder")


def test_its_home_lies_in_the_workspace_where_nothing_else_is_set(tmp_path: Path) -> None:
    installation = Installation.open(tmp_path, {})
    assert installation.home == tmp_path / ".portcullis"
    assert installation.home.is_dir()


def test_its_home_is_the_folder_that_the_environment_names(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    installation = Installation.open(tmp_path, {"PORTCULLIS_HOME": str(home)})
    assert installation.home == home
    assert not (tmp_path / ".portcullis").exists()


def test_a_home_that_is_made_is_closed_to_others(tmp_path: Path) -> None:
    home = Installation.open(tmp_path, {}).home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_its_home_is_absolute_whatever_the_workspace_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Installation.open(Path(), {}).home == tmp_path / ".portcullis"


def test_a_relative_home_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^\$PORTCULLIS_HOME: expected an absolute path"):
        Installation.open(tmp_path, {"PORTCULLIS_HOME": "home"})
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_variable_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PORTCULLIS_HOME"):
        Installation.open(tmp_path, {"PORTCULLIS_HOEM": str(tmp_path / "home")})
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_its_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ConfigError, match="found FileExistsError"):
        Installation.open(tmp_path, {"PORTCULLIS_HOME": str(tmp_path / "home")})


def test_a_home_of_another_account_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="one of another account"):
        Installation.open(tmp_path, {"PORTCULLIS_HOME": str(tmp_path)})


@AS_ANYBODY
def test_a_home_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    with pytest.raises(ConfigError, match="may not be written to"):
        Installation.open(tmp_path, {"PORTCULLIS_HOME": str(home)})


def test_a_secret_s_variable_is_its_name_in_capitals(tmp_path: Path) -> None:
    variable = "PORTCULLIS_SECRET_CUSTODIAN_FIRST"
    installation = Installation.open(tmp_path, {variable: "ab" * 32})
    assert installation.secret("custodian-first") == bytes.fromhex("ab" * 32)
    assert list(installation.home.iterdir()) == []


def test_secrets_of_two_names_differ_and_lie_in_two_files(tmp_path: Path) -> None:
    installation = Installation.open(tmp_path, {})
    assert installation.secret("seal") != installation.secret("pepper")
    assert {path.name for path in installation.home.iterdir()} == {"seal.key", "pepper.key"}
