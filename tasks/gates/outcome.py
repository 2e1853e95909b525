"""What a check, a gate and a decision come to, and the one function for the worst of several."""

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """What a check came to.

    `undecided` blocks like `fail`; it is never a pass. `not_measured` is no pass either, but blocks
    nothing: the use case's own configuration says, with a reason, that the check has nothing to
    measure. A gate with nothing but such checks is undecided.
    """

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not_measured"

    @property
    def is_blocking(self) -> bool:
        """Whether it keeps a model from being trained or registered."""
        # Written as what does not block: an outcome added one day blocks until it is named here.
        return self not in (Outcome.PASS, Outcome.NOT_MEASURED)

    @property
    def text(self) -> str:
        """The outcome as a person reads it."""
        return self.value.replace("_", " ")

    @classmethod
    def worst(cls, outcomes: Iterable["Outcome"]) -> "Outcome":
        """Return the outcome of the whole: fail beats undecided beats pass.

        At least one pass is needed: nothing at all, or nothing that was measured, is undecided.
        """
        present = set(outcomes)
        # Fail before undecided: a person can accept what is undecided, and must not be asked to
        # where something has failed.
        for outcome in (cls.FAIL, cls.UNDECIDED, cls.PASS):
            if outcome in present:
                return outcome
        return cls.UNDECIDED
