"""Key files: 32 bytes in hex, mode 0600, outside git, made once."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from tasks.errors import ConfigError, ServiceError

KEY_BYTES = 32
MOST_FILE_BYTES = 4096  # of a key file: far more than a key in hex


def read_or_make_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file, made on first use.

    Raises:
        ConfigError: Others may read it, or it is no key file.
        ServiceError: It cannot be read, or not be made.
    """
    if not os.path.lexists(path):
        try:
            make_once(path, secrets.token_hex(KEY_BYTES).encode())
        except OSError as error:
            raise ServiceError(
                str(path),
                expected="a folder with room that this account may write to",
                found=type(error).__name__,
                remedy="Make room, or mend the owner, mode or mount; nothing was lost.",
            ) from error

    text = read_key_file(path)
    return decode_key(text or "", str(path))


def read_key_file(path: Path) -> str | None:
    """Return what a key file holds; None where there is none.

    Raises:
        ConfigError: Others may read it, or it is a folder or the like.
        ServiceError: This account may not read it, or the disk does not answer.
    """
    try:
        # Opened once: what is judged is what is read, and no other file that is put in its place
        # in between. Opening a pipe waits for its writer; O_NONBLOCK does not (open(2)).
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_own_file(descriptor, path)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        if path.is_symlink():
            raise _no_key_file(path) from None
        return None
    except OSError as error:
        # What opening a socket says.
        if error.errno == errno.ENXIO:
            raise _no_key_file(path) from error
        raise ServiceError(
            str(path),
            expected="a key file that this account may read",
            found=type(error).__name__,
            remedy="Mend its owner, mode or mount; nothing was lost.",
        ) from error


def _read_own_file(descriptor: int, path: Path) -> str:
    """Return what an open file holds, if it is a regular one of its owner alone."""
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        raise _no_key_file(path)

    # Only the owner may read or write: all other mode bits are wrong.
    if mode & 0o077:
        raise ConfigError(
            str(path),
            expected="a key file that only its owner can read (mode 0600)",
            found="a wider mode",
            remedy=f"chmod 600 {path.name}, and consider the secret exposed.",
        )

    # What is no ASCII, or longer than any key, is no key, and is refused as one that is malformed.
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        return stream.read(MOST_FILE_BYTES).decode("ascii", errors="replace")


def _no_key_file(path: Path) -> ConfigError:
    return ConfigError(
        str(path),
        expected="a key file",
        found="a folder, a link that leads nowhere, or the like",
        remedy=(
            "Restore the secret from your newest backup: another one would make what was sealed "
            "unreadable, and bring back whoever was erased."
        ),
    )


def make_once(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, unless it is there already.

    Two processes that make it at once end up with the same file: it is linked into place whole, and
    a link never replaces what is there. It is on the disk before this returns: what is sealed by it
    must not outlive it when the power goes.
    """
    # A name of this call alone, in the same folder: a link cannot cross file systems.
    draft = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.draft")
    # The mode with the making: between making and `chmod` others could open it.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk: a file that was synced may still be lost with its name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def decode_key(text: str, where: str) -> bytes:
    """Return 32 bytes that are written in hex.

    Raises:
        ConfigError: They are not; the message names `where`, and quotes nothing.
    """
    try:
        # Stripped, because editors and `echo` end a file with a line feed.
        value = bytes.fromhex(text.strip())
    except ValueError:
        value = b""

    if len(value) != KEY_BYTES:
        raise ConfigError(
            where,
            expected="32 bytes in hex",
            found="something else",
            remedy=(
                "Restore the secret from your newest backup: another one would make what was "
                "sealed unreadable, and bring back whoever was erased."
            ),
        )
    return value
