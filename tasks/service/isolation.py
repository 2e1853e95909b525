"""What keeps a stage's process apart: namespaces, its own account, and no way back.

Runs as root, between fork and exec of a stage. Where the kernel or a container does not allow a
namespace, the stage runs without it, and its evidence says so.
"""

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.service.service_config import Account

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
PR_SET_NO_NEW_PRIVS = 38

_libc: Any = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Isolation:
    """How a stage is kept apart.

    Attributes:
        account: The account that it runs under.
        network: `none`, or `host` where it reads sources or the kernel refused.
        processes: `own` where it sees no process but its own and all of them end with it; `shared`
            where the kernel refused.
    """

    account: str
    network: str
    processes: str

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON values."""
        return {"account": self.account, "network": self.network, "processes": self.processes}


def unshare_namespaces(account: Account, *, has_network: bool) -> Isolation:
    """Leave the host's namespaces, as far as the kernel allows; the next child is in the new ones.

    Args:
        account: The stage's.
        has_network: Whether the stage reads sources that may lie elsewhere.
    """
    own_processes = _unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC)
    no_network = not has_network and _unshare(CLONE_NEWNET)
    return Isolation(
        account.name,
        "none" if no_network else "host",
        "own" if own_processes else "shared",
    )


def mount_own_processes() -> bool:
    """Show this process's own namespace in `/proc`, in its own view of the file system alone."""
    is_private = _libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    return bool(is_private and _libc.mount(b"proc", b"/proc", b"proc", flags, None) == 0)


def show_only(shown: Iterable[Path], folder: Path) -> None:
    """Hide a folder from this process's own view, but for what is named.

    Other use cases' run folders belong to the account of stages while these run, and what an
    earlier stage made can be read by everybody: a path that is not there needs no permission.

    Args:
        shown: Files and folders below `folder`; none of them may change its place meanwhile.
        folder: What is hidden.

    Raises:
        OSError: Something is not there, or the kernel refuses.
    """
    # Opened before they are hidden.
    open_paths = {path: os.open(path, os.O_PATH | os.O_NOFOLLOW) for path in shown}
    _mount(b"tmpfs", os.fsencode(folder), b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=0755,size=4m")
    for path, descriptor in open_paths.items():
        source = Path(f"/proc/self/fd/{descriptor}")
        if source.is_dir():
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        _mount(os.fsencode(source), os.fsencode(path), None, MS_BIND | MS_REC, None)
        os.close(descriptor)


def become(account: Account) -> None:
    """Give up every privilege for good.

    Raises:
        PermissionError: The kernel still lets this process be root again.
    """
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    # No program with a set-user-id bit gives anything back.
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise PermissionError("PR_SET_NO_NEW_PRIVS")
    try:
        os.setresuid(-1, 0, -1)
    except PermissionError:
        return
    raise PermissionError(f"account {account.name} is root")


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None
) -> None:
    if _libc.mount(source, target, kind, flags, options) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(target))


def _unshare(flags: int) -> bool:
    return bool(_libc.unshare(flags) == 0)
