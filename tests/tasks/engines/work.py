"""Functions that tests have engines run: a worker finds them by name, as it does a stage's."""

import os
import time
from pathlib import Path

from tasks.errors import DataError

SECRET = "Ms Penelope Vance"


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
