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
    become,
    mount_own_processes,
    show_only,
    unshare_namespaces,
)
from tasks.service.service_config import Account, ServiceConfig
from tasks.system.processes import die_with_parent, end_with_parent
from tasks.worker.run_folder import PREFIX

logger = logging.getLogger("portcullis.launcher")

MOST_REQUEST_BYTES = 4096
SNAPSHOT = re.compile(r"[0-9a-f]{64}")
SIGNALLED = 128
CREDENTIALS = "3i"  # struct ucred of unix(7): pid, uid, gid
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
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                try:
                    self._answer(connection)
                finally:
                    os._exit(0)
            connection.close()

    def _answer(self, connection: socket.socket) -> None:
        # The socket lies where the worker's account alone can reach it; this is asked anyway.
        if peer_uid(connection) != self._worker.uid:
            return
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
        self._require_run_folder(run, request.case)
        folder = f"data/{request.case}/{request.stage}"
        own = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=run)
        try:
            os.fchown(own, self._stage.uid, self._stage.gid)
            streams = Streams(run, reports, errors, channel)
            isolation, code = self._start_and_wait(request, streams, connection)
            odd = hand_over(own, self._worker)
        finally:
            os.close(own)
        return {"code": code, "isolation": isolation.to_dict(), "odd": odd}

    def _require_run_folder(self, run: int, case: str) -> None:
        """Refuse a folder that is no run folder of the use case's workspace.

        Raises:
            ValueError: It is another.
        """
        path = Path(f"/proc/self/fd/{run}").readlink()
        data = self._config.places.state / "workspaces" / case / "data"
        if path.parent != data or not path.name.startswith(PREFIX):
            raise ValueError(f"{path} is no run folder of this use case")

    def _start_and_wait(
        self, request: Request, streams: Streams, connection: socket.socket
    ) -> tuple[Isolation, int]:
        """Run the stage as process 1 of its own namespace: all that it starts ends with it."""
        facts_read, facts_write = os.pipe()
        errors_read, errors_write = os.pipe()
        keeper = os.fork()
        if keeper == 0:
            try:
                os.close(facts_read)
                os.close(errors_read)
                is_socket = stat.S_ISSOCK(os.fstat(streams.channel).st_mode)
                channel = streams.channel if is_socket else errors_write
                own = replace(streams, errors=errors_write, channel=channel)
                self._keep(request, own, facts_write)
            finally:
                os._exit(1)

        os.close(facts_write)
        os.close(errors_write)
        with os.fdopen(facts_read, "rb") as stream:
            facts = parse_json(stream.read() or b"{}")
        passage = ErrorPassage(errors_read, streams.errors, f"{request.stage}@{request.case}")
        code = _wait_or_end(keeper, connection, passage)
        return Isolation(**facts), code

    def _keep(self, request: Request, streams: Streams, facts: int) -> None:
        """Start the stage in new namespaces, and end as it ends; never returns."""
        # When the one that answers the worker is killed, this goes too, and the stage with it.
        die_with_parent()
        has_sources_elsewhere = STAGES[request.stage].reads_sources and request.network
        has_network = has_sources_elsewhere or self._config.network.stages == "host"
        isolation = unshare_namespaces(self._stage, has_network=has_network)
        child = os.fork()
        if child == 0:
            os.close(facts)
            self._become_stage(request, isolation, streams)
        os.write(facts, json.dumps(isolation.to_dict()).encode())
        os.close(facts)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(SIGNALLED - code if code < 0 else code)

    def _become_stage(self, request: Request, isolation: Isolation, streams: Streams) -> None:
        """Turn this process into the stage's; never returns."""
        try:
            if isolation.processes == "own" and mount_own_processes():
                workspaces = self._config.places.state / "workspaces"
                show_only(_paths_of(streams.run, workspaces / request.case), workspaces)
            _stand_in(streams.run)
            null = os.open("/dev/null", os.O_RDONLY)
            for source, target in ((null, 0), (streams.errors, 1), (streams.errors, 2)):
                os.dup2(source, target)
            for descriptor in (streams.reports, streams.channel):
                os.set_inheritable(descriptor, True)
            _close_others({0, 1, 2, streams.reports, streams.channel})
            os.umask(0o022)
            become(self._stage)
            # After the account was changed, which takes the request back (prctl(2)).
            end_with_parent()

            state = self._config.places.state
            isolated = state / "trees" / request.snapshot / "tasks" / "isolated.py"
            command = [sys.executable, *FLAGS, str(isolated), STAGE]
            environment = {
                "PATH": PATH_OF_STAGE,
                "LANG": "C.UTF-8",
                "HOME": str(state / "stage"),
                "TMPDIR": str(state / "stage" / "tmp"),
                "PORTCULLIS_HOME": str(state / "stage"),
                **self._config.environment.stage,
                "PORTCULLIS_REPORT_FD": str(streams.reports),
                "PORTCULLIS_CHANNEL": f"fd:{streams.channel}",
            }
            os.execve(sys.executable, [*command, request.stage, request.case], environment)
        except BaseException as error:
            os.write(2, f"launcher: {type(error).__name__}: {error}\n".encode())
            os._exit(1)


def peer_uid(connection: socket.socket) -> int:
    """Return whose process is at the other end of a Unix socket, as the kernel says."""
    size = struct.calcsize(CREDENTIALS)
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack(CREDENTIALS, credentials)
    return int(uid)


def _wait_or_end(keeper: int, connection: socket.socket, errors: ErrorPassage) -> int:
    """Wait for a stage; kill it when the worker closes its end, or says anything more."""
    process = os.pidfd_open(keeper)
    try:
        while True:
            passed = [errors.source] if errors.is_open else []
            ready, _, _ = select.select([process, connection.fileno(), *passed], [], [])
            if process in ready:
                break
            if connection.fileno() in ready:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                break
            errors.pass_on()
    finally:
        os.close(process)
    _, status = os.waitpid(keeper, 0)
    errors.finish()
    code = os.waitstatus_to_exitcode(status)
    return SIGNALLED - code if code < 0 else code


def _paths_of(run: int, workspace: Path) -> list[Path]:
    """Return what a stage sees of its use case's workspace: its run folder, and what that names.

    The worker has made the links, before the stage began.
    """
    folder = Path(f"/proc/self/fd/{run}").readlink()
    named = {
        path.resolve()
        for path in folder.rglob("*")
        if path.is_symlink() and path.resolve().is_relative_to(workspace) and path.exists()
    }
    named.add(folder)
    # What lies in a folder is shown with it.
    return sorted(path for path in named if not named.intersection(path.parents))


def _stand_in(run: int) -> None:
    """Make the run folder the current one, as it lies in this process's own view.

    By its descriptor alone it would be the folder of the view before: nothing can be renamed from
    one to the other.

    Raises:
        ValueError: Something else lies at its path.
    """
    os.chdir(Path(f"/proc/self/fd/{run}").readlink())
    if not os.path.samestat(Path().stat(), os.fstat(run)):
        raise ValueError("the run folder was exchanged")


def _close_others(kept: set[int]) -> None:
    for entry in list(Path("/proc/self/fd").iterdir()):
        if (descriptor := int(entry.name)) not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)
