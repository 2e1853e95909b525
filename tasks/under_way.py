"""What a long command or stage is doing now, and how far it is.

Whoever works in a long loop counts here; whoever talks to people asks: `flows.cli.base.heartbeat`
about a command, `tasks.pipeline.pace` about a stage. A count is of things, never of anything that a
person is called. Counting is cheap and changes nothing, so that a pure function may do it.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

Thing = TypeVar("Thing")

_open: list["Work"] = []


@dataclass(eq=False)
class Work:
    """One loop.

    Attributes:
        what: What it does, in words: "reading the log".
        total: Of how many things; 0 where nobody knows beforehand.
        unit: What is counted, in the plural: "rows"; empty where `what` says it.
        done: How many it has done so far.
        started: When it began, by a clock in seconds.
    """

    what: str
    total: int
    unit: str = ""
    done: int = 0
    started: float = field(default_factory=time.monotonic)

    def advance(self, count: int = 1) -> None:
        """Count further things as done."""
        self.done += count

    def describe(self) -> str:
        """Return it in one line."""
        figures = f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}"
        return f"{self.what}, {figures}"


@contextmanager
def under_way(
    what: str, total: int = 0, unit: str = "", clock: Callable[[], float] = time.monotonic
) -> Iterator[Work]:
    """Count a loop as long as this block lasts; within it, another loop may be counted."""
    work = Work(what, total, unit, started=clock())
    _open.append(work)
    try:
        yield work
    finally:
        _open.remove(work)


def counted(what: str, things: Collection[Thing], unit: str = "") -> Iterator[Thing]:
    """Yield things one by one; each is counted as done when the next is asked for."""
    with under_way(what, len(things), unit) as work:
        for thing in things:
            yield thing
            work.advance()


def describe_innermost() -> str:
    """Return how far the innermost loop is; empty where none is counted."""
    # The block may end in another thread between a look and an access.
    innermost = _open[-1:]
    return innermost[0].describe() if innermost else ""


def outermost() -> tuple[Work, ...]:
    """Return the outermost loop and the one just within it; empty where none is counted."""
    return tuple(_open[:2])
