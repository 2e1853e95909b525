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
