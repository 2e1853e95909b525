"""Key files: 32 bytes in hex, mode 0600, outside git, made once."""

import contextlib
import os
import secrets
from pathlib import Path

from tasks.errors import ConfigError, ServiceError

KEY_BYTES = 32


def read_or_make_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file, made on first use.

    Raises:
        ConfigError: Others may read it, or it is no key file.
    """
    if not path.exists():
        try:
            make_once(path, secrets.token_hex(KEY_BYTES).encode())
        except OSError as error:
            raise ServiceError(
                str(path),
                expected="a folder with room that this account may write to",
                found=type(error).__name__,
                remedy="Make room, or mend the owner, mode or mount; nothing was lost.",
            ) from error

    # Only the owner may read or write: all other mode bits are wrong.
    if path.stat().st_mode & 0o077:
        raise ConfigError(
            str(path),
            expected="a key file that only its owner can read (mode 0600)",
            found="a wider mode",
            remedy=f"chmod 600 {path.name}, and consider the secret exposed.",
        )
    return decode_key(path.read_text(encoding="ascii"), str(path))


def make_once(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, unless it is there already.

    Two processes that make it at once end up with the same file: it is linked into place whole, and
    a link never replaces what is there.
    """
    # A name of this call alone, in the same folder: a link cannot cross file systems.
    draft = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.draft")
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


def decode_key(text: str, where: str) -> bytes:
    """Return 32 bytes that are written in hex.

    Raises:
        ConfigError: They are not; the message names `where`, and quotes nothing.
    """
    try:
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
