"""The launcher: the one process of the service that stays root, and the little that it does.

It starts a stage that the worker names, under the stage's account, in the run folder that the
worker has made; and when the stage has ended it hands the outputs over to the worker. The worker
says which stage and which use case. Command, account, environment and namespaces are decided here,
from the administrator's file.
"""

import contextlib
import json
import logging
import os
import re
import select
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.config.case_name import is_case_name
from tasks.formats.strict_json import parse_json
from tasks.isolated import FLAGS, STAGE
from tasks.path import STAGES
from tasks.service.error_passage import ErrorPassage
from tasks.service.handing_over import hand_over
from tasks.service.isolation import (
    Isolation,
    View,
    become,
    enter_view,
    limit_resources,
    places_of_python,
    unshare_namespaces,
)
from tasks.service.service_config import Account, ServiceConfig
from tasks.service.stage_room import StageRoom, is_within, open_room
from tasks.system.processes import adopt_orphans, end_children, end_with_parent
from tasks.worker.run_folder import PREFIX

logger = logging.getLogger("portcullis.launcher")

MOST_REQUEST_BYTES = 4096
SNAPSHOT = re.compile(r"[0-9a-f]{64}")
SIGNALLED = 128
CREDENTIALS = "3i"  # struct ucred of unix(7): pid, uid, gid
LOOK_SECONDS = 2.0  # how often what a stage takes is held against the limits
BUSY_SECONDS = 0.5  # before the next try where the kernel had no process or descriptor left
# A stage runs with these and with what the administrator's file adds.
PATH_OF_STAGE = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Request:
    """What the worker asks for: a stage of a use case, from a snapshot.

    `network` says whether its sources lie elsewhere; of a stage that reads none it counts nothing.
    """

    stage: str
    case: str
    snapshot: str
    network: bool

    @classmethod
    def read(cls, data: bytes) -> "Request":
        """Read a request.

        Raises:
            ValueError: It is none.
        """
        match parse_json(data):
            case {
                "stage": str(stage),
                "case": str(case),
                "snapshot": str(snapshot),
                "network": bool(network),
                **more,
            }:
                is_known = stage in STAGES and is_case_name(case)
                if is_known and SNAPSHOT.fullmatch(snapshot) and not more:
                    return cls(stage, case, snapshot, network)

        raise ValueError("no request")


@dataclass(frozen=True)
class Streams:
    """Open descriptors that the worker passes.

    Attributes:
        run: The run folder.
        reports: The pipe of counts.
        errors: Where what the stage writes to standard output and error goes on to: it gets a
            pipe. It could cut a log off, whose open descriptor it holds.
        channel: Where progress goes.
    """

    run: int
    reports: int
    errors: int
    channel: int


class Launcher:
    """Serves the worker: a process for each stage that runs, and no threads, for it forks."""

    def __init__(self, config: ServiceConfig, worker: Account, stage: Account) -> None:
        self._config = config
        self._worker = worker
        self._stage = stage

    def serve(self, listener: socket.socket) -> None:
        """Answer until the listener is closed."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
        os.umask(0o022)

        while True:
            try:
                connection, _ = listener.accept()
                with connection:
                    self._answer_apart(connection, listener)
            except OSError as error:
                # No process or descriptor is left (a stage has taken them all): this request is
                # given up, and the launcher stays.
                logger.warning("launcher: %s", type(error).__name__)
                time.sleep(BUSY_SECONDS)

    def _answer_apart(self, connection: socket.socket, listener: socket.socket) -> None:
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                self._answer(connection)
            finally:
                os._exit(0)

    def _answer(self, connection: socket.socket) -> None:
        # The socket lies where the worker's account alone can reach it; this is asked anyway.
        if peer_uid(connection) != self._worker.uid:
            return

        # Four descriptors, those of `Streams`; `_run` refuses another number.
        data, descriptors, _, _ = socket.recv_fds(connection, MOST_REQUEST_BYTES, 4)

        try:
            answer = self._run(Request.read(data), descriptors, connection)
        except (ValueError, OSError) as error:
            # Requests hold no personal data: the log may say what was wrong.
            logger.warning("launcher: refused: %s: %s", type(error).__name__, error)
            answer = {"error": type(error).__name__}

        with contextlib.suppress(OSError):
            connection.sendall(json.dumps(answer).encode())

    def _run(
        self, request: Request, descriptors: list[int], connection: socket.socket
    ) -> dict[str, Any]:
        run, reports, errors, channel = descriptors
        folder = self._require_run_folder(run, request.case)
        name = f"data/{request.case}/{request.stage}"
        # By a descriptor, held until the outputs are handed over: a path could lead somewhere else
        # by then.
        own = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=run)

        try:
            with open_room(self._config.places.state / "rooms", self._stage) as room:
                # The stage's own for as long as it runs, and taken back whatever ends it.
                os.fchown(own, self._stage.uid, self._stage.gid)
                streams = Streams(run, reports, errors, channel)
                launch = _Launch(request, streams, folder, room)
                try:
                    isolation, code, excess = self._start_and_wait(launch, connection)
                finally:
                    odd = hand_over(own, self._worker)
        finally:
            os.close(own)

        # Their number alone: a stage can leave more names than a packet holds, and choose them.
        return {"code": code, "isolation": isolation.to_dict(), "odd": len(odd), "excess": excess}

    def _require_run_folder(self, run: int, case: str) -> Path:
        """Return the path of a run folder of the use case's workspace.

        Raises:
            ValueError: It is another folder.
        """
        # By the kernel's word for the descriptor, not by a path that the worker states.
        path = Path(f"/proc/self/fd/{run}").readlink()
        data = self._config.places.state / "workspaces" / case / "data"
        # Of this use case: the worker names the case in the same request, and a mix-up of the two
        # would let a stage write into another case's run.
        if path.parent != data or not path.name.startswith(PREFIX):
            raise ValueError(f"{path} is no run folder of this use case")
        return path

    def _start_and_wait(
        self, launch: "_Launch", connection: socket.socket
    ) -> tuple[Isolation, int, str]:
        """Run the stage as process 1 of its own namespace: all that it starts ends with it."""
        facts_read, facts_write = os.pipe()
        errors_read, errors_write = os.pipe()
        leash_read, leash_write = os.pipe()

        keeper = os.fork()
        if keeper == 0:
            try:
                for descriptor in (facts_read, errors_read, leash_write):
                    os.close(descriptor)

                # What is no socket is a log: the stage gets the pipe instead (see `Streams`).
                is_socket = stat.S_ISSOCK(os.fstat(launch.streams.channel).st_mode)
                channel = launch.streams.channel if is_socket else errors_write
                streams = replace(launch.streams, errors=errors_write, channel=channel)
                self._keep(replace(launch, streams=streams), facts_write, leash_read)
            except BaseException as error:
                os.write(2, f"launcher: {type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(1)

        for descriptor in (facts_write, errors_write, leash_read):
            os.close(descriptor)

        # Read to its end: all who hold the other end close it once the stage is set apart.
        with os.fdopen(facts_read, "rb") as stream:
            facts = parse_json(stream.read() or b"{}")

        request = launch.request
        name = f"{request.stage}@{request.case}"
        passage = ErrorPassage(errors_read, launch.streams.errors, name)
        wait = _Wait(keeper, connection, passage, leash_write)

        code, excess = wait.until_end(self._excess_of(launch))
        # Nothing was written where the child ended before its account was changed: then no code of
        # the stage has run, and its exit code means nothing.
        if not facts:
            raise ValueError("the stage could not be set apart")
        return Isolation(**facts), code, excess

    def _excess_of(self, launch: "_Launch") -> Callable[[], str]:
        """Return what says, from now on, of which limit a stage takes more; empty for none."""
        limits = self._config.limits
        end = time.monotonic() + limits.stage_seconds
        request = launch.request
        own = launch.folder / "data" / request.case / request.stage

        def excess() -> str:
            if time.monotonic() > end:
                return f"stage_seconds = {limits.stage_seconds}"
            # Walked and added up: a quota of the file system is not to be had everywhere, and
            # RLIMIT_FSIZE bounds single files.
            if not is_within((own, launch.room.path), limits.stage_disk_mib << 20):
                return f"stage_disk_mib = {limits.stage_disk_mib}"
            # What was removed and is still open counts in no folder.
            disk = os.statvfs(launch.room.path)
            if disk.f_bavail * disk.f_frsize < limits.free_disk_mib << 20:
                return f"free_disk_mib = {limits.free_disk_mib}"
            return ""

        return excess

    def _keep(self, launch: "_Launch", facts: int, leash: int) -> None:
        """Start the stage in new namespaces, and end as it ends; never returns.

        Everything that the stage starts ends before this process does, whatever it has asked of the
        kernel. The leash is a pipe: when its other end is closed, by whoever answers the worker or
        because that process was killed, the stage is ended.
        """
        # Where the stage has no namespace of its own, what it leaves becomes this process's.
        adopt_orphans()
        request = launch.request
        has_sources_elsewhere = STAGES[request.stage].reads_sources and request.network
        has_network = has_sources_elsewhere or self._config.network.stages == "host"
        has_own_processes, has_no_network = unshare_namespaces(has_network=has_network)
        isolation = Isolation(
            self._stage.name,
            "none" if has_no_network else "host",
            "own" if has_own_processes else "shared",
            "shared",
        )

        child = os.fork()
        if child == 0:
            self._become_stage(launch, isolation, facts)

        for descriptor in (facts, launch.streams.errors):
            os.close(descriptor)

        # By a descriptor of the process: its number could be another's by the time of the signal.
        process = os.pidfd_open(child)
        ready, _, _ = select.select([process, leash], [], [])
        if process not in ready:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        end_children()
        os._exit(_exit_code(status))

    def _become_stage(self, launch: "_Launch", isolation: Isolation, facts: int) -> None:
        """Turn this process into the stage's; never returns."""
        try:
            streams = launch.streams
            has_view = isolation.processes == "own" and enter_view(
                self._view_of(launch), launch.room.view
            )
            if has_view:
                isolation = replace(isolation, files="own")
            os.write(facts, json.dumps(isolation.to_dict()).encode())

            _stand_in(launch.folder, streams.run)
            null = os.open("/dev/null", os.O_RDONLY)
            for source, target in ((null, 0), (streams.errors, 1), (streams.errors, 2)):
                os.dup2(source, target)
            for descriptor in (streams.reports, streams.channel):
                os.set_inheritable(descriptor, True)
            # Whatever else this process inherited, also descriptors that a later version forgets to
            # close: the folder of root, sockets, the leash.
            _close_others({0, 1, 2, streams.reports, streams.channel})
            limit_resources(self._config.limits)
            become(self._stage)
            # A second leash, for a keeper that somebody kills; a stage can take this one off. After
            # the account was changed, which takes the request back (prctl(2)).
            end_with_parent()

            state = self._config.places.state
            request = launch.request
            isolated = state / "trees" / request.snapshot / "tasks" / "isolated.py"
            command = [sys.executable, *FLAGS, str(isolated), STAGE]
            environment = {
                "PATH": PATH_OF_STAGE,
                "LANG": "C.UTF-8",
                "HOME": str(launch.room.home),
                "TMPDIR": "/tmp" if has_view else str(launch.room.tmp),
                "PORTCULLIS_HOME": str(state / "stage"),
                **self._config.environment.stage,
                "PORTCULLIS_REPORT_FD": str(streams.reports),
                "PORTCULLIS_CHANNEL": f"fd:{streams.channel}",
            }
            os.execve(sys.executable, [*command, request.stage, request.case], environment)
        except BaseException as error:
            os.write(2, f"launcher: {type(error).__name__}: {error}\n".encode())
            os._exit(1)

    def _view_of(self, launch: "_Launch") -> View:
        """Return what a stage sees: programs, its code, its inputs; and what it writes to."""
        places = self._config.places
        request = launch.request
        workspace = places.state / "workspaces" / request.case
        resolver = Path("/etc/resolv.conf").resolve()  # often a link into /run

        named = {
            *places_of_python(),
            *places.shown_to_stages,
            *_inputs_of(launch.folder, workspace),
            places.state / "trees" / request.snapshot,
        }

        if resolver.is_file():
            named.add(resolver)

        write = (launch.folder, places.state / "stage", launch.room.home)
        return View(tuple(named), write, launch.room.tmp)


@dataclass(frozen=True)
class _Launch:
    """A stage that is about to run: what was asked, its streams, its run folder and its room."""

    request: Request
    streams: Streams
    folder: Path
    room: StageRoom


@dataclass(frozen=True)
class _Wait:
    """A stage that runs, and everybody who has a say in how long."""

    keeper: int
    connection: socket.socket
    errors: ErrorPassage
    leash: int

    def until_end(self, excess_of: Callable[[], str]) -> tuple[int, str]:
        """Wait for a stage; end it when the worker closes its end, or says anything more.

        Returns:
            Its exit code, and the limit of which it took more, if that is why it was ended.
        """
        process = os.pidfd_open(self.keeper)
        excess = ""
        next_look = time.monotonic() + LOOK_SECONDS
        try:
            while not excess:
                passed = [self.errors.source] if self.errors.is_open else []
                waited = [process, self.connection.fileno(), *passed]
                ready, _, _ = select.select(waited, [], [], LOOK_SECONDS)
                if process in ready or self.connection.fileno() in ready:
                    break
                if self.errors.source in ready:
                    self.errors.pass_on()
                # By the clock: a stage that writes without a pause would wake us at each line.
                if time.monotonic() >= next_look:
                    excess = excess_of()
                    next_look = time.monotonic() + LOOK_SECONDS
        finally:
            os.close(process)
            os.close(self.leash)

        _, status = os.waitpid(self.keeper, 0)
        self.errors.finish()
        return _exit_code(status), excess


def peer_uid(connection: socket.socket) -> int:
    """Return whose process is at the other end of a Unix socket, as the kernel says."""
    size = struct.calcsize(CREDENTIALS)
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack(CREDENTIALS, credentials)
    return int(uid)


def _exit_code(status: int) -> int:
    """Return the exit code of a process, as a shell does where a signal ended it."""
    code = os.waitstatus_to_exitcode(status)
    return SIGNALLED - code if code < 0 else code


def _inputs_of(folder: Path, workspace: Path) -> set[Path]:
    """Return what a run folder's links name in its use case's workspace.

    The worker has made the links, before the stage began.
    """
    return {
        path.resolve()
        for path in folder.rglob("*")
        if path.is_symlink() and path.resolve().is_relative_to(workspace) and path.exists()
    }


def _stand_in(folder: Path, run: int) -> None:
    """Make the run folder the current one, as it lies in this process's own view.

    By its descriptor alone it would be the folder of the view before: nothing can be renamed from
    one to the other.

    Raises:
        ValueError: Something else lies at its path.
    """
    os.chdir(folder)
    if not os.path.samestat(Path().stat(), os.fstat(run)):
        raise ValueError("the run folder was exchanged")


def _close_others(kept_descriptors: set[int]) -> None:
    for entry in list(Path("/proc/self/fd").iterdir()):
        if (descriptor := int(entry.name)) not in kept_descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
