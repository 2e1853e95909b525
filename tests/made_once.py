"""What is made once in a run of the suite, whichever of its workers asks first."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """Return a folder of the run that `fill` has filled, once. Nobody may change it.

    Whoever asks meanwhile waits. What failed half-way is made anew by the next who asks.
    """
    folder = factory.getbasetemp()
    # pytest-xdist gives each worker a folder of its own, within that of the run.
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    made = shared / name
    whole = shared / f"{name}.whole"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            fill(made)
            whole.touch()
    return made
