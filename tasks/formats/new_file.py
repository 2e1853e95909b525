"""Write a file that a person asked for by name: never over another, and whole or not at all."""

import contextlib
import os
from pathlib import Path

from tasks.errors import ConfigError
from tasks.formats.whole_file import draft_beside, write_draft


def require_new_file(path: Path) -> None:
    """Refuse a name under which no new file can be written, before the work and not after it.

    Raises:
        ConfigError: Something lies there, or its folder is none, or may not be written to.
    """
    # Of any kind, also a link that leads nowhere: it is somebody's.
    if os.path.lexists(path):
        raise _taken(path)

    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(
            str(path),
            expected="a file in a folder that exists",
            found="no such folder",
            remedy="Make it, or name another.",
        )

    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            str(path),
            expected="a folder that you may write to",
            found="one that you may not",
            remedy="Name a file in another folder.",
        )


def write_new_file(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a new file; whoever looks sees none, or the whole of it.

    Args:
        path: Its name.
        content: All of it.
        mode: As of `os.open`: what the process's umask leaves of it.

    Raises:
        ConfigError: Something lies there by now, or it cannot be written.
    """
    require_new_file(path)
    draft = draft_beside(path)
    try:
        if not _write_unnamed(path, content, mode):
            write_draft(draft, content, mode=mode)
            _name(draft, path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise ConfigError(
            str(path),
            expected="a file that can be written",
            found=error.strerror or type(error).__name__,
            remedy="Free some space, or name another. Nothing was written.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _write_unnamed(path: Path, content: bytes, mode: int) -> bool:
    """Write a file that has no name until it is whole; return whether that can be done there.

    Of a process that is killed nothing stays: a draft of what somebody exported would hold it all,
    under a name that nobody looks for.

    Raises:
        FileExistsError: Something lies there by now.
    """
    unnamed = getattr(os, "O_TMPFILE", None)  # Linux alone
    if unnamed is None:
        return False
    try:
        descriptor = os.open(path.parent, os.O_WRONLY | os.O_CLOEXEC | unnamed, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
            # As open(2) names it. With a folder's descriptor, which an absolute path passes over,
            # or Python asks link(2), which would not follow.
            source = f"/proc/self/fd/{descriptor}"
            os.link(source, path, src_dir_fd=descriptor, follow_symlinks=True)
    except FileExistsError:
        raise
    except OSError:
        # Such a file system, no /proc, or what a draft meets as well, and is told by it.
        return False
    return True


def _name(draft: Path, path: Path) -> None:
    """Give a written file its name, unless somebody was faster."""
    with contextlib.suppress(PermissionError, NotImplementedError):
        path.hardlink_to(draft)
        return
    # A file system without hard links, as on a memory stick.
    if os.path.lexists(path):
        raise FileExistsError(path)
    draft.rename(path)


def _taken(path: Path) -> ConfigError:
    return ConfigError(
        str(path),
        expected="no such file: nothing is written over",
        found="one",
        remedy="Choose another name, or remove it yourself.",
    )
