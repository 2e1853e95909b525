"""What a long command is doing now, and how far it is.

Whoever works in a long loop counts here; whoever talks to people asks (`flows.cli.base.heartbeat`).
A count is of things, never of anything that a person is called.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_open: list["Work"] = []


@dataclass(eq=False)
class Work:
    """One loop.

    Attributes:
        what: What it does, in words: "reading the log".
        total: Of how many things; 0 where nobody knows beforehand.
        done: How many it has done so far.
    """

    what: str
    total: int
    done: int = 0

    def describe(self) -> str:
        """Return it in one line."""
        figures = f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}"
        return f"{self.what}, {figures}"


@contextmanager
def under_way(what: str, total: int = 0) -> Iterator[Work]:
    """Count a loop as long as this block lasts; within it, another loop may be counted."""
    work = Work(what, total)
    _open.append(work)
    try:
        yield work
    finally:
        _open.remove(work)


def describe_innermost() -> str:
    """Return how far the innermost loop is; empty where none is counted."""
    # The block may end in another thread between a look and an access.
    innermost = _open[-1:]
    return innermost[0].describe() if innermost else ""
