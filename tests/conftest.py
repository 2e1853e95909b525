"""What every test stands on: an environment that this machine and its user have not coloured."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

    from tasks.code_identity.environment import Environment

HARMLESS = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TERM",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "VIRTUAL_ENV",
    "CI",
)
# Switches of the suite, of its runner, and of a library that is wrong on some processors without.
OURS = ("PORTCULLIS_SCREENSHOTS", "PYTEST_", "OPENBLAS_")
MEASURED = "COVERAGE_PROCESS_"  # lets coverage.py begin in every Python that is started

MEMORY = Path("/dev/shm")
# Several times what lies there at once: what a test has written that passed goes with it.
ROOM_BYTES = 6 << 30

# What a worker of the suite takes at most, with the servers and stages that its test has started.
WORKER_BYTES = 3 << 30

# How long an example takes says nothing where processors are shared and every line is measured.
settings.register_profile("suite", deadline=None)
# `--hypothesis-profile=thorough`: what a night can try that a run of everything cannot.
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Clear the environment.

    A variable of the machine that runs the tests can hide a fault, and once did.
    """
    # The suite's own workers are measured. What a test starts is not: each would take half as long
    # again, where tests kill at exact moments and wait for seconds.
    starts_workers = not hasattr(config, "workerinput") and config.getoption("numprocesses", None)
    kept = (*HARMLESS, *OURS, *((MEASURED,) if starts_workers else ()))
    for name in set(os.environ):
        if not name.startswith(kept):
            del os.environ[name]
    if has_room(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    # Who runs the tests must not be who approves in them, whatever their login is: `ann` is in use.
    os.environ["PORTCULLIS_ACTOR"] = "the-suite"
    # A person's own git settings (signing, hooks, line ends) are none of the tests' business.
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    # The OpenMP threads of two workers would spin in each other's way, as those of two stages.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Under `nohup`, or in the background of a shell, these are ignored, and so they are in all that
    # a test starts.
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def has_room(folder: Path) -> bool:
    """Say whether the tests' files may lie in a folder that is kept in memory.

    A log, a key store and a registry wait for the disk with each entry, so that a crash of the
    machine loses none. Of the tests' own entries nothing has to outlive one, and to wait for them
    is a good part of the run.
    """
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return False
    system = os.statvfs(folder)
    if system.f_flag & os.ST_NOEXEC:  # tests start programs that they have written
        return False
    free = min(system.f_bavail * system.f_frsize, psutil.virtual_memory().available)
    return bool(free >= ROOM_BYTES)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Return how many workers `-n auto` starts: one more than processors, where memory allows it.

    Tests that start servers wait for them, and meanwhile another worker has something to do. None,
    so that xdist asks its own variable, where a person has set that.
    """
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    allowed = int(psutil.virtual_memory().available // WORKER_BYTES)
    return max(1, min((os.cpu_count() or 1) + 1, allowed))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "LoadScopeScheduling":
    """Give files to whichever worker is free, the attempts on the service to one: it is started
    and released to once for each worker, and takes minutes.
    """
    from tests.scheduling import ByFileAndService

    return ByFileAndService(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have workers begin with the files that take long: what is short fills the end of the run."""
    if hasattr(config, "workerinput"):
        put_long_first(items)


def put_long_first(items: list[pytest.Item]) -> None:
    """Put the files with an integration test first, and leave the order within them and beside."""
    long = {item.path for item in items if item.get_closest_marker("integration")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(autouse=True, scope="session")
def known_environment() -> Iterator[None]:
    """Let this process's environment be one that nothing is foreign in.

    To measure it takes seconds for each new home, and the runner of the tests changes `sys.path`.
    `tests/tasks/code_identity` measures; what a test starts as a process of its own does, too.
    """
    from tasks.code_identity import environment

    def known(*_: object, **_options: object) -> "Environment":
        return environment.Environment("e" * 64, "the suite's", ())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "measure_environment", known)
        yield


@pytest.fixture(autouse=True)
def forgotten_model_code() -> Iterator[None]:
    """Forget the code that a loaded model brought: its files go with the test that packed it."""
    yield
    for name in [name for name in sys.modules if name.startswith("portcullis_model_")]:
        del sys.modules[name]
