"""The machine below: folders, modes, room on the disk, and databases that have to answer."""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.doctor.findings import Finding, Grade
from tasks.erasure.sinks.tracking import database_url
from tasks.errors import PortcullisError
from tasks.formats.shown import kind_of_error
from tasks.keystore.key_tables import open_key_tables
from tasks.keystore.transit_root_key import TransitRootKey
from tasks.notary.notary import open_store
from tasks.system.database import open_database
from tasks.system.installation import Installation

PRIVATE = ("*.key", "keys.db*", "erasures.db*", "ledger.db*", "signing/*")
PIN = "ledger.pin"
OTHERS = 0o077  # mode bits of everybody but the owner
MIB = 1 << 20
LEAST_FREE_MIB = 200  # below it a release may stop half-way
LOW_FREE_MIB = 2000


def look_at_home(installation: Installation) -> Iterator[Finding]:
    """Say whether the folder of keys, ledger and databases can be worked in."""
    home = installation.home
    if not home.exists():
        yield Finding(Grade.NOTE, "home", "none yet; the first command makes it")
        return
    if not home.is_dir():
        yield Finding(Grade.REFUSES, "home", "no folder", "Set PORTCULLIS_HOME to one.")
        return

    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        text = "it may not be read or written to by this account"
        yield Finding(Grade.REFUSES, "home", text, "Mend its owner or mode, or the mount.")
    elif home.stat().st_mode & OTHERS:
        text = f"others may look into it (mode {home.stat().st_mode & 0o777:o})"
        yield Finding(Grade.NOTE, "home", text, "chmod 700")
    else:
        yield Finding(Grade.WELL, "home", "there, and for its owner alone")

    yield from _look_at_modes(home)


def _look_at_modes(home: Path) -> Iterator[Finding]:
    for pattern in (*PRIVATE, PIN):
        # Without a wildcard `glob` passes over a link that leads nowhere.
        named = [home / PIN] if pattern == PIN and os.path.lexists(home / PIN) else []
        for path in named or sorted(home.glob(pattern)):
            name = path.relative_to(home).as_posix()
            # Asked once: while an erasure or a release goes on, logs and `root.next.key` come and
            # go.
            mode, size = _mode_and_size(path)
            if not mode and not os.path.lexists(path):
                continue
            if not stat.S_ISREG(mode):
                text = "no file, but a folder, a link that leads nowhere, or the like"
                yield Finding(Grade.REFUSES, name, text, "Restore its newest backup.")
                continue
            # The pin names a head that was published, and is nobody's secret.
            if pattern != PIN and mode & OTHERS:
                # Of key files alone others' access is refused: they have to count as exposed.
                grade = Grade.REFUSES if path.suffix == ".key" else Grade.NOTE
                text = f"others may read it (mode {mode & 0o777:o})"
                yield Finding(grade, name, text, "chmod 600, and consider it exposed.")
            # A write-ahead log is empty after each checkpoint; an empty database or key file is a
            # lost one.
            if not size and not name.endswith(("-wal", "-shm")):
                yield Finding(Grade.REFUSES, name, "empty", "Restore its newest backup.")


def _mode_and_size(path: Path) -> tuple[int, int]:
    """Return the mode and the size of a file; 0 where there is none, or a link leads nowhere."""
    try:
        status = path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        return 0, 0
    return status.st_mode, status.st_size


def look_at_disk(installation: Installation) -> Iterator[Finding]:
    """Say how much room there is where keys lie, and where data does."""
    for name, folder in (("home", installation.home), ("workspace", installation.workspace)):
        if not folder.is_dir():
            continue
        # What this account may use: the reserve of root is left out.
        free = shutil.disk_usage(folder).free // MIB
        grade = Grade.WELL
        if free < LOW_FREE_MIB:
            grade = Grade.REFUSES if free < LEAST_FREE_MIB else Grade.NOTE
        remedy = "" if grade is Grade.WELL else "Make room; nothing has to be restored for that."
        yield Finding(grade, f"disk of {name}", f"{free:,} MiB free", remedy)


def look_at_databases(installation: Installation) -> Iterator[Finding]:
    """Say whether the servers answer that the settings name."""
    settings = installation.settings
    if settings.keys_url:
        yield _asked("key store's server", lambda: open_key_tables(installation).rows("SELECT 1"))

    if settings.ledger_url:
        yield _asked("ledger's server", lambda: open_store(installation).close())

    if settings.vault_address and settings.transit_key:
        # Wrapping by a key that is lost would make another.
        yield _asked("Transit", TransitRootKey.of(settings).newest_version)

    if settings.mlflow_database_url:
        yield _asked("MLflow's database", lambda: _ask_registry(installation))


def _ask_registry(installation: Installation) -> None:
    url = database_url(installation)
    if url is not None:
        with open_database(url) as engine, engine.connect():
            pass


def _asked(what: str, ask: Callable[[], object]) -> Finding:
    try:
        ask()
    except PortcullisError as error:
        return Finding.of_error(what, error)
    except Exception as error:
        # Drivers' errors are of many classes, and their texts may quote an address.
        return Finding(Grade.REFUSES, what, f"no answer ({kind_of_error(error)})", "Start it.")
    return Finding(Grade.WELL, what, "answers")
