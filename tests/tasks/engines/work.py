"""Functions that tests have engines run: a worker finds them by name, as it does a stage's."""

import gc
import hashlib
import os
import time
from pathlib import Path

from tasks.errors import DataError
from tasks.keystore.keys import ID_BYTES, SEALING_BYTES

SECRET = "Ms Penelope Vance"
KEY_BYTES = ID_BYTES + SEALING_BYTES


def multiply(factor: int, number: int) -> int:
    """Return the product."""
    return factor * number


def multiply_slowly(factor: int, number: int) -> int:
    """Return the product, late enough for a worker to be killed meanwhile."""
    time.sleep(0.05)
    return factor * number


def count_rows(_shared: None, rows: list[str]) -> int:
    """Return how many rows a partition has."""
    return len(rows)


def refuse(_shared: None, number: int) -> int:
    """Refuse one partition as a stage does."""
    if number == 3:
        raise DataError("rows", expected="another", found="this", remedy="Mend it.")
    return number


def fail_quoting(_shared: None, text: str) -> str:
    """Fail as a library does, which quotes what it cannot read."""
    raise ValueError(f"cannot read {text}")


def fail_elsewhere(process: int, number: int) -> int:
    """Fail in every process but one."""
    if os.getpid() != process:
        raise RuntimeError("not here")
    return number


def lie(process: int, number: int) -> int:
    """Answer something else in every process but one."""
    return number if os.getpid() == process else number + 1


def hold(_shared: None, folder_and_key: tuple[str, bytes]) -> int:
    """Say which process holds a key, and hold it for a while."""
    folder, key = folder_and_key
    Path(folder, str(os.getpid())).touch()
    time.sleep(0.02)
    return len(key)


def count_held(digests: set[str]) -> int:
    """Return how many byte strings that an object of this process refers to have these digests."""
    gc.collect()
    referents = gc.get_referents(*gc.get_objects())
    # The collector does not track a dict or a tuple of bytes alone.
    untracked = [value for value in referents if isinstance(value, dict | tuple)]
    strings = {
        value
        for value in (*referents, *gc.get_referents(*untracked))
        if isinstance(value, bytes) and len(value) == KEY_BYTES
    }
    return len({digest_of(value) for value in strings} & digests)


def digest_of(value: bytes) -> str:
    """Return the digest by which a key is looked for without being sent."""
    return hashlib.sha256(value).hexdigest()
