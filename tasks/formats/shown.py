"""What a message may say of what came from outside: a file, a query, a header, a library.

A message ends on a terminal, in a log, in Prefect's database, in a signed verdict. What a file or a
library supplies may be about a person, whatever it is called: the header of a file without a header
line is the first person's row. So names are shown where the configuration declares them, and
counted where it does not; of an exception the class is shown, and its code where it has one.

`tests/mirror/test_messages.py` holds every message to it: outside text passes through here.
"""

import re
import sys
import traceback
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import TextIO

DEBUG_VARIABLE = "PORTCULLIS_DEBUG"
WITHHELD = f"its text is withheld, as it may quote data: {DEBUG_VARIABLE}=1 shows it"
DEBUG_SHOWS = (
    f"{DEBUG_VARIABLE}=1: what libraries print and the texts of errors are shown, "
    "and may quote data; for invented data only"
)

# Where libraries keep the code of an error: SQLite, PostgreSQL, MLflow. A code is of a list that
# the library ships; what is not written like one is no code.
CODE_ATTRIBUTES = ("sqlite_errorname", "sqlstate", "error_code")
CODE = re.compile(r"[A-Z0-9_]{2,40}")

# Of fewer rows than this the value that they share is not shown: it may be somebody's name that
# stands in the wrong column.
SMALLEST_SHOWN_ROWS = 10

MOST_WORDS = 400  # characters of what a server says
MOST_POSITIONS = 5  # a person looks at the first few, and mends the file


def shown_name(name: str, declared: Collection[str], *, otherwise: str) -> str:
    """Return a name that the configuration declares, and `otherwise` for any other."""
    return name if name in declared else otherwise


def small_group_names(taken: Collection[str]) -> Iterator[str]:
    """Yield `small group 1`, `small group 2` and so on, but none that a group of the data has.

    They stand for groups of fewer than `SMALLEST_SHOWN_ROWS` rows. A file may call a large group
    so: under one name one of the two would be lost.
    """
    return (name for number in count(1) if (name := f"small group {number:d}") not in taken)


def own_name(name: str, taken: Collection[str]) -> str:
    """Return what rows without a group of their own are called: so, or by a number if that is one.

    A file may have a group called `not known` beside rows whose group is not: of one name for both,
    either would be judged as the other.
    """
    if name not in taken:
        return name
    return next(own for number in count(2) if (own := f"{name} {number:d}") not in taken)


def shown_group_names(
    rows: Mapping[str, int], declared: Collection[str] = (), taken: Collection[str] = ()
) -> dict[str, str]:
    """Return by its name what each group is called: so, or by a number where it is rare.

    Numbers are given in order of the groups' names, whatever the order of `rows`: of the same rows
    every page and check has one number for one group.

    Args:
        rows: How many rows each group has, of all rows that are judged: not of a part of them.
        declared: Groups that the configuration names, which are never hidden.
        taken: What groups of other rows are called.
    """
    numbered = small_group_names({*rows, *taken})
    return {
        name: next(numbered) if rows[name] < SMALLEST_SHOWN_ROWS and name not in declared else name
        for name in sorted(rows)
    }


def count_of(names: Collection[object], noun: str) -> str:
    """Return how many there are, as in `1 column` and `12 columns`."""
    return f"{len(names):,} {noun}" + ("" if len(names) == 1 else "s")


def positions_of(positions: Sequence[int]) -> str:
    """Return where they stand, counted from 1: the first few, and how many more there are."""
    shown = ", ".join(f"{position:d}" for position in positions[:MOST_POSITIONS])
    more = len(positions) - MOST_POSITIONS
    return f"{shown} and {more:,} more" if more > 0 else shown


def kind_of_error(error: BaseException) -> str:
    """Return an exception's class, and the code that its library gives it; never its text."""
    code = next(
        (
            value
            for name in CODE_ATTRIBUTES
            if isinstance(value := getattr(error, name, None), str) and CODE.fullmatch(value)
        ),
        "",
    )
    return f"{type(error).__name__} {code}".rstrip()


def words_of_server(text: str) -> str:
    """Return why a server that the operator has named refused a call, cut to a few lines.

    Our own registry's refusals are texts of `tasks.errors`, and hold nothing about a person. Asked
    of refusals alone: the text of any other answer of a server may quote what it was sent.
    """
    words = text.strip()
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}…"


def describe_fault(error: BaseException, *, is_debug: bool) -> str:
    """Return an unexpected exception's class and the places that it came through.

    Its text only where `PORTCULLIS_DEBUG=1` asks for it: for development on invented data.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = " <- ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    ending = f": {error}" if is_debug else f" ({WITHHELD})"
    return f"{kind_of_error(error)} at {places or 'no place of ours'}{ending}"


def is_debug_asked_for(environment: Mapping[str, str]) -> bool:
    """Say whether the environment asks for the texts of unexpected errors."""
    return environment.get(DEBUG_VARIABLE) == "1"


def withhold_texts(environment: Mapping[str, str], terminal: TextIO | None = None) -> None:
    """Make Python print class and place of what nobody caught, and of warnings, without the text.

    That is: of an exception that ends the process or a thread, of one in a destructor, and of
    `warnings.warn`. To be called at the start of a process; `PORTCULLIS_DEBUG=1` leaves all as it
    is, and the process says so. Lines go to `terminal`, or to standard error as it is by then.
    """
    import threading

    def write(line: str) -> None:
        stream = terminal or sys.stderr
        if stream is not None:
            stream.write(f"{line}\n")

    def write_fault(error: BaseException | None) -> None:
        if error is not None:
            write(f"portcullis: {describe_fault(error, is_debug=False)}")

    def write_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del message, file, line  # each may quote what was warned about
        write(f"{filename}:{lineno:d}: {category.__name__} ({WITHHELD})")

    if is_debug_asked_for(environment):
        write(f"portcullis: {DEBUG_SHOWS}")
        return

    sys.excepthook = lambda _kind, error, _frames: write_fault(error)
    sys.unraisablehook = lambda fault: write_fault(fault.exc_value)
    threading.excepthook = lambda fault: write_fault(fault.exc_value)
    warnings.showwarning = write_warning
