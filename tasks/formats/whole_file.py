"""Write a file in the place of an older one: whoever looks sees the one or the other, and whole."""

import os
import secrets
import stat
from pathlib import Path

DRAFT_PREFIX = ".portcullis-"
DRAFT_SUFFIX = ".draft"


def write_whole(
    path: Path, content: bytes, *, mode: int | None = None, must_last: bool = True
) -> None:
    """Write a file, also over one that lies there: whole, or nothing of it and the old one stays.

    A link in its place is replaced, and not followed. Two processes may write it at once: one comes
    second. One that is killed leaves the old file, and a hidden draft beside it.

    Args:
        path: Its name, in a folder that exists.
        content: All of it.
        mode: Its permissions, whatever the umask is. By default those of the file that lies there,
            and those that the umask leaves a new one.
        must_last: Whether the content is on the disk before the file has its name. False spares the
            wait where it can be made again, and is checked when it is read.

    Raises:
        OSError: It cannot be written.
    """
    draft = draft_beside(path)
    if mode is None:
        mode = _mode_of(path)
    try:
        # The mode before the content: what others may not read they may not read in a draft.
        write_draft(draft, content, mode=0o666 if mode is None else 0o600, must_last=must_last)
        if mode is not None:
            draft.chmod(mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def draft_beside(path: Path) -> Path:
    """Return a name for the draft of a file that nobody could lay anything under before.

    It begins with a dot and has another suffix: who reads all files of a kind does not see it.
    """
    return path.with_name(f"{DRAFT_PREFIX}{secrets.token_hex(8)}{DRAFT_SUFFIX}")


def drafts_in(folder: Path) -> list[Path]:
    """Return the drafts of a folder: of writers at work, and of those that were killed."""
    return sorted(folder.glob(f"{DRAFT_PREFIX}*{DRAFT_SUFFIX}"))


def write_draft(draft: Path, content: bytes, *, mode: int, must_last: bool = True) -> None:
    """Write a draft, which must not be there; `mode` is that of `os.open`, less the umask."""
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        if must_last:
            stream.flush()
            os.fsync(stream.fileno())


def _mode_of(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
