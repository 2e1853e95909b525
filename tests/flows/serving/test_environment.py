"""What every command works under, whatever it was started with."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.serving.environment import UNLESS_SET, settle, settle_imports, settle_umask
from tasks.isolated import GARBAGE_THRESHOLDS

CHECKOUT = Path(__file__).parents[3]


def test_loopback_is_left_out_of_proxies_and_what_was_left_out_stays_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "bank.example,localhost")
    settle()
    settle()
    assert os.environ["NO_PROXY"] == "bank.example,localhost,127.0.0.1,::1"
    assert os.environ["no_proxy"] == "127.0.0.1,localhost,::1"


def test_another_repository_a_person_s_shell_and_telemetry_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    monkeypatch.setenv("SHELL", "/usr/sbin/nologin")
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "true")
    settle()
    assert "GIT_DIR" not in os.environ
    assert os.environ["GIT_SSH_COMMAND"] == "ssh -i key"
    assert os.environ["SHELL"] == "/bin/sh"
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "true"  # a person's own choice stays


def test_prefect_reads_how_often_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in UNLESS_SET:
        monkeypatch.delenv(name, raising=False)
    settle()
    from prefect.settings import Settings

    settings = Settings()
    assert settings.worker.query_seconds == 2
    assert settings.server.deployments.concurrency_slot_wait_seconds == 5


def test_the_list_of_git_s_own_variables_is_git_s() -> None:
    from flows.serving.environment import OTHER_REPOSITORY

    listed = subprocess.run(
        ["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True
    )
    missing = set(listed.stdout.split()) - set(OTHER_REPOSITORY)
    assert missing <= {"GIT_INTERNAL_SUPER_PREFIX", "GIT_REF_STORAGE_FORMAT"}


def test_an_account_without_a_name_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: (_ for _ in ()).throw(KeyError(uid)))
    settle()
    assert os.environ["LOGNAME"] == f"uid-{os.getuid()}"
    monkeypatch.delenv("LOGNAME")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_s_number_is_not_given_to_the_next_file(
    closed: str, tmp_path: Path
) -> None:
    script = (
        "from flows.serving.environment import settle_streams; settle_streams(); import sys;"
        f"stream = open({str(tmp_path / 'database')!r}, 'w'); assert stream.fileno() > 2;"
        "print('to nowhere'); print('ünd ✅', file=sys.stderr); stream.write('whole')"
    )
    command = ["/bin/sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", script]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "database").read_text() == "whole"


@pytest.mark.parametrize(("before", "after"), [(0o000, 0o002), (0o002, 0o002), (0o077, 0o077)])
def test_what_is_written_is_nobody_else_s_to_change(before: int, after: int) -> None:
    umask = os.umask(before)
    try:
        settle_umask()
        assert os.umask(before) == after
    finally:
        os.umask(umask)


def test_garbage_is_looked_for_as_seldom_as_in_the_stages() -> None:
    before = gc.get_threshold()
    try:
        settle_imports()
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
    finally:
        gc.set_threshold(*before)
