"""What decides over releases is read from files that root alone can write to."""

import grp
import os
import pwd
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.service.service_config import Account, account, group_id, read_service_config

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files of root: needs root")
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


@needs_root
def test_limits_have_defaults(tmp_path: Path) -> None:
    assert read_service_config(config_at(tmp_path)).limits.sessions_per_account == 8


@needs_root
@pytest.mark.parametrize("mode", [0o660, 0o646], ids=["the group", "everybody"])
def test_a_file_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    path = config_at(tmp_path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="root alone may write to"):
        read_service_config(path)


@needs_root
def test_signers_that_somebody_else_can_add_to_are_refused(tmp_path: Path) -> None:
    signers = tmp_path / "allowed_signers"
    signers.write_text("")
    os.chown(signers, 65534, 65534)
    path = config_at(tmp_path, f'allowed_signers = "{signers}"\n')
    with pytest.raises(ConfigError, match="allowed_signers: expected a file that root alone"):
        read_service_config(path)


@needs_root
def test_a_file_is_judged_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lay there a moment before was root's."""
    path = config_at(tmp_path)
    earlier = path.stat()
    path.chmod(0o666)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: earlier)
    with pytest.raises(ConfigError, match="root alone may write to"):
        read_service_config(path)


@needs_root
@pytest.mark.parametrize("name", ["state", "socket"])
def test_a_place_that_is_not_absolute_is_refused(tmp_path: Path, name: str) -> None:
    path = config_at(tmp_path)
    path.write_text(TEXT.replace(f'{name} = "/', f'{name} = "'))
    with pytest.raises(ConfigError, match=f"places.{name}: .*no absolute path"):
        read_service_config(path)


@needs_root
def test_an_unknown_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"limits\.stage_hours"):
        read_service_config(config_at(tmp_path, "[limits]\nstage_hours = 1\n"))


@needs_root
def test_signers_that_root_alone_adds_to_are_taken(tmp_path: Path) -> None:
    signers = tmp_path / "allowed_signers"
    signers.write_text("")
    signers.chmod(0o644)
    path = config_at(tmp_path, f'allowed_signers = "{signers}"\n')
    assert read_service_config(path).code.allowed_signers == signers


@needs_root
def test_a_file_of_another_account_is_refused(tmp_path: Path) -> None:
    path = config_at(tmp_path)
    os.chown(path, 65534, 65534)
    with pytest.raises(ConfigError, match="root alone may write to"):
        read_service_config(path)


@needs_root
@pytest.mark.parametrize(
    "content", [b"[accounts", TEXT.encode() + b"# \xff\n"], ids=["half a table", "no UTF-8"]
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = config_at(tmp_path)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="expected TOML"):
        read_service_config(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: expected a file; found FileNotFound"):
        read_service_config(tmp_path / "absent.toml")


# Accounts and groups of this machine


def test_an_account_has_the_numbers_of_this_machine() -> None:
    entry = pwd.getpwuid(os.getuid())
    assert account(entry.pw_name) == Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def test_an_account_that_is_missing_is_named_with_how_to_make_it() -> None:
    with pytest.raises(ConfigError, match=r"account `no-such-account`.*useradd --system"):
        account("no-such-account")


def test_a_group_has_the_number_of_this_machine() -> None:
    entry = grp.getgrall()[0]
    assert group_id(entry.gr_name) == entry.gr_gid


def test_a_group_that_is_missing_is_named_with_how_to_make_it() -> None:
    with pytest.raises(ConfigError, match=r"group `no-such-group`.*groupadd --system"):
        group_id("no-such-group")
