"""What was tried by whoever gains by it, and what stopped it: the catalogue of `docs/threats.md`.

Each test of an attempt carries one `attempt`. A parametrised test is an attempt for each of its
cases: `cases` says how each of them is called in the catalogue.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])


class Kind(StrEnum):
    """The one kind behind each attempt: the rows of the design, in its order."""

    SETTINGS = "settings are exchanged while they are read"
    CLEAN = "code or data is other than what was committed"
    LAW = "the law comes from the judged"
    REGISTRY = "the registry is reached past the worker"
    CONCLUSION = "a result is concluded from what is missing"
    VERIFY = "a proof says less than it reads"
    SECRETS = "secrets of the worker are within reach"
    LOG = "the log is put back or cut"
    PERSON = "one person acts as two"
    INPUT = "input that nobody expected"
    ISOLATION = "a stage's code leaves its place"
    SERVICE = "the worker is asked for what it does not do"


class Mode(StrEnum):
    """Against which worker an attempt was made."""

    LOCAL = "local"
    ENFORCED = "enforced"


@dataclass(frozen=True)
class Attempt:
    """One attempt: who did what, and what stopped it.

    Where nothing did, `is_stopped` is false, and `stopped_by` says what is left to do about it.
    """

    kind: Kind
    mode: Mode
    what: str
    case: str
    stopped_by: str
    test: str
    is_stopped: bool = True


ATTEMPTS: list[Attempt] = []


def attempt(
    kind: Kind,
    mode: Mode,
    what: str,
    *,
    stopped_by: str,
    cases: Sequence[str] = (),
    is_stopped: bool = True,
) -> Callable[[Test], Test]:
    """Enter a test into the catalogue, once or once for each case."""

    def enter(test: Test) -> Test:
        name = f"{test.__module__.rpartition('.')[2]}::{test.__name__}"
        for case in cases or ("",):
            ATTEMPTS.append(Attempt(kind, mode, what, case, stopped_by, name, is_stopped))
        return test

    return enter


def read_catalogue() -> tuple[Attempt, ...]:
    """Return every attempt of the suite, each once, in the order of files and tests."""
    for name in modules_with_tests():
        importlib.import_module(f"tests.attacks.{name}")
    # The files are read in any order, and one of them may be read under two names.
    return tuple(sorted(dict.fromkeys(ATTEMPTS), key=lambda entry: entry.test.partition("::")[0]))


def modules_with_tests() -> tuple[str, ...]:
    """Return the files of this folder that hold tests, by the names of their modules."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("test_*.py")))
