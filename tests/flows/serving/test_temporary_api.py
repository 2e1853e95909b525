"""Why the temporary server could not start is one line, without the database's address."""

import errno
import logging

import pytest
from sqlalchemy.exc import OperationalError

from flows.serving.temporary_api import one_line_of_failure

TRACEBACK = """Traceback (most recent call last):
  File "x.py", line 1, in connect
ConnectionRefusedError: [Errno 111] Connect call failed ('user:secret@db', 5432)
"""


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.error", logging.ERROR, "x.py", 1, text, None, None)


def test_a_traceback_becomes_one_line_with_the_class_of_its_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not one_line_of_failure(record(TRACEBACK))
    (line,) = capsys.readouterr().err.splitlines()
    assert "found ConnectionRefusedError. " in line
    assert "secret" not in line


def test_any_other_line_is_let_through(capsys: pytest.CaptureFixture[str]) -> None:
    assert one_line_of_failure(record("Application startup failed. Exiting."))
    assert capsys.readouterr().err == ""


def test_a_request_that_failed_is_one_line_too() -> None:
    error = OperationalError("SELECT 'Zyx Canary'", {}, OSError(errno.ENOSPC, "Zyx Canary"))
    failed = record("Encountered exception in request:")
    failed.exc_info = (type(error), error, None)
    assert one_line_of_failure(failed)
    assert failed.exc_info is None
    assert "a full disk" in failed.getMessage()
    assert "Zyx Canary" not in failed.getMessage()
