"""`./portcullis worker`: the service itself, from root's start to the socket that clients ask.

1. root reads the administrator's file and makes the folders, each for its account.
2. It forks the launcher, which stays root and serves the worker's account alone.
3. The rest gives up every privilege, and answers each client in a process of its own.
"""

import contextlib
import json
import logging
import os
import select
import signal
import socket
import stat
import sys
import time
from pathlib import Path

from tasks.errors import ConfigError, ServiceError
from tasks.isolated import FLAGS
from tasks.service.isolation import become
from tasks.service.launcher import Launcher, peer_uid
from tasks.service.service_config import (
    Account,
    ServiceConfig,
    account,
    group_id,
    read_service_config,
)
from tasks.service.session_table import SessionTable
from tasks.service.stage_room import remove_rooms
from tasks.system.processes import end_with_parent, hide_from_others

logger = logging.getLogger("portcullis.worker")

BUSY_SECONDS = 0.2  # before the next client where the kernel has no process or descriptor left


def serve(config_path: Path) -> None:
    """Run the service until a signal ends it.

    Raises:
        ConfigError: It is not root that starts it, or the file, an account or a folder is wrong.
        ServiceError: Another service has the socket.
    """
    if os.geteuid() != 0:
        raise ConfigError(
            "worker",
            expected="to be started by root, which makes it start stages under another account",
            found=f"uid {os.geteuid()}",
            remedy="Use deploy/systemd/portcullis-worker.service.",
        )
    config = read_service_config(config_path)
    worker = account(config.accounts.worker)
    stage = account(config.accounts.stage)
    # Before anything is made: each folder's owner is what keeps the two apart.
    _require_distinct(worker, stage)
    _make_folders(config, worker, stage)

    launching = _bind(launcher_socket(config), 0o600, worker.uid, worker.gid, is_packets=True)
    asking = _bind(config.places.socket, 0o660, worker.uid, group_id(config.accounts.clients))
    launcher = os.fork()
    if launcher == 0:
        # The launcher: it goes when the service does.
        asking.close()
        end_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        Launcher(config, worker, stage).serve(launching)
        os._exit(0)

    # Before the first client is heard: what reads its bytes is never root.
    launching.close()
    become(worker)
    hide_from_others()
    logger.info("worker %s listens on %s", worker.name, config.places.socket)
    _answer_all(asking, launcher, config_path, config)


def launcher_socket(config: ServiceConfig) -> Path:
    """Return where the launcher listens: in a folder of the worker's account alone."""
    return config.places.state / "home" / "launcher.sock"


def _answer_all(
    asking: socket.socket, launcher: int, config_path: Path, config: ServiceConfig
) -> None:
    """Start a session for each client, as many as there may be.

    Raises:
        ServiceError: The launcher has ended.
    """
    sessions = SessionTable(config.limits.sessions, config.limits.sessions_per_account)
    launcher_process = os.pidfd_open(launcher)
    while True:
        waited = [asking.fileno(), launcher_process, *sessions.descriptors]
        ready, _, _ = select.select(waited, [], [])
        if launcher_process in ready:
            raise ServiceError(
                "launcher",
                expected="to run as long as the service",
                found="its end",
                remedy="Look into the service's log: systemd starts both again.",
            )

        # Ended sessions first: their places are free for the client that waits.
        for descriptor in set(ready).intersection(sessions.descriptors):
            sessions.remove_ended(descriptor)
        if asking.fileno() not in ready:
            continue

        try:
            connection, _ = asking.accept()
            with connection:
                uid = peer_uid(connection)
                # By the kernel's word for the peer's account (SO_PEERCRED), never by what a client
                # says.
                if sessions.has_room(uid):
                    pid = _start_session(asking, connection, uid, config_path, config)
                    sessions.add(pid, uid)
                else:
                    _turn_away(connection)
        except OSError as error:
            # No process or descriptor is left: this client is turned away, and the service stays.
            logger.warning("worker: a client was turned away: %s", type(error).__name__)
            time.sleep(BUSY_SECONDS)


def _start_session(
    asking: socket.socket,
    connection: socket.socket,
    uid: int,
    config_path: Path,
    config: ServiceConfig,
) -> int:
    home = config.places.state / "home"

    # Nothing of the daemon's own environment: what a service manager sets is not the worker's.
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        **config.environment.worker,
        "PORTCULLIS_HOME": str(home),
    }

    descriptor = connection.fileno()
    program = [sys.executable, *FLAGS, str(Path(__file__).parents[1] / "isolated.py")]
    command = ["tasks.service.session", str(descriptor), str(config_path), str(uid)]
    os.set_inheritable(descriptor, True)

    return os.posix_spawn(
        sys.executable,
        [*program, *command],
        environment,
        file_actions=[(os.POSIX_SPAWN_CLOSE, asking.fileno())],
    )


def _turn_away(connection: socket.socket) -> None:
    """Tell a client that there are too many; it may have gone, or read nothing."""
    busy = ServiceError(
        "worker",
        expected="a session that is free, of the service's and of your account's",
        found="none",
        remedy="End a release of yours, or ask again later.",
    )
    answer = {"tell": "failed", "message": str(busy), "exit_code": busy.exit_code}

    with contextlib.suppress(OSError):
        connection.send(json.dumps(answer).encode() + b"\n", socket.MSG_DONTWAIT)
        # Closed with a request unread, the kernel would tell the client of a reset, and no answer.
        connection.shutdown(socket.SHUT_RD)
        connection.recv(1 << 16, socket.MSG_DONTWAIT)


def _require_distinct(worker: Account, stage: Account) -> None:
    """Refuse accounts that could read or write what the other one keeps.

    Raises:
        ConfigError: They are one, or one of them is root.
    """
    # Groups as well: `trees` and `workspaces` are readable by the stage's group.
    if 0 in (worker.uid, stage.uid) or worker.uid == stage.uid or worker.gid == stage.gid:
        raise ConfigError(
            "accounts",
            expected="two ordinary accounts with groups of their own",
            found="one for both, or root",
            remedy="Make one account for the worker, and another for stages.",
        )


def _make_folders(config: ServiceConfig, worker: Account, stage: Account) -> None:
    """Make the service's folders, each for its account; what is there already is set right.

    Raises:
        ConfigError: A link or a file lies in the place of one.
    """
    state = config.places.state
    state.mkdir(parents=True, exist_ok=True)

    # Nobody but root makes or exchanges what root opens here: a link that the stage's account could
    # put in the place of a folder would have root give it what the link leads to.
    _set_right(state, 0, 0, 0o755)

    folders = {
        "home": (worker.uid, worker.gid, 0o700),  # keys, ledger, registry's database
        "mirrors": (worker.uid, worker.gid, 0o700),
        # What stages read, and nobody else: rows, models, and locks that a reader could hold.
        "trees": (worker.uid, stage.gid, 0o750),
        "workspaces": (worker.uid, stage.gid, 0o750),
        "stage": (stage.uid, stage.gid, 0o700),  # the key store: rows about people
        "rooms": (0, 0, 0o711),
    }

    for name, (uid, gid, mode) in folders.items():
        with contextlib.suppress(FileExistsError):
            (state / name).mkdir(mode=0o700)
        _set_right(state / name, uid, gid, mode)

    remove_rooms(state / "rooms")
    config.places.socket.parent.mkdir(parents=True, exist_ok=True)


def _set_right(folder: Path, uid: int, gid: int, mode: int) -> None:
    """Give a folder its owner and mode.

    Raises:
        ConfigError: It is none, or a link to one.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise ConfigError(
            str(folder),
            expected="a folder",
            found="a link, or no folder",
            remedy="Find out who has put it there; the service makes the folder itself.",
        ) from error

    try:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _bind(path: Path, mode: int, uid: int, gid: int, *, is_packets: bool = False) -> socket.socket:
    """Return a listening socket that only `uid` and `gid` can connect to.

    Raises:
        ServiceError: Somebody listens there already.
        ConfigError: Something else than a socket lies there.
    """
    kind = socket.SOCK_SEQPACKET if is_packets else socket.SOCK_STREAM
    with socket.socket(socket.AF_UNIX, kind) as probe:
        # Asked by connecting: a socket's file outlives the service that made it.
        if probe.connect_ex(str(path)) == 0:
            raise ServiceError(
                str(path),
                expected="a socket that nobody uses",
                found="another service",
                remedy="Stop that one first.",
            )
    _remove_socket(path)

    listener = socket.socket(socket.AF_UNIX, kind)
    before = os.umask(0o777)  # nobody connects before owner and mode are set
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    os.chown(path, uid, gid)
    path.chmod(mode)
    listener.listen()
    return listener


def _remove_socket(path: Path) -> None:
    """Remove the socket that an earlier service left.

    Raises:
        ConfigError: Something else lies there.
    """
    # As root, by a path of the administrator's file: a mistyped one must not cost a file.
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigError(
                str(path),
                expected="a socket, or nothing",
                found="something else",
                remedy="Name another place in the service's configuration; nothing was removed.",
            )
        path.unlink()
