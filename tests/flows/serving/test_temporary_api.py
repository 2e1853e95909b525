"""Why the temporary server could not start is one line, without the database's address."""

import logging

import pytest

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
