"""root gives no account what a link leads to."""

import os
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.service.daemon import _make_folders
from tasks.service.service_config import Account, ServiceConfig

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to accounts: needs root")
WORKER = Account("worker", 65533, 65533)
STAGE = Account("stage", 65534, 65534)


def config_of(folder: Path) -> ServiceConfig:
    return ServiceConfig.model_validate(
        {
            "accounts": {"worker": "worker", "stage": "stage", "clients": "users"},
            "places": {"state": folder / "state", "socket": folder / "run" / "worker.sock"},
            "code": {"remote": "file:///models.git"},
        }
    )


def test_each_folder_has_its_owner_and_nobody_else_enters(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    _make_folders(config, WORKER, STAGE)
    state = tmp_path / "state"
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in state.iterdir()}
    assert modes == {
        "home": "0o700",
        "mirrors": "0o700",
        "trees": "0o750",
        "workspaces": "0o750",
        "stage": "0o700",
        "rooms": "0o711",
    }
    assert state.stat().st_uid == 0
    assert (state / "trees").stat().st_gid == STAGE.gid


@pytest.mark.parametrize("name", ["stage", "workspaces", "rooms"])
def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    config = config_of(tmp_path)
    _make_folders(config, WORKER, STAGE)
    target = tmp_path / "root's"
    target.mkdir()
    (tmp_path / "state" / name).rmdir()
    (tmp_path / "state" / name).symlink_to(target)
    with pytest.raises(ConfigError, match="found a link, or no folder"):
        _make_folders(config, WORKER, STAGE)
    assert target.stat().st_uid == 0


def test_what_the_stage_s_account_puts_into_its_folder_is_not_followed(tmp_path: Path) -> None:
    # It owns the folder of the key store: a link there must not become its own at the next start.
    config = config_of(tmp_path)
    _make_folders(config, WORKER, STAGE)
    target = tmp_path / "root's"
    target.mkdir(mode=0o755)
    (tmp_path / "state" / "stage" / "tmp").symlink_to(target)
    _make_folders(config, WORKER, STAGE)
    assert target.stat().st_uid == 0
    assert target.stat().st_mode & 0o777 == 0o755


def test_rooms_of_stages_that_were_killed_are_removed(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    _make_folders(config, WORKER, STAGE)
    left = tmp_path / "state" / "rooms" / "0123" / "home"
    left.mkdir(parents=True)
    (left / "cache").write_text("x")
    _make_folders(config, WORKER, STAGE)
    assert list((tmp_path / "state" / "rooms").iterdir()) == []
