"""What a hostile commit puts beside the honest code of a stage; it runs as the stage, and tries.

`run` tries everything in `PROBES` and reports each outcome through the stage's own logger, as
`ATTEMPT <name> <outcome>`; then it does what the variant says. Where things lie it reads from
`targets.json` beside it, which the test has written into the commit.
"""

import ctypes
import errno
import fcntl
import json
import logging
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

logger = logging.getLogger("portcullis.decide")
libc: Any = ctypes.CDLL(None, use_errno=True)
TARGETS: dict[str, Any] = {}
PTRACE_ATTACH = 16
CLONE_NEWUSER_AND_NEWNS = 0x10020000
MNT_DETACH = 2
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
REPORTED_CHARACTERS = 200

Outcome = str | None


def run(stage_run: Any, honest: Callable[[Any], None]) -> None:
    """Try, and report; then leave what the variant says."""
    TARGETS.update(json.loads(Path(__file__).with_name("targets.json").read_text()))
    variant = TARGETS["variant"]
    if variant == "probe":
        for name, probe in PROBES.items():
            logger.info("ATTEMPT %s %s", name, outcome_of(probe))
    honest(stage_run)
    VARIANTS[variant](stage_run)


def outcome_of(probe: Callable[[], object]) -> str:
    """Return the errno that stopped an attempt, or what it got."""
    ctypes.set_errno(0)
    try:
        result = probe()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except Exception as error:
        return type(error).__name__
    return f"got:{str(result)[:REPORTED_CHARACTERS]}"


def checked(result: int) -> int:
    """Return the result of a system call, or raise what stopped it."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def state(*parts: str) -> Path:
    """Return a place in the worker's state."""
    return Path(TARGETS["state"], *parts)


def workspace(*parts: str) -> Path:
    """Return a place in the worker's checkout of the small use case."""
    return state("workspaces", "tiny", *parts)


def read(path: Path | str) -> object:
    """Open for reading."""
    return len(Path(path).read_bytes())


def list_folder(path: Path | str) -> object:
    """List a folder."""
    return sorted(entry.name for entry in Path(path).iterdir())


def append(path: Path | str) -> object:
    """Open for writing."""
    with Path(path).open("ab") as stream:
        return stream.write(b"x")


def connect(family: int, address: Any) -> Callable[[], object]:
    """Return an attempt to connect."""

    def probe() -> object:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(3)
            connection.connect(address())
        return "connected"

    return probe


def foreign_processes() -> object:
    """Return which processes of others are there."""
    own = os.getuid()
    pids = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return sorted(entry.name for entry in pids if entry.stat().st_uid != own)


def secrets_in_environments() -> object:
    """Return variables of any process that a stage has no business to have."""
    names = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            for word in (entry / "environ").read_bytes().split(b"\0"):
                names.add(word.partition(b"=")[0].decode())
    return sorted(
        name
        for name in names
        if any(part in name for part in ("TOKEN", "KEY", "SECRET", "MLFLOW", "MANDATE", "URI"))
    )


def files_held_open() -> object:
    """Return inherited descriptors that lead to files or folders of others."""
    held = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            status = os.fstat(int(entry.name))
        except OSError:
            continue  # the descriptor by which the folder was listed
        is_file = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        if is_file and status.st_uid != os.getuid() and int(entry.name) > 2:
            target = str(entry.readlink())
            if not target.startswith(("/proc", str(state("trees")), sys.prefix, "/usr")):
                held.append(target)
    return held


def cut_log_off() -> object:
    """Truncate whatever regular file a descriptor leads to that can be written to."""
    cut = []
    for entry in list(Path("/proc/self/fd").iterdir()):
        descriptor = int(entry.name)
        try:
            mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
            if mode != os.O_RDONLY and stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.ftruncate(descriptor, 0)
                cut.append(str(entry.readlink()))
        except OSError:
            continue
    return cut


def kill_outside() -> object:
    """Send a signal to every process of the service."""
    for pid in TARGETS["pids"]:
        os.kill(pid, signal.SIGKILL)
    return "killed"


def kill_all() -> object:
    """Send a signal to whatever may be signalled, which spares the sender (kill(2), pid -1)."""
    os.kill(-1, signal.SIGTERM)
    return "none but its own"


def attach() -> object:
    """Trace a process of the service."""
    return checked(libc.ptrace(PTRACE_ATTACH, TARGETS["pids"][0], 0, 0))


def read_memory() -> object:
    """Read another process's memory."""
    return read(f"/proc/{TARGETS['pids'][0]}/mem")


def raise_interface() -> object:
    """Bring the loopback interface up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(connection, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(connection, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
    return "up"


def raw_socket() -> object:
    """Open a socket that sees every packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return "open"


def write_snapshot() -> object:
    """Write to the code that this and later stages run from."""
    return append(Path(__file__).with_name("stage.py"))


def write_snapshot_elsewhere() -> object:
    """Make a module in the snapshot."""
    return append(Path(__file__).parents[2] / "sitecustomize.py")


def exchange_configuration() -> object:
    """Rename the run folder's configuration away."""
    Path("configs").rename("configs-honest")
    return "renamed"


def exchange_own_folder() -> object:
    """Put a link in the place of the folder that is handed over."""
    own = Path("data", "tiny", "decide")
    own.rename(own.with_name("decide-honest"))
    own.symlink_to(state("home"))
    return "exchanged"


def write_input() -> object:
    """Write to what an earlier stage made."""
    return append(Path("data", "tiny", "train", "report.json"))


def read_sources() -> object:
    """Read the rows about people as they were delivered, which only two stages may."""
    return read(workspace("sources", "applications.csv"))


def write_other_case() -> object:
    """Write to the output of another use case's stage, which the same account has now."""
    (folder,) = TARGETS["other_run"]
    return append(Path(folder) / "verdict.json")


def list_workspaces() -> object:
    """Return which use cases are there."""
    return sorted(path.name for path in state("workspaces").iterdir())


def become_worker() -> object:
    """Take over the worker's account."""
    os.setresuid(TARGETS["worker_uid"], TARGETS["worker_uid"], TARGETS["worker_uid"])
    return os.getuid()


def run_set_user_id_program() -> object:
    """Run a program of root's that would run as root for anybody."""
    done = subprocess.run([TARGETS["set_uid_program"], "-u"], capture_output=True, check=False)
    return done.stdout.decode().strip() == str(os.getuid()) and "no root"


def change_user() -> object:
    """Ask `su` for root."""
    done = subprocess.run(["su", "-c", "id -u"], input=b"\n", capture_output=True, check=False)
    return "root" if done.stdout.strip() == b"0" else "no root"


def mount_over() -> object:
    """Mount a file system over the worker's state."""
    return checked(libc.mount(b"none", os.fsencode(state()), b"tmpfs", 0, None))


def unmount(path: Path | str) -> Callable[[], object]:
    """Return an attempt to uncover what was there before."""
    return lambda: checked(libc.umount2(os.fsencode(path), MNT_DETACH))


def in_user_namespace(probe: Callable[[], object]) -> Callable[[], object]:
    """Return an attempt as root of a namespace of its own, where the kernel gives one."""

    def tried() -> object:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                checked(libc.unshare(CLONE_NEWUSER_AND_NEWNS))
                text = outcome_of(probe)
            except OSError as error:
                text = errno.errorcode.get(error.errno or 0, "?")
            os.write(write_end, text.encode())
            os._exit(0)
        os.close(write_end)
        os.waitpid(child, 0)
        with os.fdopen(read_end) as stream:
            return stream.read()

    return tried


def look_below_proc() -> object:
    """Uncover the host's `/proc` and look who is there."""
    checked(libc.umount2(b"/proc", MNT_DETACH))
    return foreign_processes()


def look_below_workspaces() -> object:
    """Uncover the other workspaces."""
    checked(libc.umount2(os.fsencode(state("workspaces")), MNT_DETACH))
    return list_workspaces()


def make_device() -> object:
    """Make a device of its own in its output."""
    os.mknod("data/tiny/decide/disk", stat.S_IFBLK | 0o600, os.makedev(8, 0))
    return "made"


def change_root() -> object:
    """Change the root directory."""
    os.chroot("data")
    return "changed"


def raise_priority() -> object:
    """Take the processors for itself."""
    return os.nice(-20)


def set_clock() -> object:
    """Set the system's clock, by which agreements expire."""
    time.clock_settime(time.CLOCK_REALTIME, 0.0)
    return "set"


def rename_host() -> object:
    """Rename the machine."""
    socket.sethostname("mine")
    return "renamed"


def take_more_files() -> object:
    """Raise a hard limit of its own."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
    return "raised"


def attach_shared_memory() -> object:
    """Attach to shared memory (System V) that another account lets everybody attach to."""
    return checked(libc.shmget(TARGETS["shared_memory"], 1, 0o666))


def type_into_terminal() -> object:
    """Type into whatever terminal a descriptor leads to."""
    terminals = []
    for entry in list(Path("/proc/self/fd").iterdir()):
        try:
            is_terminal = os.isatty(int(entry.name))
        except OSError:
            continue
        if is_terminal:
            terminals.append(entry.name)
    return terminals


def plant_start_up_code() -> object:
    """Leave code in the stages' home that a later interpreter of the account may import."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = Path(os.environ["HOME"], ".local", "lib", version, "site-packages")
    packages.mkdir(parents=True, exist_ok=True)
    mark = Path(os.environ["HOME"], "planted")
    code = f"open({str(mark)!r}, 'a').close()\n"
    for folder in (packages, Path(os.environ["HOME"])):
        for name in ("usercustomize.py", "sitecustomize.py", "yaml.py", "pandas.py"):
            (folder / name).write_text(code)
    (packages / "x.pth").write_text(f"import sys; {code}")
    Path(os.environ["HOME"], ".pythonrc.py").write_text(code)
    return "planted"


def leave_in(folder: str) -> Callable[[], object]:
    """Return an attempt to leave rows where everybody may read them."""

    def leave() -> object:
        path = Path(folder, f"portcullis-left-{TARGETS['nonce']}")
        path.write_text("a row about a person")
        path.chmod(0o666)
        return "left"

    return leave


def leave_in_cache() -> object:
    """Leave what a library of a later stage would load: a pickle in its cache, its settings."""
    for name in (".cache/numba/index.nbi", ".config/matplotlib/matplotlibrc", ".netrc"):
        path = Path(os.environ["HOME"], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return "left"


def what_was_left() -> object:
    """Return what earlier stages of the account have left in its home and temporary folder."""
    own = os.getuid()
    home = list(Path(os.environ["HOME"]).rglob("*"))
    # The worker's state may itself lie below the temporary folder.
    temporary = [
        path
        for path in Path(os.environ["TMPDIR"]).rglob("*")
        if not path.is_relative_to(state()) and path.lstat().st_uid == own
    ]
    return sorted(map(str, [*home, *temporary]))


def writable_folders() -> object:
    """Return folders of the whole file system that can be written to, but for its own places."""
    own = (os.environ["HOME"], os.environ["TMPDIR"], "/var/tmp", "/dev/shm", "/proc")
    names = []
    for folder, folders, _ in os.walk("/"):
        if folder.startswith((*own, str(state("stage")), str(Path("data").absolute()))):
            folders.clear()
        elif os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY:
            names.append(folder)
    return names


def fork_many() -> object:
    """Leave 200 processes in sessions of their own that go on for an hour."""
    for _ in range(200):
        if os.fork() == 0:
            os.setsid()
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            time.sleep(3600)
            os._exit(0)
    return "left"


PROBES: dict[str, Callable[[], object]] = {
    "find what earlier stages left": what_was_left,
    "find a folder that it can write to": writable_folders,
    "leave rows in /tmp": leave_in("/tmp"),
    "leave rows in /var/tmp": leave_in("/var/tmp"),
    "leave rows in shared memory": leave_in("/dev/shm"),
    "leave a cache and settings in its home": leave_in_cache,
    "tell rows to a program of another account": connect(
        socket.AF_UNIX, lambda: TARGETS["accomplice"]
    ),
    "list the worker's home": lambda: list_folder(state("home")),
    "read the ledger": lambda: read(state("home", "ledger.db")),
    "read the ledger's pin": lambda: read(state("home", "ledger.pin")),
    "read the signing keys": lambda: read(state("home", "keys", "data.pem")),
    "read the registry's database": lambda: read(state("home", "mlflow.db")),
    "write to the registry's database": lambda: append(state("home", "mlflow.db")),
    "list the registry's artefacts": lambda: list_folder(state("home", "mlartifacts")),
    "read the mandate": lambda: read(state("home", "mandate-tiny.json")),
    "read a person's signing key": lambda: read(TARGETS["private_key"]),
    "list the mirrors": lambda: list_folder(state("mirrors")),
    "read the system's passwords": lambda: read("/etc/shadow"),
    "list root's home": lambda: list_folder("/root"),
    "write to the service's configuration": lambda: append(TARGETS["config"]),
    "write to the service's log": lambda: append(TARGETS["log"]),
    "see a process of others": foreign_processes,
    "find a secret in an environment": secrets_in_environments,
    "hold a file or folder of others open": files_held_open,
    "cut the service's log off by an inherited descriptor": cut_log_off,
    "kill the service": kill_outside,
    "kill everything": kill_all,
    "trace the service": attach,
    "open the service by a process descriptor": lambda: os.pidfd_open(TARGETS["pids"][0]),
    "read the service's memory": read_memory,
    "set where cores are dumped": lambda: append("/proc/sys/kernel/core_pattern"),
    "ask the worker": connect(socket.AF_UNIX, lambda: TARGETS["socket"]),
    "ask the launcher": connect(socket.AF_UNIX, lambda: str(state("home", "launcher.sock"))),
    "reach a port of this machine": connect(socket.AF_INET, lambda: ("127.0.0.1", TARGETS["port"])),
    "reach a port of this machine by IPv6": connect(
        socket.AF_INET6, lambda: ("::1", TARGETS["port"])
    ),
    "reach another machine": connect(socket.AF_INET, lambda: ("192.0.2.1", 80)),
    "reach an abstract socket of this machine": connect(
        socket.AF_UNIX, lambda: "\0" + TARGETS["abstract"]
    ),
    "bring the network up": raise_interface,
    "open a raw socket": raw_socket,
    "write to the snapshot": write_snapshot,
    "make a module in the snapshot": write_snapshot_elsewhere,
    "write to the configuration in the run folder": lambda: append("configs/tiny/resolved.yaml"),
    "rename the configuration in the run folder": exchange_configuration,
    "write to an earlier stage's output": write_input,
    "write a clearance": lambda: append("clearance.json"),
    "write a receipt": lambda: append("data/tiny/register/receipt.json"),
    "exchange its own output folder": exchange_own_folder,
    "write to the checkout": lambda: append(workspace("dvc.yaml")),
    "write to the lock file": lambda: append(workspace("dvc.lock")),
    "write to DVC's folder": lambda: append(workspace(".dvc", "config")),
    "write to the checkout's repository": lambda: append(workspace(".git")),
    "read the sources in plain": read_sources,
    "read what it does not declare": lambda: read(
        workspace("data", "tiny", "validate", "report.json")
    ),
    "write to another use case's running stage": write_other_case,
    "see other use cases": list_workspaces,
    "become root": lambda: os.setuid(0),
    "become the worker": become_worker,
    "join the clients' group": lambda: os.setgroups([TARGETS["clients_gid"]]),
    "run a program of root's as root": run_set_user_id_program,
    "ask su for root": change_user,
    "mount over the state": mount_over,
    "uncover the host's processes": unmount("/proc"),
    "uncover them as root of its own namespace": in_user_namespace(look_below_proc),
    "uncover other use cases as root of its own namespace": in_user_namespace(
        look_below_workspaces
    ),
    "become the worker in its own namespace": in_user_namespace(become_worker),
    "open the memory of the machine": lambda: read("/dev/mem"),
    "make a device": make_device,
    "change the root directory": change_root,
    "raise its priority": raise_priority,
    "set the clock": set_clock,
    "rename the machine": rename_host,
    "raise a limit": take_more_files,
    "attach to others' shared memory": attach_shared_memory,
    "type into a terminal": type_into_terminal,
    "plant code for later interpreters": plant_start_up_code,
    "leave 200 processes": fork_many,
}


def decision(stage_run: Any) -> Path:
    """Return the stage's one output."""
    path: Path = stage_run.folder / "decision.json"
    return path


def leave_nothing(stage_run: Any) -> None:
    """Leave what the honest code has made."""
    assert decision(stage_run).is_file()


def leave_link(stage_run: Any) -> None:
    """Leave a link to the worker's secrets as the output."""
    decision(stage_run).unlink()
    decision(stage_run).symlink_to(state("home", "ledger.db"))


def leave_second_name(stage_run: Any) -> None:
    """Leave a second name of the output, by which it could be written to."""
    os.link(decision(stage_run), Path(decision(stage_run).parent, "twin.json"))


def leave_fifo(stage_run: Any) -> None:
    """Leave a pipe that whoever opens it waits for."""
    decision(stage_run).unlink()
    os.mkfifo(decision(stage_run), 0o666)


def leave_socket(stage_run: Any) -> None:
    """Leave a socket beside the output."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("data/tiny/decide/s")


def leave_hidden_link(stage_run: Any) -> None:
    """Leave a link to the worker's keys deep in a folder beside the output."""
    folder = stage_run.folder / "page" / "deep"
    folder.mkdir(parents=True)
    (folder / "x").symlink_to(state("home"))


def open_to_everybody(stage_run: Any) -> None:
    """Let everybody write to the output, and let it run as whoever owns it."""
    decision(stage_run).chmod(0o6777)
    stage_run.folder.chmod(0o777)


def keep_access_list(stage_run: Any) -> None:
    """Let the stage's account write to the output by an access control list."""
    entries = [(1, 6, -1), (2, 6, os.getuid()), (4, 4, -1), (16, 6, -1), (32, 4, -1)]
    packed = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, mode, who & 0xFFFFFFFF) for tag, mode, who in entries
    )
    try:
        os.setxattr(decision(stage_run), "system.posix_acl_access", packed)
        logger.info("ATTEMPT access list got:set")
    except OSError as error:
        logger.info("ATTEMPT access list %s", errno.errorcode.get(error.errno or 0))


def outlive(stage_run: Any) -> None:
    """Take off what would end it with its parents, and go on for an hour."""
    checked(libc.prctl(1, 0, 0, 0, 0))  # PR_SET_PDEATHSIG
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    logger.info("stays")
    time.sleep(3600)


def fill_disk(stage_run: Any) -> None:
    """Write eight times 128 MiB, and wait to be noticed."""
    for number in range(8):
        (stage_run.folder / f"large-{number}").write_bytes(bytes(128 << 20))
    time.sleep(60)


def fill_file(stage_run: Any) -> None:
    """Write a file without an end."""
    with (stage_run.folder / "large").open("wb") as stream:
        while True:
            stream.write(bytes(16 << 20))


def bomb(stage_run: Any) -> None:
    """Start processes until the kernel gives no more."""
    count = 0
    try:
        while count < 20_000:
            if os.fork() == 0:
                time.sleep(3600)
                os._exit(0)
            count += 1
    except BlockingIOError:
        logger.info("BOMB ended")


def rewrite_later(stage_run: Any) -> None:
    """Leave a process that rewrites the output again and again, in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            descriptor = os.open(decision(stage_run), os.O_RDWR)
            for _ in range(36_000):
                os.pwrite(descriptor, b"{", 0)
                time.sleep(0.0005)
        os._exit(0)
    time.sleep(0.2)


def claim_counts(stage_run: Any) -> None:
    """Claim impossible counts, under names that are none."""
    pipe = int(os.environ["PORTCULLIS_REPORT_FD"])
    counts = {"unsealed": -1, "shredded": True, "passed": 10**30, "mode": "local"}
    os.write(pipe, json.dumps(counts).encode())
    os.environ.pop("PORTCULLIS_REPORT_FD")


def channel_of() -> socket.socket:
    """Return the channel, by which the stage reports."""
    descriptor = int(os.environ["PORTCULLIS_CHANNEL"].removeprefix("fd:"))
    return socket.socket(fileno=os.dup(descriptor))


def forge_events(stage_run: Any) -> None:
    """Send events that name other processes, and characters that a terminal obeys."""
    channel = channel_of()
    for pid in (1, -1, 0, *TARGETS["pids"]):
        channel.sendall(json.dumps({"kind": "started", "pid": pid}).encode() + b"\n")
    evil = {"kind": "progress", "level": "info", "message": "\x1b]0;owned\x07\r\nREGISTERED x"}
    channel.sendall(json.dumps(evil).encode() + b"\n")
    channel.sendall(b'{"tell": "done", "changed": true}\n')
    channel.sendall(b'{"kind": "failed", "message": "x", "exit_code": 0}\n')
    channel.sendall(b"\xff\x00[[[[\n" + b"[" * 5000 + b"\n")
    time.sleep(0.2)


def flood(stage_run: Any) -> None:
    """Send 30,000 lines and one of 3 MiB."""
    channel = channel_of()
    line = json.dumps({"kind": "progress", "level": "info", "message": "flood"}).encode() + b"\n"
    for _ in range(300):
        channel.sendall(line * 100)
    channel.sendall(b"x" * (3 << 20) + b"\n")


def write_to_standard_error(stage_run: Any) -> None:
    """Write megabytes to standard error as it was at the start, with escapes."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        descriptor = int(entry.name)
        try:
            status = os.fstat(descriptor)
            is_writable = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
        except OSError:
            continue
        if stat.S_ISFIFO(status.st_mode) and is_writable and descriptor != _reports():
            for _ in range(64):
                os.write(descriptor, b"\x1b[2JFLOOD\n" * 3000)


def _reports() -> int:
    return int(os.environ.get("PORTCULLIS_REPORT_FD", "-1"))


def nest_deeply(stage_run: Any) -> None:
    """Leave folders in folders, a thousand times."""
    descriptor = os.open(stage_run.folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)


def crash(stage_run: Any) -> None:
    """Die of a fault with a core dump allowed."""
    resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
    os.kill(os.getpid(), signal.SIGSEGV)
    os._exit(139)


VARIANTS: dict[str, Callable[[Any], None]] = {
    "probe": leave_nothing,
    "link": leave_link,
    "second name": leave_second_name,
    "pipe": leave_fifo,
    "socket": leave_socket,
    "hidden link": leave_hidden_link,
    "open to everybody": open_to_everybody,
    "access list": keep_access_list,
    "outlive": outlive,
    "fill disk": fill_disk,
    "fill file": fill_file,
    "bomb": bomb,
    "rewritten later": rewrite_later,
    "counts": claim_counts,
    "events": forge_events,
    "flood": flood,
    "standard error": write_to_standard_error,
    "nested": nest_deeply,
    "crash": crash,
}
