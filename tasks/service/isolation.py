"""What keeps a stage's process apart: namespaces, its own account, a view of its own, no way back.

Runs as root, between fork and exec of a stage. Where the kernel or a container does not allow a
namespace, the stage runs without it, and its evidence says so.
"""

import contextlib
import ctypes
import errno
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.service.service_config import Account, Limits

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_BIND = 1 << 12
MS_PRIVATE = 1 << 18
MS_REC = 1 << 14
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MNT_DETACH = 2
PR_SET_NO_NEW_PRIVS = 38

# mount_setattr(2), by one number on every architecture; the C library names it from 2.36 on.
SYS_MOUNT_SETATTR = 442
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4

KEYCTL_JOIN_SESSION_KEYRING = 1
SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}

# What every program needs. Nothing below is anybody's to write to but root's.
SYSTEM = tuple(
    map(
        Path,
        (
            "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/sys/devices/system/cpu",
        ),
    )
)  # fmt: skip
PACKAGES = ("site-packages", "dist-packages")  # Debian's name for them is the second
MOST_LINKS = 40  # as many as the kernel follows
DEVICES = ("null", "zero", "full", "random", "urandom")
NICENESS = 5  # the worker's own processes come first
FIRST_TO_KILL = 1000  # where memory is short (proc(5), oom_score_adj)

_libc: Any = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Isolation:
    """How a stage is kept apart.

    Attributes:
        account: The account that it runs under.
        network: `none`, or `host` where it reads sources or the kernel refused.
        processes: `own` where it sees no process but its own and all of them end with it; `shared`
            where the kernel refused.
        files: `own` where it sees the system's programs, its code, its inputs and the key store,
            and can write to nothing that outlives it but its outputs and that store; else `shared`.
    """

    account: str
    network: str
    processes: str
    files: str

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON values."""
        return {
            "account": self.account,
            "network": self.network,
            "processes": self.processes,
            "files": self.files,
        }


@dataclass(frozen=True)
class View:
    """What a stage sees of the file system, all of it at its own path.

    Attributes:
        read: Files and folders, without links in their paths.
        write: Folders that its account's permissions let it write to.
        tmp: The folder that it has as `/tmp`.
    """

    read: tuple[Path, ...]
    write: tuple[Path, ...]
    tmp: Path


def unshare_namespaces(*, has_network: bool) -> tuple[bool, bool]:
    """Leave the host's namespaces, as far as the kernel allows; the next child is in the new ones.

    Args:
        has_network: Whether the stage reads sources that may lie elsewhere.

    Returns:
        Whether it has processes of its own, and whether it has no network.
    """
    has_own_processes = _unshare(CLONE_NEWPID | CLONE_NEWIPC)
    return has_own_processes, not has_network and _unshare(CLONE_NEWNET)


def enter_view(view: View, stage_root: Path) -> bool:
    """Make a view the whole of this process's file system; say whether the kernel lets us.

    Whatever else there is has no path any more: other accounts' files and sockets, the places that
    everybody may write to, other use cases. Permissions alone would let a stage leave rows about
    people in `/tmp`, or tell them to a program that listens on a socket.

    Args:
        view: What is seen.
        stage_root: An empty folder of root's, which the view is put together in.

    Raises:
        OSError: Something is not there.
    """
    try:
        # Here and not before: pivot_root(2) moves the root of every process of the namespace.
        _require(_libc.unshare(CLONE_NEWNS), stage_root)
        _mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        _mount(
            b"tmpfs", os.fsencode(stage_root), b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=0755,size=4m"
        )
        _make_devices(stage_root)
        _show(view.tmp, stage_root / "tmp", is_written=True)
        _show(view.tmp, stage_root / "var" / "tmp", is_written=True)
        for path in _outermost({*SYSTEM, *view.read}):
            _show(path, _below(stage_root, path))
        for path in view.write:
            _show(path, _below(stage_root, path), is_written=True)
        (stage_root / "proc").mkdir()
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        _mount(b"proc", os.fsencode(stage_root / "proc"), b"proc", flags, None)
    except OSError as error:
        # EPERM and EACCES: a container without the right to mount. ENOSYS: Linux before 5.12.
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            return False
        raise

    # pivot_root(2), "pivot_root(".", ".")": the old root lies on the new one for a moment.
    os.chdir(stage_root)
    _require(_libc.pivot_root(b".", b"."), stage_root)
    _require(_libc.umount2(b".", MNT_DETACH), stage_root)
    os.chdir("/")
    return True


def places_of_python() -> set[Path]:
    """Return where this interpreter and its libraries lie, and what links on the way there name."""
    named = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]}
    named |= {Path(entry) for entry in sys.path if Path(entry).name in PACKAGES}
    places = {place for path in named for place in _steps_of(path)}
    return {path for path in places if path.is_dir() and path != Path("/")}


def _steps_of(path: Path) -> Iterator[Path]:
    """Yield a path, what it leads to, and every path in between that a link names."""
    yield path.resolve()
    for _ in range(MOST_LINKS):
        yield path
        if not path.is_symlink():
            return
        path = Path(os.path.normpath(path.parent / path.readlink()))


def limit_resources(limits: Limits) -> None:
    """Bound what this process and its children take; before the account is changed.

    A limit on processes is the account's, not the process's: setrlimit(2). Memory is bounded by
    the kernel's choice of whom to end first where there is none left.
    """
    hard = {
        resource.RLIMIT_CORE: 0,  # a core dump holds rows about people
        resource.RLIMIT_NPROC: limits.stage_processes,
        resource.RLIMIT_FSIZE: limits.stage_disk_mib << 20,
    }

    for which, most in hard.items():
        _, present = resource.getrlimit(which)
        # A unit without CAP_SYS_RESOURCE can lower a limit, and not raise it.
        bound = most if present == resource.RLIM_INFINITY else min(most, present)
        resource.setrlimit(which, (bound, bound))

    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_KILL), encoding="ascii")


def become(account: Account) -> None:
    """Give up every privilege for good.

    Raises:
        PermissionError: The kernel still lets this process be root again.
    """
    # In this order: groups while it may still change them, then the group, and the account last,
    # which takes the right to do either.
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)

    # No program with a set-user-id bit gives anything back.
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise PermissionError("PR_SET_NO_NEW_PRIVS")

    # Who has a keyring may use its keys, whatever its account: root's is inherited otherwise.
    if number := SYS_KEYCTL.get(os.uname().machine):
        _libc.syscall(number, KEYCTL_JOIN_SESSION_KEYRING, None)

    # Tried, not assumed: a capability that is left would bring root back.
    try:
        os.setresuid(-1, 0, -1)
    except PermissionError:
        return
    raise PermissionError(f"account {account.name} is root")


def _make_devices(stage_root: Path) -> None:
    devices = stage_root / "dev"
    (devices / "shm").mkdir(parents=True)
    options = b"mode=1777,size=256m"
    _mount(
        b"tmpfs", os.fsencode(devices / "shm"), b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options
    )

    for name in DEVICES:
        # The host's own: one made here would not open, for this tmpfs is mounted `nodev`.
        (devices / name).touch()
        source = os.fsencode(Path("/dev") / name)
        _mount(source, os.fsencode(devices / name), None, MS_BIND, None)

    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (devices / name).symlink_to(f"/proc/self/fd/{number}")
    (devices / "fd").symlink_to("/proc/self/fd")


def _show(path: Path, target: Path, *, is_written: bool = False) -> None:
    """Bind a file or folder, with what is mounted below it; a link is made again as it is."""
    if not os.path.lexists(path):
        return  # /lib32 and its like
    if path.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.readlink())
        return
    if path.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()

    _mount(os.fsencode(path), os.fsencode(target), None, MS_BIND | MS_REC, None)
    read_only = 0 if is_written else MOUNT_ATTR_RDONLY
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | read_only, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    name = ctypes.c_char_p(os.fsencode(target))
    arguments = (ctypes.c_int(AT_FDCWD), name, ctypes.c_uint(AT_RECURSIVE), attributes, size)
    _require(_libc.syscall(SYS_MOUNT_SETATTR, *arguments), target)


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that lie in no other one."""
    named = set(paths)
    return sorted(path for path in named if not named.intersection(path.parents))


def _below(stage_root: Path, path: Path) -> Path:
    return stage_root / path.relative_to("/")


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None
) -> None:
    _require(_libc.mount(source, target, kind, flags, options), Path(os.fsdecode(target)))


def _require(result: int, path: Path) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))


def _unshare(flags: int) -> bool:
    return bool(_libc.unshare(flags) == 0)
