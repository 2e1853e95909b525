"""What the launcher is asked for, whom it answers, and what ends a stage."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tasks.service import launcher as launching
from tasks.service.error_passage import ErrorPassage
from tasks.service.isolation import Isolation
from tasks.service.launcher import (
    Launcher,
    Request,
    Streams,
    _inputs_of,
    _Launch,
    _stand_in,
    _Wait,
    peer_uid,
)
from tasks.service.service_config import Account, Limits
from tasks.service.stage_room import StageRoom
from tests.tasks.service.conftest import Fork
from tests.tasks.service.test_daemon import config_of

Ends = tuple[socket.socket, socket.socket]

REQUEST: dict[str, Any] = {"stage": "ingest", "case": "loan", "snapshot": "a" * 64, "network": True}
OWN = Account("own", os.getuid(), os.getgid())
OTHER = Account("other", os.getuid() + 1, os.getgid() + 1)
STAGE = Account("stage", 65534, 65534)
APART = Isolation("stage", "none", "own", "own")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to accounts: needs root")
end_process = os._exit

# The suite's runner has a thread of its own, of which Python 3.12 and later warn where a process
# forks. No child here takes a lock that this thread could hold.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def launcher_at(folder: Path, worker: Account = OWN, **limits: int) -> Launcher:
    config = config_of(folder).model_copy(update={"limits": Limits(**limits)})
    return Launcher(config, worker, STAGE)


def run_folder_in(folder: Path, name: str = ".run-1") -> Path:
    """Make a run folder of the use case, with the folder that the stage writes to."""
    path = folder / "state" / "workspaces" / "loan" / "data" / name
    (path / "data" / "loan" / "ingest").mkdir(parents=True)
    return path


def launch_in(folder: Path, streams: Streams | None = None, **change: Any) -> _Launch:
    room = StageRoom(folder / "room")
    room.path.mkdir(exist_ok=True)
    request = Request(**(REQUEST | change))
    return _Launch(request, streams or Streams(-1, -1, -1, -1), run_folder_in(folder), room)


@dataclass
class Clock:
    """What the launcher takes the time from."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds


# What is asked


def test_a_request_names_a_stage_a_use_case_and_a_snapshot() -> None:
    request = Request.read(json.dumps(REQUEST).encode())
    assert request == Request("ingest", "loan", "a" * 64, network=True)


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "other"},
        {"case": "../x"},
        {"snapshot": "../trees"},
        {"snapshot": "a" * 63},
        {"snapshot": "a" * 64 + "\n"},
        {"network": 1},
        {"environment": {}},
    ],
)
def test_any_other_request_is_none(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no request"):
        Request.read(json.dumps(REQUEST | change).encode())


@pytest.mark.parametrize("left_out", REQUEST)
def test_a_request_without_one_of_its_parts_is_none(left_out: str) -> None:
    values = {name: value for name, value in REQUEST.items() if name != left_out}
    with pytest.raises(ValueError, match="no request"):
        Request.read(json.dumps(values).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff"])
def test_what_is_no_object_in_json_is_no_request(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the parser's own words, or ours
        Request.read(data)


# Who is answered


def test_the_kernel_says_whose_process_asks(ends: Ends) -> None:
    assert peer_uid(ends[0]) == os.getuid()


def test_another_account_than_the_worker_s_gets_no_answer(tmp_path: Path, ends: Ends) -> None:
    answering, asking = ends
    asking.send(json.dumps(REQUEST).encode())
    launcher_at(tmp_path, worker=OTHER)._answer(answering)
    answering.shutdown(socket.SHUT_WR)
    assert asking.recv(4096) == b""


@pytest.mark.parametrize(
    "data", [b"{}", json.dumps(REQUEST).encode()], ids=["no request", "no descriptors"]
)
def test_a_refusal_is_answered_by_its_kind_and_logged(
    tmp_path: Path, ends: Ends, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    answering, asking = ends
    asking.send(data)
    launcher_at(tmp_path)._answer(answering)
    assert json.loads(asking.recv(4096)) == {"error": "ValueError"}
    assert "launcher: refused: ValueError" in caplog.text


def test_the_worker_gets_what_became_of_the_stage_it_named(
    tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_stage(
        _: Launcher, request: Request, descriptors: list[int], connection: socket.socket
    ) -> dict[str, Any]:
        for descriptor in descriptors:
            os.close(descriptor)
        return {"code": len(descriptors), "stage": request.stage}

    monkeypatch.setattr(Launcher, "_run", run_stage)
    answering, asking = ends
    socket.send_fds(asking, [json.dumps(REQUEST).encode()], [0, 1, 2, 2])
    launcher_at(tmp_path)._answer(answering)
    assert json.loads(asking.recv(4096)) == {"code": 4, "stage": "ingest"}


def test_a_worker_that_has_gone_is_no_error(tmp_path: Path, ends: Ends) -> None:
    answering, asking = ends
    asking.send(b"{}")
    asking.close()
    launcher_at(tmp_path)._answer(answering)


def test_each_request_is_answered_by_a_process_of_its_own(
    tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_process = os.fork
    pids: list[int] = []

    def recorded_fork() -> int:
        pids.append(fork_process())
        return pids[-1]

    monkeypatch.setattr(os, "fork", recorded_fork)
    answering, asking = ends
    asking.send(b"{}")
    with socket.socket(socket.AF_UNIX) as listener:
        launcher_at(tmp_path)._answer_apart(answering, listener)
        assert listener.fileno() >= 0

    (pid,) = pids
    assert os.waitpid(pid, 0) == (pid, 0)
    assert json.loads(asking.recv(4096)) == {"error": "ValueError"}


class ListenerClosedError(Exception):
    """Nobody can ask any more."""


class ListenerOf:
    """A listener that accepts these, one after another: a connection, or what goes wrong."""

    def __init__(self, *accepted: socket.socket | Exception) -> None:
        self._accepted: Iterator[socket.socket | Exception] = iter(accepted)

    def accept(self) -> tuple[socket.socket, str]:
        accepted = next(self._accepted)
        if isinstance(accepted, Exception):
            raise accepted
        return accepted, ""


def test_a_launcher_without_descriptors_gives_up_the_request_and_stays(
    tmp_path: Path,
    ends: Ends,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answered: list[socket.socket] = []
    monkeypatch.setattr(Launcher, "_answer_apart", lambda *call: answered.append(call[1]))
    monkeypatch.setattr(launching, "BUSY_SECONDS", 0.0)
    # These are the whole process's: the launcher's alone, and not the suite's.
    handlers: list[tuple[int, object]] = []
    monkeypatch.setattr(signal, "signal", lambda *handler: handlers.append(handler))
    monkeypatch.setattr(os, "umask", lambda _: 0)

    listener: Any = ListenerOf(OSError(24, "no descriptor"), ends[0], ListenerClosedError())
    with pytest.raises(ListenerClosedError):
        launcher_at(tmp_path).serve(listener)

    assert answered == [ends[0]]
    assert ends[0].fileno() == -1
    assert caplog.messages == ["launcher: OSError"]
    assert handlers == [(signal.SIGCHLD, signal.SIG_IGN)]


# The run folder


def path_of(launcher: Launcher, folder: Path, case: str = "loan") -> Path:
    run = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return launcher._require_run_folder(run, case)
    finally:
        os.close(run)


def test_a_run_folder_of_the_use_case_is_taken_by_its_descriptor(tmp_path: Path) -> None:
    folder = run_folder_in(tmp_path)
    assert path_of(launcher_at(tmp_path), folder) == folder


def test_a_run_folder_of_another_use_case_is_refused(tmp_path: Path) -> None:
    folder = run_folder_in(tmp_path)
    with pytest.raises(ValueError, match="no run folder of this use case"):
        path_of(launcher_at(tmp_path), folder, case="credit")


def test_a_folder_of_the_workspace_that_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    folder = run_folder_in(tmp_path, name="published")
    with pytest.raises(ValueError, match="no run folder of this use case"):
        path_of(launcher_at(tmp_path), folder)


def test_a_folder_within_a_run_folder_is_refused(tmp_path: Path) -> None:
    folder = run_folder_in(tmp_path) / ".run-2"
    folder.mkdir()
    with pytest.raises(ValueError, match="no run folder of this use case"):
        path_of(launcher_at(tmp_path), folder)


@pytest.fixture
def descriptors(tmp_path: Path) -> Iterator[list[int]]:
    """What the worker passes: its run folder, and three streams."""
    (tmp_path / "state" / "rooms").mkdir(parents=True)
    passed = [os.open(run_folder_in(tmp_path), os.O_RDONLY)]
    passed += [os.open(os.devnull, os.O_WRONLY) for _ in range(3)]
    yield passed
    for descriptor in passed:
        os.close(descriptor)


@needs_root
def test_outputs_are_the_stage_s_while_it_runs_and_the_worker_s_after_it(
    tmp_path: Path, descriptors: list[int], ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = tmp_path / "state/workspaces/loan/data/.run-1/data/loan/ingest"
    rooms: list[Path] = []

    def write_rows(
        _: Launcher, launch: _Launch, connection: socket.socket
    ) -> tuple[Isolation, int, str]:
        assert outputs.stat().st_uid == STAGE.uid
        assert launch.room.home.stat().st_uid == STAGE.uid
        rooms.append(launch.room.path)
        (outputs / "rows").write_text("x")
        (outputs / "link").symlink_to("/etc/shadow")
        os.chown(outputs / "rows", STAGE.uid, STAGE.gid)
        return APART, 0, ""

    monkeypatch.setattr(Launcher, "_start_and_wait", write_rows)
    launcher = launcher_at(tmp_path)
    answer = launcher._run(Request(**REQUEST), descriptors, ends[0])

    assert answer == {"code": 0, "isolation": APART.to_dict(), "odd": 1, "excess": ""}
    assert outputs.stat().st_uid == OWN.uid
    assert (outputs / "rows").stat().st_uid == OWN.uid
    assert not rooms[0].exists()


@needs_root
def test_outputs_are_the_worker_s_again_where_the_stage_could_not_start(
    tmp_path: Path, descriptors: list[int], ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(11, "no process is left")

    monkeypatch.setattr(Launcher, "_start_and_wait", refuse)
    launcher = launcher_at(tmp_path)
    with pytest.raises(OSError, match="no process is left"):
        launcher._run(Request(**REQUEST), descriptors, ends[0])

    outputs = tmp_path / "state/workspaces/loan/data/.run-1/data/loan/ingest"
    assert outputs.stat().st_uid == OWN.uid
    assert list((tmp_path / "state" / "rooms").iterdir()) == []


def test_a_link_in_the_place_of_the_outputs_is_not_followed(
    tmp_path: Path, descriptors: list[int], ends: Ends
) -> None:
    outputs = tmp_path / "state/workspaces/loan/data/.run-1/data/loan/ingest"
    outputs.rmdir()
    outputs.symlink_to(tmp_path)
    before = tmp_path.stat()
    launcher = launcher_at(tmp_path)
    with pytest.raises(OSError, match="ingest"):
        launcher._run(Request(**REQUEST), descriptors, ends[0])
    assert tmp_path.stat().st_uid == before.st_uid


# Limits


def test_a_stage_that_takes_little_exceeds_nothing(tmp_path: Path) -> None:
    excess = launcher_at(tmp_path, free_disk_mib=0)._excess_of(launch_in(tmp_path))
    assert excess() == ""


def test_a_stage_may_take_its_seconds_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(launching, "time", clock)
    launcher = launcher_at(tmp_path, stage_seconds=60, free_disk_mib=0)
    excess = launcher._excess_of(launch_in(tmp_path))
    clock.seconds = 60.0
    assert excess() == ""
    clock.seconds = 60.1
    assert excess() == "stage_seconds = 60"


@pytest.mark.parametrize("place", ["outputs", "room"])
def test_what_a_stage_writes_counts_wherever_it_lies(tmp_path: Path, place: str) -> None:
    launch = launch_in(tmp_path)
    excess = launcher_at(tmp_path, stage_disk_mib=1, free_disk_mib=0)._excess_of(launch)
    folders = {"outputs": launch.folder / "data" / "loan" / "ingest", "room": launch.room.path}
    (folders[place] / "rows").write_bytes(os.urandom(2 << 20))
    assert excess() == "stage_disk_mib = 1"


def test_a_disk_that_is_nearly_full_ends_the_stage(tmp_path: Path) -> None:
    launcher = launcher_at(tmp_path, free_disk_mib=1 << 40)
    excess = launcher._excess_of(launch_in(tmp_path))
    assert excess() == f"free_disk_mib = {1 << 40}"


# Until a stage ends


@dataclass
class Waiting:
    """A stage's keeper that a child stands in for, and what is waited for beside it."""

    fork: Fork
    connection: socket.socket
    log: Path

    def until_end(
        self, keep: Callable[[int, int], int], excess_of: Callable[[], str] = lambda: ""
    ) -> tuple[int, str]:
        """Wait for a child that gets its end of the leash, and of the pipe of errors."""
        errors_read, errors_write = os.pipe()
        leash_read, leash_write = os.pipe()

        def keep_in_child() -> int:
            os.close(leash_write)
            return keep(leash_read, errors_write)

        keeper = self.fork(keep_in_child)
        os.close(leash_read)
        os.close(errors_write)
        with self.log.open("wb") as log:
            passage = ErrorPassage(errors_read, log.fileno(), "ingest@loan")
            return _Wait(keeper, self.connection, passage, leash_write).until_end(excess_of)


@pytest.fixture
def waiting(fork: Fork, ends: Ends, tmp_path: Path) -> Waiting:
    return Waiting(fork, ends[0], tmp_path / "log")


def until_leash_is_let_go(leash: int, errors: int) -> int:
    assert os.read(leash, 1) == b""
    return 7


def test_a_stage_s_exit_code_is_passed_on(waiting: Waiting) -> None:
    assert waiting.until_end(lambda *_: 3) == (3, "")


def test_a_stage_that_a_signal_ends_has_the_exit_code_of_a_shell(waiting: Waiting) -> None:
    def end_by_signal(leash: int, errors: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert waiting.until_end(end_by_signal) == (128 + signal.SIGKILL, "")


def test_a_stage_that_takes_too_much_is_let_go_and_the_limit_is_named(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "LOOK_SECONDS", 0.01)
    looks = iter(["", "stage_disk_mib = 1"])
    ended = waiting.until_end(until_leash_is_let_go, lambda: next(looks))
    assert ended == (7, "stage_disk_mib = 1")


def test_limits_are_held_against_a_stage_that_never_stops_writing(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "LOOK_SECONDS", 0.01)

    def write_until_let_go(leash: int, errors: int) -> int:
        # The pipe is full when nobody reads it any more: neither call may wait.
        os.set_blocking(leash, False)
        os.set_blocking(errors, False)
        while True:
            with suppress(BlockingIOError):
                os.write(errors, b"line\n")
            with suppress(BlockingIOError):
                return 7 if os.read(leash, 1) == b"" else 1

    ended = waiting.until_end(write_until_let_go, lambda: "stage_seconds = 1")
    assert ended == (7, "stage_seconds = 1")


def test_a_stage_ends_when_the_worker_has_gone(waiting: Waiting, ends: Ends) -> None:
    ends[1].close()
    assert waiting.until_end(until_leash_is_let_go) == (7, "")


def test_a_stage_ends_when_the_worker_says_anything_more(waiting: Waiting, ends: Ends) -> None:
    ends[1].send(b"stop")
    assert waiting.until_end(until_leash_is_let_go) == (7, "")


def test_what_a_stage_says_of_its_errors_is_in_the_log_before_it_ends(waiting: Waiting) -> None:
    def write_two_lines(leash: int, errors: int) -> int:
        os.write(errors, b"first\nlast")
        return 1

    assert waiting.until_end(write_two_lines) == (1, "")
    assert waiting.log.read_text() == "ingest@loan: first\ningest@loan: last\n"


def test_a_stage_that_closes_its_standard_error_runs_on(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "LOOK_SECONDS", 0.01)
    looks: list[int] = []

    def close_errors(leash: int, errors: int) -> int:
        os.close(errors)
        return until_leash_is_let_go(leash, errors)

    def third_look() -> str:
        looks.append(1)
        return "stage_seconds = 1" if len(looks) == 3 else ""

    assert waiting.until_end(close_errors, third_look) == (7, "stage_seconds = 1")


# The keeper


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[Streams]:
    """Streams that all lead to the log, a file."""
    with (tmp_path / "log").open("wb") as log:
        yield Streams(run=-1, reports=-1, errors=log.fileno(), channel=log.fileno())


def test_the_answer_is_how_the_stage_was_set_apart_and_how_it_ended(
    tmp_path: Path, streams: Streams, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(_: Launcher, launch: _Launch, facts: int, leash: int) -> None:
        os.write(facts, json.dumps(APART.to_dict()).encode())
        os.write(launch.streams.errors, b"an error\n")
        # No socket: progress goes the way of errors, and gets no descriptor of the log.
        os.write(launch.streams.channel, b"progress\n")
        os._exit(3)

    monkeypatch.setattr(Launcher, "_keep", keep)
    launch = launch_in(tmp_path, streams)
    ended = launcher_at(tmp_path, free_disk_mib=0)._start_and_wait(launch, ends[0])
    assert ended == (APART, 3, "")
    assert (tmp_path / "log").read_text() == "ingest@loan: an error\ningest@loan: progress\n"


def test_a_stage_that_says_nothing_of_how_it_is_apart_was_not_started(
    tmp_path: Path, streams: Streams, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Launcher, "_keep", lambda *_: end_process(0))
    with pytest.raises(ValueError, match="could not be set apart"):
        launcher_at(tmp_path)._start_and_wait(launch_in(tmp_path, streams), ends[0])


@dataclass
class Keeping:
    """A keeper in this process: what it asked the kernel for, and the pipes that it gets."""

    launcher: Launcher
    has_network: list[bool]
    facts: int = -1

    def exit_code(self, launch: _Launch, *, is_let_go: bool = False) -> int:
        """Keep a stage until it ends, on a leash that is held or let go."""
        facts_read, facts_write = os.pipe()
        leash_read, leash_write = os.pipe()
        errors = os.open(os.devnull, os.O_WRONLY)
        launch = replace(launch, streams=replace(launch.streams, errors=errors))
        if is_let_go:
            os.close(leash_write)
        with pytest.raises(SystemExit) as ended:
            self.launcher._keep(launch, facts_write, leash_read)

        for descriptor in (leash_read, *(() if is_let_go else (leash_write,))):
            os.close(descriptor)
        self.facts = facts_read
        assert isinstance(ended.value.code, int)
        return ended.value.code

    def isolation(self) -> object:
        with os.fdopen(self.facts, "rb") as stream:
            return json.loads(stream.read())


@pytest.fixture
def keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeping:
    """A keeper that unshares nothing: namespaces are tried in test_isolation."""
    has_network: list[bool] = []

    def unshare(*, has_network: bool, into: list[bool] = has_network) -> tuple[bool, bool]:
        into.append(has_network)
        return True, not has_network

    # These act on every child of this process, and the suite has others.
    monkeypatch.setattr(launching, "adopt_orphans", lambda: None)
    monkeypatch.setattr(launching, "end_children", lambda: None)
    monkeypatch.setattr(launching, "unshare_namespaces", unshare)

    def exit_keeper(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", exit_keeper)
    return Keeping(launcher_at(tmp_path), has_network)


def tell_and_end(_: Launcher, launch: _Launch, isolation: Isolation, facts: int) -> None:
    os.write(facts, json.dumps(isolation.to_dict()).encode())
    end_process(5)


def test_a_keeper_ends_as_its_stage_ends(
    tmp_path: Path, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Launcher, "_become_stage", tell_and_end)
    assert keeping.exit_code(launch_in(tmp_path)) == 5


@pytest.mark.parametrize(
    ("change", "network"),
    [
        ({}, "host"),
        ({"network": False}, "none"),
        ({"stage": "train"}, "none"),
    ],
    ids=["sources elsewhere", "sources here", "a stage that reads no source"],
)
def test_only_a_stage_whose_sources_lie_elsewhere_gets_a_network(
    tmp_path: Path,
    keeping: Keeping,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    network: str,
) -> None:
    monkeypatch.setattr(Launcher, "_become_stage", tell_and_end)
    keeping.exit_code(launch_in(tmp_path, **change))
    assert keeping.has_network == [network == "host"]
    assert keeping.isolation() == Isolation("stage", network, "own", "shared").to_dict()


def test_a_stage_is_killed_when_its_leash_is_let_go(
    tmp_path: Path, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_on(_: Launcher, launch: _Launch, isolation: Isolation, facts: int) -> None:
        signal.alarm(20)
        signal.pause()
        end_process(0)

    monkeypatch.setattr(Launcher, "_become_stage", run_on)
    code = keeping.exit_code(launch_in(tmp_path), is_let_go=True)
    assert code == 128 + signal.SIGKILL


# What a stage sees


def test_a_stage_sees_the_inputs_that_links_name_in_its_workspace_and_no_others(
    tmp_path: Path,
) -> None:
    folder = run_folder_in(tmp_path)
    workspace = tmp_path / "state" / "workspaces" / "loan"
    rows = workspace / "data" / "loan" / "rows"
    rows.parent.mkdir()
    rows.write_text("x")
    (tmp_path / "secret").write_text("x")

    (folder / "rows").symlink_to(rows)
    (folder / "outside").symlink_to(tmp_path / "secret")
    (folder / "dangling").symlink_to(workspace / "absent")
    (folder / "file").write_text("x")
    assert _inputs_of(folder, workspace) == {rows}


def test_a_view_holds_the_snapshot_and_writes_to_outputs_keys_and_home_alone(
    tmp_path: Path,
) -> None:
    launch = launch_in(tmp_path)
    view = launcher_at(tmp_path)._view_of(launch)
    state = tmp_path / "state"
    assert state / "trees" / ("a" * 64) in view.read
    assert state / "home" not in view.read
    assert view.write == (launch.folder, state / "stage", launch.room.home)
    assert view.tmp == launch.room.tmp


def test_a_view_holds_what_the_administrator_shows(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    places = config.places.model_copy(update={"shown_to_stages": (tmp_path / "deliveries",)})
    launcher = Launcher(config.model_copy(update={"places": places}), OWN, STAGE)
    assert tmp_path / "deliveries" in launcher._view_of(launch_in(tmp_path)).read


def test_a_stage_stands_in_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = run_folder_in(tmp_path)
    run = os.open(folder, os.O_RDONLY)
    _stand_in(folder, run)
    os.close(run)
    assert Path.cwd() == folder


def test_a_run_folder_that_was_exchanged_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = run_folder_in(tmp_path)
    run = os.open(folder, os.O_RDONLY)
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    with pytest.raises(ValueError, match="the run folder was exchanged"):
        _stand_in(folder, run)
    os.close(run)
