"""root gives no account what a link leads to; and the worker takes clients as there is room."""

import json
import logging
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigError, ServiceError
from tasks.service import daemon
from tasks.service.daemon import (
    _answer_all,
    _bind,
    _make_folders,
    _require_distinct,
    _start_session,
    _turn_away,
    launcher_socket,
    serve,
)
from tasks.service.launcher import Launcher
from tasks.service.service_config import Account, Limits, ServiceConfig
from tasks.service.session_table import SessionTable
from tests.tasks.service.conftest import Fork

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to accounts: needs root")
WORKER = Account("worker", 65533, 65533)
STAGE = Account("stage", 65534, 65534)
DEADLINE_SECONDS = 20

# The suite's runner has a thread of its own, of which Python 3.12 and later warn where a process
# forks. No child here takes a lock that this thread could hold.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def config_of(folder: Path) -> ServiceConfig:
    return ServiceConfig.model_validate(
        {
            "accounts": {"worker": "worker", "stage": "stage", "clients": "users"},
            "places": {"state": folder / "state", "socket": folder / "run" / "worker.sock"},
            "code": {"remote": "file:///models.git"},
        }
    )


@needs_root
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


@needs_root
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


@needs_root
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


@needs_root
def test_rooms_of_stages_that_were_killed_are_removed(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    _make_folders(config, WORKER, STAGE)
    left = tmp_path / "state" / "rooms" / "0123" / "home"
    left.mkdir(parents=True)
    (left / "cache").write_text("x")
    _make_folders(config, WORKER, STAGE)
    assert list((tmp_path / "state" / "rooms").iterdir()) == []


@needs_root
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "home").write_text("x")
    with pytest.raises(ConfigError, match="found a link, or no folder"):
        _make_folders(config, WORKER, STAGE)


@pytest.mark.parametrize(
    ("worker", "stage"),
    [
        (Account("root", 0, 0), STAGE),
        (WORKER, Account("root", 0, 0)),
        (WORKER, Account("stage", WORKER.uid, STAGE.gid)),
        (WORKER, Account("stage", STAGE.uid, WORKER.gid)),
    ],
    ids=["worker is root", "stage is root", "one account", "one group"],
)
def test_accounts_that_could_read_each_other_s_files_are_refused(
    worker: Account, stage: Account
) -> None:
    with pytest.raises(ConfigError, match="two ordinary accounts with groups of their own"):
        _require_distinct(worker, stage)


def test_two_ordinary_accounts_are_taken() -> None:
    _require_distinct(WORKER, STAGE)


# Sockets


def test_a_socket_is_open_to_its_owner_and_group_alone(tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    with _bind(path, 0o660, os.getuid(), os.getgid()) as listener:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert listener.type == socket.SOCK_STREAM


def test_the_launcher_s_socket_keeps_one_request_from_the_next(tmp_path: Path) -> None:
    with _bind(tmp_path / "s", 0o600, os.getuid(), os.getgid(), is_packets=True) as listener:
        assert listener.type == socket.SOCK_SEQPACKET


def test_the_umask_stays_as_it_was(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        _bind(tmp_path / "worker.sock", 0o660, os.getuid(), os.getgid()).close()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_a_socket_that_a_service_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    _bind(path, 0o660, os.getuid(), os.getgid()).close()
    with _bind(path, 0o660, os.getuid(), os.getgid()), socket.socket(socket.AF_UNIX) as client:
        assert client.connect_ex(str(path)) == 0


def test_a_file_in_the_place_of_a_socket_is_left_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    path.write_text("a file of somebody's")
    with pytest.raises(ConfigError, match="expected a socket, or nothing; found something else"):
        _bind(path, 0o660, os.getuid(), os.getgid())
    assert path.read_text() == "a file of somebody's"


def test_a_socket_of_a_service_that_runs_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    with _bind(path, 0o660, os.getuid(), os.getgid()):
        with pytest.raises(ServiceError, match="found another service"):
            _bind(path, 0o660, os.getuid(), os.getgid())
        with socket.socket(socket.AF_UNIX) as client:
            assert client.connect_ex(str(path)) == 0


def test_the_launcher_listens_in_a_folder_of_the_worker_s_account(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert launcher_socket(config).parent == config.places.state / "home"


# Start


@dataclass
class Start:
    """A start of the service, of which each step is noted and none is made."""

    config_path: Path
    steps: list[str] = field(default_factory=list)
    bound: list[tuple[Path, int, int, int, bool]] = field(default_factory=list)
    listeners: list[socket.socket] = field(default_factory=list)

    def note(self, step: str) -> Callable[..., None]:
        return lambda *_, **__: self.steps.append(step)

    def bind(
        self, path: Path, mode: int, uid: int, gid: int, *, is_packets: bool = False
    ) -> socket.socket:
        self.bound.append((path, mode, uid, gid, is_packets))
        self.listeners.append(socket.socket(socket.AF_UNIX))
        return self.listeners[-1]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    start = Start(tmp_path / "worker.toml")
    accounts = {"worker": WORKER, "stage": STAGE}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(daemon, "read_service_config", lambda _: config_of(tmp_path))
    monkeypatch.setattr(daemon, "account", accounts.__getitem__)
    monkeypatch.setattr(daemon, "group_id", lambda _: 100)
    monkeypatch.setattr(daemon, "_bind", start.bind)

    # None of these is for the process of the suite.
    monkeypatch.setattr(signal, "signal", start.note("take signals"))
    monkeypatch.setattr(daemon, "_make_folders", start.note("make folders"))
    monkeypatch.setattr(daemon, "end_with_parent", start.note("end with the worker"))
    monkeypatch.setattr(daemon, "hide_from_others", start.note("hide"))
    monkeypatch.setattr(daemon, "become", lambda account: start.steps.append(account.name))
    monkeypatch.setattr(daemon, "_answer_all", start.note("answer clients"))
    monkeypatch.setattr(Launcher, "serve", start.note("serve the worker"))
    yield start
    for listener in start.listeners:
        listener.close()


def test_the_service_is_started_by_root_alone(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match=r"to be started by root.*found uid 1000"):
        serve(start.config_path)
    assert start.steps == []


def test_privileges_are_given_up_before_any_client_is_answered(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", lambda: 4711)
    serve(start.config_path)
    assert start.steps == ["make folders", "worker", "hide", "answer clients"]


def test_clients_reach_the_worker_and_the_worker_alone_reaches_the_launcher(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", lambda: 4711)
    serve(start.config_path)
    assert start.bound == [
        (tmp_path / "state" / "home" / "launcher.sock", 0o600, WORKER.uid, WORKER.gid, True),
        (tmp_path / "run" / "worker.sock", 0o660, WORKER.uid, 100, False),
    ]
    launcher_listener, client_listener = start.listeners
    assert launcher_listener.fileno() == -1
    assert client_listener.fileno() >= 0


def test_the_launcher_goes_with_the_worker_and_hears_no_client(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exit_launcher(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(os, "_exit", exit_launcher)
    with pytest.raises(SystemExit, match="0"):
        serve(start.config_path)

    assert start.steps == [
        "make folders",
        "end with the worker",
        "take signals",
        "serve the worker",
    ]
    launcher_listener, client_listener = start.listeners
    assert launcher_listener.fileno() >= 0
    assert client_listener.fileno() == -1


# Clients


@dataclass
class Service:
    """A listener whose clients already wait, and a child in the place of the launcher.

    The launcher's end is what ends `_answer_all`: `stop` lets it go.
    """

    fork: Fork
    listener: socket.socket
    path: Path
    stack: ExitStack
    launcher: int
    leash: int

    def client(self) -> socket.socket:
        """Return a client that has connected, and waits to be accepted."""
        client = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        client.settimeout(DEADLINE_SECONDS)
        client.connect(str(self.path))
        return client

    def stop(self) -> None:
        """Let the launcher end, and wait until it has; the service finds out by itself."""
        os.close(self.leash)
        os.waitid(os.P_PID, self.launcher, os.WEXITED | os.WNOWAIT)

    def start_ended_session(self) -> int:
        """Start a session that is over when this returns, and not yet waited for."""
        pid = self.fork(lambda: 0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return pid

    def answer_all(self, **limits: int) -> None:
        """Answer clients until the launcher ends."""
        config = config_of(self.path.parent).model_copy(update={"limits": Limits(**limits)})
        with pytest.raises(ServiceError, match="launcher: expected to run as long"):
            _answer_all(self.listener, self.launcher, Path("worker.toml"), config)


@pytest.fixture
def service(fork: Fork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(daemon, "BUSY_SECONDS", 0.0)
    path = tmp_path / "worker.sock"
    leash_read, leash_write = os.pipe()

    def until_let_go() -> int:
        os.close(leash_write)
        os.read(leash_read, 1)
        return 0

    launcher = fork(until_let_go)
    os.close(leash_read)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen()
        yield Service(fork, listener, path, stack, launcher, leash_write)


def test_the_service_ends_when_its_launcher_has_ended(service: Service) -> None:
    service.client()
    service.stop()
    service.answer_all()


def test_a_session_that_has_ended_makes_room_for_the_next(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    uids: list[int] = []

    def start_session(_: object, __: object, uid: int, *___: object) -> int:
        uids.append(uid)
        if len(uids) == 2:
            service.stop()
        return service.start_ended_session()

    monkeypatch.setattr(daemon, "_start_session", start_session)
    service.client()
    service.client()
    service.answer_all(sessions=1)
    assert uids == [os.getuid(), os.getuid()]


def test_a_session_that_ends_while_nobody_asks_leaves_no_zombie(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids: list[int] = []
    remove_ended = SessionTable.remove_ended

    def start_session(*_: object) -> int:
        pids.append(service.start_ended_session())
        return pids[-1]

    def remove_and_stop(sessions: SessionTable, descriptor: int) -> None:
        remove_ended(sessions, descriptor)
        service.stop()

    monkeypatch.setattr(daemon, "_start_session", start_session)
    monkeypatch.setattr(SessionTable, "remove_ended", remove_and_stop)
    service.client()
    service.answer_all()

    (pid,) = pids
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


@pytest.mark.parametrize("limit", ["sessions", "sessions_per_account"])
def test_a_client_too_many_is_turned_away_and_the_first_is_served(
    service: Service, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    session_read, session_write = os.pipe()

    def start_session(*_: object) -> int:
        def until_let_go() -> int:
            # Held here as well, the launcher's leash would never be let go.
            os.close(service.leash)
            os.close(session_write)
            os.read(session_read, 1)
            return 0

        return service.fork(until_let_go)

    def turn_away(connection: socket.socket) -> None:
        _turn_away(connection)
        service.stop()

    monkeypatch.setattr(daemon, "_start_session", start_session)
    monkeypatch.setattr(daemon, "_turn_away", turn_away)
    served = service.client()
    refused = service.client()
    service.answer_all(**{limit: 1})

    os.close(session_read)
    os.close(session_write)
    assert served.recv(4096) == b""
    assert json.loads(refused.recv(4096))["tell"] == "failed"


def test_a_client_that_no_process_is_left_for_is_turned_away_and_the_service_stays(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started: list[int] = []

    def start_session(*_: object) -> int:
        started.append(len(started))
        if len(started) == 1:
            raise BlockingIOError("no process is left")
        service.stop()
        return service.start_ended_session()

    monkeypatch.setattr(daemon, "_start_session", start_session)
    service.client()
    service.client()
    with caplog.at_level(logging.WARNING):
        service.answer_all()
    assert started == [0, 1]
    assert caplog.messages == ["worker: a client was turned away: BlockingIOError"]


def test_a_client_that_is_turned_away_reads_why_though_its_request_was_not_read() -> None:
    answering, asking = socket.socketpair()
    with asking:
        asking.settimeout(DEADLINE_SECONDS)
        asking.send(b'{"ask": "release"}\n')
        with answering:
            _turn_away(answering)
        answer = json.loads(asking.recv(4096))
    assert answer["tell"] == "failed"
    assert "expected a session that is free" in answer["message"]
    assert answer["exit_code"] == ServiceError.exit_code


def test_a_client_that_has_gone_is_turned_away_without_an_error() -> None:
    answering, asking = socket.socketpair()
    asking.close()
    with answering:
        _turn_away(answering)


@dataclass
class Spawned:
    """A program that was to be started."""

    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    closed: list[int] = field(default_factory=list)

    def posix_spawn(
        self, path: str, command: list[str], environment: dict[str, str], **options: Any
    ) -> int:
        self.command = [path, *command]
        self.environment = environment
        self.closed = [descriptor for _, descriptor in options["file_actions"]]
        return 4711


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> Spawned:
    spawned = Spawned()
    monkeypatch.setattr(os, "posix_spawn", spawned.posix_spawn)
    return spawned


def test_a_session_gets_its_client_and_not_the_listener(tmp_path: Path, spawned: Spawned) -> None:
    connection, other = socket.socketpair()
    with connection, other, socket.socket(socket.AF_UNIX) as listener:
        path = tmp_path / "worker.toml"
        assert _start_session(listener, connection, 1000, path, config_of(tmp_path)) == 4711
        assert spawned.command[-3:] == [str(connection.fileno()), str(path), "1000"]
        assert spawned.closed == [listener.fileno()]
        assert os.get_inheritable(connection.fileno())


def test_a_session_s_environment_is_the_administrator_s_and_not_that_of_the_start(
    tmp_path: Path, spawned: Spawned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "2020-01-01")
    environment = {"worker": {"PORTCULLIS_LEDGER_URL": "x", "PORTCULLIS_HOME": "/elsewhere"}}
    values = config_of(tmp_path).model_dump() | {"environment": environment}
    config = ServiceConfig.model_validate(values)
    connection, other = socket.socketpair()
    with connection, other, socket.socket(socket.AF_UNIX) as listener:
        _start_session(listener, connection, 1000, tmp_path, config)

    assert "PORTCULLIS_TODAY" not in spawned.environment
    assert spawned.environment["PORTCULLIS_LEDGER_URL"] == "x"
    assert spawned.environment["PORTCULLIS_HOME"] == str(tmp_path / "state" / "home")
