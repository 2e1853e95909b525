"""Who looked at or changed what about people, when and why: one JSON line each, in one place."""

import fcntl
import getpass
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.secrets import home

FILE = "audit.jsonl"


def audit(action: str, *, what: str, why: str, root: Path = Path(), **figures: Any) -> None:
    """Append an event and have it on the disk before the caller goes on. It never holds a value about a person.

    Args:
        action: What was done, as `read rows` or `export`.
        what: What it was done to: a dataset, a request's id.
        why: The reason that a person gave, or the work it belongs to.
        root: The checkout.
        figures: Counts and digests.
    """
    event = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "who": who(), "action": action, "what": what}
    line = json.dumps({**event, "why": why, **figures}, ensure_ascii=False) + "\n"
    descriptor = os.open(home(root) / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def who() -> str:
    """Return the account that runs this and its machine; behind `sudo`, the account that called it, too."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        name = f"uid {os.getuid()}"
    behind = os.environ.get("SUDO_USER")
    return f"{name}@{socket.gethostname()}" + (f" (sudo by {behind})" if behind else "")
