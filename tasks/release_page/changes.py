"""What differs between a release and the one before it: checks, by their keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.gates import Check
from tasks.reports import format_number

NO_CHECK = "no such check"


@dataclass(frozen=True)
class Change:
    """A check whose outcome, value or limit is another than in the release before.

    `before` or `now` is None where one of the two made no such check.
    """

    key: str
    before: Check | None
    now: Check | None

    @property
    def is_of_outcome(self) -> bool:
        """Whether it came to something else, and not only to another figure."""
        if self.before is None or self.now is None:
            return True
        return self.before.outcome is not self.now.outcome

    @property
    def is_of_limit(self) -> bool:
        """Whether it is held against another limit."""
        both = self.before is not None and self.now is not None
        return both and self.before.limit != self.now.limit  # type: ignore[union-attr]

    def measure(self) -> str:
        """Return what is measured, in words; a signed check carries none but its own."""
        # The words of today where there are two: a measure may be put better between two releases,
        # and its key stays.
        return next(check.measure for check in (self.now, self.before) if check is not None)

    def texts(self) -> tuple[str, str, str]:
        """Return what it was, what it is, and by how much the value moved."""
        values = [check.value if check else None for check in (self.before, self.now)]
        moved = "" if None in values else f"{values[1] - values[0]:+.4g}"  # type: ignore[operator]
        return _text(self.before), _text(self.now), moved


def compare_checks(before: Iterable[Check], now: Iterable[Check]) -> tuple[Change, ...]:
    """Return the checks that differ: those of another outcome first, then other limits."""
    earlier = {check.key: check for check in before}
    current = {check.key: check for check in now}
    changes = [
        Change(key, earlier.get(key), current.get(key))
        # Both ways: a check that was dropped changes a release as much as one that was added.
        for key in dict.fromkeys((*current, *earlier))
        if _figures(earlier.get(key)) != _figures(current.get(key))
    ]

    return tuple(
        # A limit before a figure: whoever loosens one would else hide it among figures that move
        # every time.
        sorted(changes, key=lambda change: (not change.is_of_outcome, not change.is_of_limit))
    )


def _figures(check: Check | None) -> tuple[object, ...]:
    return () if check is None else (check.outcome, check.value, check.limit)


def _text(check: Check | None) -> str:
    if check is None:
        return NO_CHECK
    value = "not measured" if check.value is None else format_number(check.value)
    return f"{value} ({check.limit}): {check.outcome.text}"
