"""What comes from outside is counted, placed and classified; it is never quoted."""

import io
import sqlite3
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.formats import shown
from tasks.formats.shown import (
    count_of,
    describe_fault,
    kind_of_error,
    positions_of,
    shown_group_names,
    shown_name,
    withhold_texts,
)

CANARY = "Zyx Canary"
CHECKOUT = Path(__file__).parents[3]
RAISING = """
import sys, threading, warnings
from tasks.formats.shown import withhold_texts

class Careless:
    def __del__(self):
        raise ValueError("Zyx Canary in a destructor")

withhold_texts({environment})
warnings.warn("Zyx Canary in a warning")
thread = threading.Thread(target=lambda: {{}}["Zyx Canary in a thread"])
thread.start()
thread.join()
careless = Careless()
del careless
try:
    int("Zyx Canary")
except ValueError as error:
    raise KeyError("Zyx Canary at the end") from error
"""


def run(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    script = RAISING.format(environment=environment)
    return subprocess.run(
        [sys.executable, *options, "-c", script],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_rare_groups_are_numbered_in_order_of_name_whatever_comes_first() -> None:
    rows = {"Cy": 3, "Ann": 9, "blue": 10, "a": 1}
    named = {"Ann": "small group 1", "Cy": "small group 2", "a": "a", "blue": "blue"}
    assert shown_group_names(rows, ("a",)) == named
    assert shown_group_names(dict(reversed(rows.items())), ("a",)) == named


def test_no_rare_group_is_called_as_another_one_is() -> None:
    rows = {"Ann": 9, "Bo": 9, "small group 1": 10}
    shown_names = shown_group_names(rows, taken=("small group 3",))
    assert list(shown_names.values()) == ["small group 2", "small group 4", "small group 1"]


def test_a_declared_name_is_shown_and_any_other_is_not() -> None:
    assert shown_name("income", {"income"}, otherwise="column 2") == "income"
    assert shown_name(CANARY, {"income"}, otherwise="column 2") == "column 2"


def test_names_are_counted() -> None:
    assert count_of([CANARY], "column") == "1 column"
    assert count_of([CANARY] * 1200, "column") == "1,200 columns"


def test_the_first_positions_are_listed_and_the_others_counted() -> None:
    assert positions_of([3]) == "3"
    assert positions_of(range(1, 8)) == "1, 2, 3, 4, 5 and 2 more"


def test_of_an_error_the_class_is_shown() -> None:
    assert kind_of_error(KeyError(CANARY)) == "KeyError"


def test_of_an_error_with_a_code_the_code_is_shown() -> None:
    with pytest.raises(sqlite3.OperationalError) as failure:
        sqlite3.connect(":memory:").execute(f"SELECT '{CANARY}' FROM nowhere")
    assert kind_of_error(failure.value) == "OperationalError SQLITE_ERROR"


@pytest.mark.parametrize("code", [CANARY, "Ann", "ann@example.org", 7, None, "A" * 41])
def test_what_is_not_written_like_a_code_is_none(code: object) -> None:
    error = type("OddError", (Exception,), {"error_code": code})(CANARY)
    assert kind_of_error(error) == "OddError"


def test_a_fault_has_its_class_and_places_and_its_text_where_it_was_asked_for() -> None:
    try:
        int(CANARY)
    except ValueError as error:
        quiet = describe_fault(error, is_debug=False)
        loud = describe_fault(error, is_debug=True)
    assert quiet.startswith("ValueError at ")
    assert "test_shown.py:" in quiet
    assert CANARY not in quiet
    assert CANARY in loud


@pytest.mark.parametrize("options", [(), ("-X", "dev")])
def test_no_text_of_an_error_or_a_warning_reaches_the_terminal(options: tuple[str, ...]) -> None:
    done = run({}, *options)
    assert done.returncode == 1
    assert "Canary" not in done.stdout + done.stderr
    for kind in ("UserWarning", "KeyError", "ValueError"):
        assert kind in done.stderr


def test_texts_are_shown_for_development_and_it_says_so() -> None:
    done = run({"PORTCULLIS_DEBUG": "1"})
    assert done.stderr.startswith("portcullis: PORTCULLIS_DEBUG=1: ")
    assert done.stderr.count("Canary") >= 4


def test_a_process_whose_error_stream_is_gone_withholds_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for owner, name in ((sys, "excepthook"), (sys, "unraisablehook"), (warnings, "showwarning")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    withhold_texts({})
    monkeypatch.setattr(shown, "sys", SimpleNamespace(stderr=None))
    sys.excepthook(KeyError, KeyError(CANARY), None)
    warnings.showwarning(CANARY, UserWarning, "x.py", 1)


def test_what_is_withheld_goes_to_the_stream_that_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for owner, name in ((sys, "excepthook"), (sys, "unraisablehook"), (warnings, "showwarning")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    terminal = io.StringIO()
    withhold_texts({}, terminal)
    warnings.showwarning(CANARY, UserWarning, "x.py", 1)
    sys.excepthook(KeyError, KeyError(CANARY), None)
    assert terminal.getvalue().startswith("x.py:1: UserWarning (its text is withheld")
    assert "KeyError at no place of ours" in terminal.getvalue()
    assert CANARY not in terminal.getvalue()
