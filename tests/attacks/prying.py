"""What an account without any commit tries around the service; prints name -> outcome as JSON.

python -I prying.py <JSON: where things are, and whose processes>
"""

import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

libc: Any = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH = 16


def main() -> int:
    """Try everything."""
    attempts = attempts_of(json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps({name: outcome_of(tried) for name, tried in attempts.items()}))
    return 0


def attempts_of(where: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """Return what is tried, by name; nothing is tried yet."""
    state = Path(where["state"])
    service = Path(where["service"])
    run = Path(where["socket"]).parent
    workspace = state / "workspaces" / "tiny"
    data = workspace / "data" / "tiny"

    attempts: dict[str, Callable[[], object]] = {
        "list the worker's home": lambda: listed(state / "home"),
        "read the ledger": lambda: read(state / "home" / "ledger.db"),
        "read the registry's database": lambda: read(state / "home" / "mlflow.db"),
        "write to the pin": lambda: append(state / "home" / "ledger.pin"),
        "list the stages' home, with the key store": lambda: listed(state / "stage"),
        "list the mirrors": lambda: listed(state / "mirrors"),
        "list DVC's folder": lambda: listed(workspace / ".dvc"),
        "write to the administrator's file": lambda: append(where["config"]),
        "exchange the administrator's file": lambda: rename(where["config"]),
        "write to the service's code": lambda: append(service / "flows" / "__main__.py"),
        "put a module beside the service's code": lambda: append(service / "sitecustomize.py"),
        "leave bytecode for the service": lambda: append(service / "tasks" / "x.pyc"),
        "write to a snapshot": lambda: append(snapshot_of(state) / "dvc.yaml"),
        "put a snapshot in place beforehand": lambda: make(state / "trees" / ("0" * 64)),
        "write to the worker's checkout": lambda: append(workspace / "dvc.yaml"),
        "write to the lock file": lambda: append(workspace / "dvc.lock"),
        "write to the model": lambda: append(data / "train" / "model" / "model.json"),
        "write a verdict": lambda: append(data / "fairness" / "verdict.json"),
        "make a run folder": lambda: make(workspace / "data" / ".run-00"),
        "make a checkout of another use case": lambda: make(state / "workspaces" / "loan"),
        "rename the state": lambda: rename(state),
        "rename a workspace": lambda: rename(workspace),
        "link a secret into a folder of its own": lambda: os.link(
            state / "home" / "ledger.db", Path.home() / "ledger.db"
        ),
        "link an output into a folder of its own": lambda: os.link(
            data / "redact" / "verdict.json", Path.home() / "verdict.json"
        ),
        "hold the use case's lock": lambda: lock(state / "home" / "release-tiny.lock"),
        "lock the mirror": lambda: lock(state / "mirrors" / "any.git.lock"),
        "lock the folder of snapshots": lambda: lock(state / "trees"),
        "lock a snapshot": lambda: lock(snapshot_of(state).with_suffix(".lock")),
        "lock the folder of data": lambda: lock(workspace / "data"),
        "read rows about people": lambda: read(data / "redact" / "rows.parquet"),
        "read sources as they were delivered": lambda: listed(workspace / "sources"),
        "read a model that is not registered": lambda: listed(data / "train" / "model"),
        "list the use cases": lambda: listed(state / "workspaces"),
        "list the rooms of stages": lambda: listed(state / "rooms"),
        "exchange the worker's socket": lambda: rename(where["socket"]),
        "listen in the worker's place": lambda: append(run / "worker.sock2"),
        "ask the launcher": lambda: ask(str(state / "home" / "launcher.sock")),
        "write to the service's log": lambda: append(where["log"]),
    }
    for name, pid in where["pids"].items():
        proc = Path("/proc", str(pid))
        for file in ("environ", "mem", "maps", "auxv", "syscall", "stack"):
            attempts[f"read {file} of the {name}"] = reading(proc / file)
        attempts[f"list the descriptors of the {name}"] = listing(proc / "fd")
        attempts[f"follow the current folder of the {name}"] = listing(proc / "cwd")
        attempts[f"follow the root of the {name}"] = listing(proc / "root")
        attempts[f"write to the memory of the {name}"] = appending(proc / "mem")
        attempts[f"kill the {name}"] = killing(pid)
        attempts[f"trace the {name}"] = tracing(pid)
        attempts[f"let the kernel kill the {name} first"] = appending(proc / "oom_score_adj")
        attempts[f"limit the {name}"] = limiting(pid)
    if where["is_outsider"]:
        attempts["ask the worker"] = lambda: ask(where["socket"])
        attempts["read a person's signing key"] = lambda: read(where["private_key"])
    return attempts


def outcome_of(tried: Callable[[], object]) -> str:
    """Return the errno that stopped an attempt, or what it got."""
    try:
        return f"got:{str(tried())[:200]}"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)


def read(path: Path | str) -> object:
    """Open for reading."""
    with Path(path).open("rb") as stream:
        return len(stream.read(64))


def append(path: Path | str) -> object:
    """Open for writing."""
    with Path(path).open("ab") as stream:
        return stream.write(b"x")


def lock(path: Path) -> object:
    """Lock a file or folder: whoever can open it for reading can."""
    fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "locked"


def listed(path: Path) -> object:
    """List a folder."""
    return sorted(entry.name for entry in path.iterdir())


def make(path: Path) -> object:
    """Make a folder."""
    path.mkdir()
    return "made"


def rename(path: Path | str) -> object:
    """Move something away."""
    Path(path).rename(f"{path}.away")
    return "renamed"


def snapshot_of(state: Path) -> Path:
    """Return a snapshot."""
    return next(path for path in (state / "trees").iterdir() if path.is_dir())


def ask(path: str) -> object:
    """Connect to a socket of either kind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
    return "connected"


def reading(path: Path) -> Callable[[], object]:
    return lambda: read(path)


def appending(path: Path) -> Callable[[], object]:
    return lambda: append(path)


def listing(path: Path) -> Callable[[], object]:
    return lambda: listed(path)


def killing(pid: int) -> Callable[[], object]:
    return lambda: os.kill(pid, signal.SIGKILL)


def tracing(pid: int) -> Callable[[], object]:
    def trace() -> object:
        if libc.ptrace(PTRACE_ATTACH, pid, 0, 0) == -1:
            raise OSError(ctypes.get_errno(), "ptrace")
        return "traced"

    return trace


def limiting(pid: int) -> Callable[[], object]:
    def limit() -> object:
        import resource

        return resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))

    return limit


if __name__ == "__main__":
    sys.exit(main())
