"""What loops count, noted for a test: `tasks.under_way` itself forgets a loop when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks import under_way
from tasks.under_way import Work


class NotingList(list[Work]):
    """The list of loops that are open, which remembers those that were."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Work] = []

    def append(self, work: Work) -> None:
        """Open a loop."""
        super().append(work)
        self.noted.append(work)


@contextmanager
def noting_works() -> Iterator[list[Work]]:
    """Yield the list of all loops that are counted while this block lasts."""
    works = NotingList()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(under_way, "_open", works)
        yield works.noted
    assert not works, "a loop is still open"
