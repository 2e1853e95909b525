"""Collect faults, so that a person meets all of them at once and not one after the other.

Standard library only: the worker of every stage imports it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from tasks.errors import ConfigError, PortcullisError


class SeveralFaultsError(ConfigError):
    """More than one thing is wrong with what people wrote; its own text is about the first.

    Attributes:
        faults: All of them, each with its own place, in the order in which they were found.
    """

    def __init__(self, faults: tuple[PortcullisError, ...]) -> None:
        self.faults = faults
        first = faults[0]
        super().__init__(
            first.where,
            expected=first.expected,
            found=f"{first.found} ({len(faults) - 1:d} more)",
            remedy=first.remedy,
        )


class FaultList:
    """The faults so far: `with faults.kept():` goes on after a block that raises one."""

    def __init__(self) -> None:
        self._faults: dict[str, PortcullisError] = {}  # by its text, which stands once

    def add(self, fault: PortcullisError) -> None:
        """Add a fault, or each of several."""
        for single in faults_in(fault):
            # Several sections meet the same fault of a file that they share.
            self._faults.setdefault(str(single), single)

    @contextmanager
    def kept(
        self, is_left_out: Callable[[PortcullisError], bool] = lambda _: False
    ) -> Iterator[None]:
        """Keep what a block raises but for what `is_left_out`, and go on after the block."""
        try:
            yield
        except PortcullisError as fault:
            for single in faults_in(fault):
                if not is_left_out(single):
                    self.add(single)

    def all(self) -> tuple[PortcullisError, ...]:
        """Return them in the order in which they were found."""
        return tuple(self._faults.values())

    def raise_all(self) -> None:
        """Raise them, if there are any: the only one as it is, several as one.

        Raises:
            PortcullisError: The fault, or a `SeveralFaultsError`.
        """
        faults = self.all()
        if len(faults) == 1:
            raise faults[0]
        if faults:
            raise SeveralFaultsError(faults)


def faults_in(fault: PortcullisError) -> tuple[PortcullisError, ...]:
    """Return each of several faults, or the one that it is."""
    return fault.faults if isinstance(fault, SeveralFaultsError) else (fault,)


def nearest(word: object, known: Iterable[str]) -> str:
    """Return the known word that a misspelt one was probably meant to be; empty if none is near."""
    # difflib's own cutoff: below it unrelated words are suggested.
    matches = get_close_matches(str(word), tuple(known), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def suggestion(words: list[str], known: tuple[str, ...], otherwise: str) -> str:
    """Return what to do about words that are not known: the near ones, or `otherwise`."""
    pairs = [(word, nearest(word, known)) for word in words]
    meant = ", ".join(f"`{near}` for `{word}`" for word, near in pairs if near)
    return f"Did you mean {meant}?" if meant else otherwise
