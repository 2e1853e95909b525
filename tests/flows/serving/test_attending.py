"""What attends a release: which API it takes, when it gives up on it, and how it ends processes."""

import http.server
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.serving import attending
from flows.serving.attending import (
    PrefectApi,
    attend_command,
    crash_unfinished_runs,
    end_session,
    find_configured_url,
    find_refusal,
    open_api,
    require_tracking_server,
    wait_for_api,
)
from flows.serving.ports import find_free_port
from tasks.errors import ServiceError
from tasks.settings import Settings
from tests.installations import settings_now


@pytest.fixture
def answering() -> Iterator[str]:
    """A server that answers everything with 401: somebody is there."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.fixture
def dead() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/api"


@pytest.fixture(
    params=[b"SSH-2.0-x\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b'HTTP/1.0 200 OK\r\n\r\n["x"]']
)
def foreign(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that answers everything, and is not Prefect's."""

    class Answering(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(request.param)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
        server.shutdown()


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_the_api_is_that_of_the_environment_or_of_the_active_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    assert find_configured_url(settings_now()) is None
    profiles = (
        'active = "bank"\n[profiles.bank]\nPREFECT_API_URL = "https://bank.example/api"\n'
        "[profiles.other]\n"
    )
    (tmp_path / "profiles.toml").write_text(profiles)
    assert find_configured_url(settings_now()) == "https://bank.example/api"
    monkeypatch.setenv("PREFECT_PROFILE", "other")
    assert find_configured_url(settings_now()) is None
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert find_configured_url(settings_now()) == "http://127.0.0.1:1/api"
    (tmp_path / "profiles.toml").write_text("no toml [")
    monkeypatch.delenv("PREFECT_API_URL")
    assert find_configured_url(settings_now()) is None


@pytest.mark.parametrize(
    "profiles", ['profiles = "bank"', "[profiles]\nbank = 1", 'active = ["bank"]\n[profiles.bank]']
)
def test_profiles_of_another_form_are_prefect_s_to_complain_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profiles: str
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    (tmp_path / "profiles.toml").write_text(
        profiles if "active" in profiles else f'active = "bank"\n{profiles}'
    )
    assert find_configured_url(settings_now()) is None


def test_a_configured_api_that_answers_anything_is_taken(
    answering: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", answering)
    with open_api(settings_now()) as api:
        assert (api.url, api.process) == (answering, None)
        assert api.problem() is None
    wait_for_api(answering, 5)


def test_a_configured_api_that_does_not_is_refused_without_its_password(
    dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", dead.replace("//", "//me:hunter2@"))
    with (
        pytest.raises(ServiceError, match="found ConnectionRefusedError") as error,
        open_api(settings_now()),
    ):
        pytest.fail("it was begun")
    assert "hunter2" not in str(error.value)


def test_an_api_that_never_answers_is_not_waited_for_without_end(dead: str) -> None:
    with pytest.raises(ServiceError, match=r"expected an answer within 0.3 s"):
        wait_for_api(dead, 0.3)


def test_a_server_that_has_ended_is_not_waited_for(dead: str) -> None:
    with subprocess.Popen(python("raise SystemExit(3)")) as server:
        started = time.monotonic()
        with pytest.raises(ServiceError, match="the server ended with exit code 3") as error:
            wait_for_api(dead, 60, process=server, remedy="Look above.")
    assert time.monotonic() - started < 30
    assert str(error.value).endswith("Look above.")


def test_one_refusal_is_not_yet_a_dead_server_and_two_in_a_row_are(
    dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attending, "PING_SECONDS", 0)
    monkeypatch.setattr(attending, "find_refusal", lambda *_: answers.pop(0))
    refused = "ConnectionRefusedError"
    answers: list[str | None] = [refused, None, refused, "gaierror", refused, refused]
    api = PrefectApi(dead)
    assert [api.problem() for _ in range(6)] == [None] * 5 + [refused]


def test_what_is_attended_passes_its_exit_code_and_its_api_on(answering: str) -> None:
    script = f"import os, sys; sys.exit(7 if os.environ['PREFECT_API_URL'] == {answering!r} else 1)"
    assert attend_command(python(script), PrefectApi(answering)) == 7
    assert (
        attend_command(python("import os; os.kill(os.getpid(), 9)"), PrefectApi(answering)) == 137
    )


def test_where_the_api_dies_what_is_attended_is_ended_with_all_that_it_started(
    tmp_path: Path,
) -> None:
    server = subprocess.Popen(python("import time; time.sleep(0.5)"))
    script = (
        "import pathlib, signal, subprocess, sys, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid)); time.sleep(60)"
    )
    started = time.monotonic()
    with pytest.raises(
        ServiceError, match="expected to be there until the end; found it ended with exit code 0"
    ):
        attend_command(python(script), PrefectApi("http://127.0.0.1:9/api", server))
    assert time.monotonic() - started < 5
    if (pid := tmp_path / "pid").exists():
        while is_running(int(pid.read_text())) and time.monotonic() - started < 5:
            time.sleep(0.01)
        assert not is_running(int(pid.read_text()))


def test_what_does_not_end_when_asked_is_killed_after_its_grace_or_at_a_second_signal() -> None:
    deaf = python(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(1, flush=True); time.sleep(60)"
    )
    for grace, impatient in ((0.3, None), (30.0, Growing())):
        with subprocess.Popen(deaf, stdout=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            started = time.monotonic()
            end_session(process, grace, impatient)
            assert time.monotonic() - started < 5
            assert process.returncode == -signal.SIGKILL


class Growing(list[int]):
    """Signals received so far: one at first, another one soon after."""

    def __len__(self) -> int:
        self.append(signal.SIGINT)
        return super().__len__()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_what_is_not_prefect_s_does_not_hide_how_a_release_ended(foreign: str) -> None:
    crash_unfinished_runs(foreign, "command-1")
    crash_unfinished_runs(foreign.replace("//", "//me:hunter2@"), "command-1")


def test_a_server_that_speaks_no_http_is_refused_by_what_went_wrong() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"SSH-2.0-x\r\n")

        threading.Thread(target=answer, daemon=True).start()
        assert find_refusal(f"http://127.0.0.1:{server.getsockname()[1]}/api", 5) == "BadStatusLine"


@pytest.mark.parametrize(
    "uri", ["", "sqlite:////tmp/mlflow.db", "postgresql://db/mlflow", "mlruns"]
)
def test_a_registry_that_is_no_server_is_not_asked(uri: str) -> None:
    require_tracking_server(Settings.from_environment({"MLFLOW_TRACKING_URI": uri}))


def test_a_registry_that_nobody_answers_for_is_told_without_its_password() -> None:
    uri = f"http://user:secret@127.0.0.1:{find_free_port()}"
    with pytest.raises(ServiceError, match="ConnectionRefusedError") as refused:
        require_tracking_server(Settings.from_environment({"MLFLOW_TRACKING_URI": uri}))
    assert "secret" not in str(refused.value)
