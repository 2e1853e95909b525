import errno
import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tasks.errors import DataError, PortcullisError, ServiceError
from tasks.settings import Settings
from tasks.system import machine_faults
from tasks.system.installation import Installation
from tasks.system.machine_faults import explain_machine, explaining_machine
from tests.installations import installation_at

CANARY = "Zyx Canary"


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(CANARY)
    error.sqlite_errorcode = code
    return error


def wrapped(cause: Exception) -> Exception:
    try:
        raise cause
    except Exception:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            return error


CAUSES: dict[str, tuple[Exception, str]] = {
    "full": (OSError(errno.ENOSPC, CANARY), "a full disk"),
    "quota": (OSError(errno.EDQUOT, CANARY), "a full disk"),
    "file size": (OSError(errno.EFBIG, CANARY), "ulimit -f"),
    "open files": (OSError(errno.EMFILE, CANARY, CANARY), "ulimit -n"),
    "memory": (MemoryError(CANARY), "ulimit -v"),
    "no memory": (OSError(errno.ENOMEM, CANARY), "ulimit -v"),
    "disk": (OSError(errno.EIO, CANARY, CANARY), "an error of the disk"),
    "mount": (OSError(errno.EROFS, CANARY), "may only be read"),
    "database on a full disk": (sqlite_error(sqlite3.SQLITE_FULL), "a full disk"),
    "locked database": (sqlite_error(sqlite3.SQLITE_BUSY), "another process"),
    "in another error": (wrapped(OSError(errno.ENOSPC, CANARY)), "a full disk"),
    "in SQLAlchemy's": (
        OperationalError(CANARY, {}, sqlite_error(sqlite3.SQLITE_IOERR)),
        "an error of the disk",
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_what_of_the_machine_is_in_the_way_is_named_and_nothing_quoted(name: str) -> None:
    error, found = CAUSES[name]
    cause = explain_machine(error)
    assert isinstance(cause, ServiceError)
    assert found in cause.found
    assert CANARY not in str(cause)
    # After an erasure a backup is the worst advice.
    assert "Restore" not in str(cause)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(CANARY),
        FileNotFoundError(errno.ENOENT, CANARY),
        sqlite_error(sqlite3.SQLITE_CONSTRAINT),
        sqlite3.ProgrammingError(CANARY),  # without a code, as Python's own are
    ],
)
def test_any_other_error_is_no_matter_of_the_machine(error: Exception, tmp_path: Path) -> None:
    assert explain_machine(error) is None
    with pytest.raises(type(error)), explaining_machine(installation_at(tmp_path)):
        raise error


def test_an_error_of_ours_has_said_it_already(tmp_path: Path) -> None:
    ours = DataError("x", expected="a", found="b", remedy="c")
    with pytest.raises(DataError) as caught, explaining_machine(installation_at(tmp_path)):
        raise ours from OSError(errno.ENOSPC, CANARY)
    assert caught.value is ours


def test_the_places_without_room_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    for folder in (home, tmp_path / "data"):
        folder.mkdir()
    monkeypatch.setattr(
        machine_faults, "_is_full", lambda place: place in (tmp_path / "data", home)
    )
    here = Installation(tmp_path, home, Settings.from_environment({}))
    with pytest.raises(PortcullisError) as caught, explaining_machine(here):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert f"the disk of {tmp_path / 'data'} and of {home}:" in str(caught.value)


def test_a_chain_of_errors_that_is_a_ring_has_an_end() -> None:
    first, second = ValueError(CANARY), KeyError(CANARY)
    first.__cause__, second.__cause__ = second, first
    assert explain_machine(first) is None
