"""Key files: 32 bytes in hex, mode 0600, outside git, made once."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from tasks.errors import ConfigError, ServiceError

KEY_BYTES = 32


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
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _no_key_file(path)

        # Only the owner may read or write: all other mode bits are wrong.
        if status.st_mode & 0o077:
            raise ConfigError(
                str(path),
                expected="a key file that only its owner can read (mode 0600)",
                found="a wider mode",
                remedy=f"chmod 600 {path.name}, and consider the secret exposed.",
            )

        # What is no ASCII is no key, and is refused as one that is malformed.
        return path.read_bytes().decode("ascii", errors="replace")
    except FileNotFoundError:
        if path.is_symlink():
            raise _no_key_file(path) from None
        return None
    except OSError as error:
        raise ServiceError(
            str(path),
            expected="a key file that this account may read",
            found=type(error).__name__,
            remedy="Mend its owner, mode or mount; nothing was lost.",
        ) from error


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
