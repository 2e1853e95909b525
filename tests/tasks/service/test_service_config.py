"""What decides over releases is read from files that root alone can write to."""

import os
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.service.service_config import read_service_config

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files of root: needs root")
TEXT = """
[accounts]
worker = "worker"
stage = "stage"
clients = "users"
[places]
state = "/var/lib/portcullis"
socket = "/run/portcullis/worker.sock"
[code]
remote = "file:///models.git"
"""


def config_at(folder: Path, more: str = "") -> Path:
    path = folder / "worker.toml"
    path.write_text(TEXT + more)
    path.chmod(0o640)
    return path


def test_limits_have_defaults(tmp_path: Path) -> None:
    assert read_service_config(config_at(tmp_path)).limits.sessions_per_account == 8


@pytest.mark.parametrize("mode", [0o660, 0o646], ids=["the group", "everybody"])
def test_a_file_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    path = config_at(tmp_path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="root alone may write to"):
        read_service_config(path)


def test_signers_that_somebody_else_can_add_to_are_refused(tmp_path: Path) -> None:
    signers = tmp_path / "allowed_signers"
    signers.write_text("")
    os.chown(signers, 65534, 65534)
    path = config_at(tmp_path, f'allowed_signers = "{signers}"\n')
    with pytest.raises(ConfigError, match="allowed_signers: expected a file that root alone"):
        read_service_config(path)


def test_an_unknown_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"limits\.stage_hours"):
        read_service_config(config_at(tmp_path, "[limits]\nstage_hours = 1\n"))
