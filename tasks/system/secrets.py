"""Secrets of this installation: from the environment, else from key files of mode 0600 outside git."""

import contextlib
import os
import secrets
from pathlib import Path

from tasks.errors import ConfigError


def home(root: Path = Path()) -> Path:
    """Return the folder of everything that must never be committed: `$PORTCULLIS_HOME`, else `.portcullis/`.

    Raises:
        ConfigError: It is a relative path, which would be another folder for each process, or it cannot be written to.
    """
    given = os.environ.get("PORTCULLIS_HOME")
    if given and not Path(given).is_absolute():
        raise ConfigError(
            "$PORTCULLIS_HOME",
            expected="an absolute path",
            found="a relative one",
            remedy="Give the whole path: stages and commands run in different folders.",
        )

    folder = Path(given or root / ".portcullis").absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise _not_own(folder, type(error).__name__) from error
    if os.getuid() not in (0, owner) or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise _not_own(folder, "one of another account, or one that may not be written to")
    return folder


def _not_own(folder: Path, found: str) -> ConfigError:
    return ConfigError(
        str(folder),
        expected="a folder of one's own, for keys, ledger and databases",
        found=found,
        remedy="Set PORTCULLIS_HOME to a folder that belongs to the account that runs this.",
    )


def secret(name: str, root: Path = Path()) -> bytes:
    """Return the 32-byte secret `name`: `$PORTCULLIS_SECRET_<NAME>` in hex, else a key file, made on first use."""
    variable = f"PORTCULLIS_SECRET_{name.upper().replace('-', '_')}"
    path = home(root) / f"{name}.key"
    if given := os.environ.get(variable):
        return _decoded(given, f"${variable}")
    if not path.exists():
        make_once(path, secrets.token_hex(32).encode())
    if path.stat().st_mode & 0o077:
        raise ConfigError(
            str(path),
            expected="a key file that only its owner can read (mode 0600)",
            found="a wider mode",
            remedy=f"chmod 600 {path.name}, and consider the secret exposed.",
        )
    return _decoded(path.read_text(encoding="ascii"), str(path))


def make_once(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, unless it is there already.

    Two processes that make it at once end up with the same one: the file is linked into place whole.
    """
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


def _decoded(text: str, where: str) -> bytes:
    try:
        value = bytes.fromhex(text.strip())
    except ValueError:
        value = b""
    if len(value) != 32:
        raise ConfigError(
            where,
            expected="32 bytes in hex",
            found="something else",
            remedy="Restore the secret from your backup.",
        )
    return value
