"""Read a file that somebody else may have put there: a regular one, of a bounded size.

A pipe or device in a file's place would hold the reader up for ever, and a huge file fill its
memory. What is opened is what is judged: the checks are made on the open file, not on its name.
"""

import os
import stat
from pathlib import Path

MOST_FILE_BYTES = 16 << 20


class IrregularFileError(OSError):
    """Something else lies there than a regular file of an allowed size; its text says what."""


class ExposedFileError(OSError):
    """Others than its owner may read or write it, and nothing of it was read."""


def read_regular_file(
    path: Path, *, most_bytes: int = MOST_FILE_BYTES, is_owner_only: bool = False
) -> bytes:
    """Return the bytes of a regular file; a link to one is followed.

    Args:
        path: Its name.
        most_bytes: How many bytes it may have.
        is_owner_only: Whether it holds a secret, and so has to be its owner's alone.

    Raises:
        ExposedFileError: It is to be its owner's alone, and its mode lets others in.
        IrregularFileError: It is a folder, pipe, device or socket, or is larger than `most_bytes`.
        OSError: It is absent, or may not be read.
        ValueError: The path is none: it holds NUL.
    """
    # Opening a pipe waits for its writer; O_NONBLOCK does not (open(2)). It changes nothing for a
    # regular file.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        # ENXIO is a socket's or a device's without a driver: ours to say in words.
        if not path.exists() or path.is_file():
            raise
        raise IrregularFileError("no regular file") from error

    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        is_folder = stat.S_ISDIR(kind)
        raise IrregularFileError(
            "a folder" if is_folder else "no regular file, but a pipe or device"
        )

    # Only the owner may read or write: all other mode bits are wrong.
    if is_owner_only and kind & 0o077:
        os.close(descriptor)
        raise ExposedFileError

    with os.fdopen(descriptor, "rb") as stream:
        # One byte more than allowed, because a file may grow while it is read.
        data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise IrregularFileError(f"more than {most_bytes:,} bytes")
    return data


def describe_unreadable(error: OSError | ValueError) -> str:
    """Return why a file could not be read, in words that quote nothing of it."""
    if isinstance(error, FileNotFoundError):
        return "none"
    if isinstance(error, IrregularFileError):
        return str(error)
    return type(error).__name__
