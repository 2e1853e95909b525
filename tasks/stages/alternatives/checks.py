"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule


class AlternativesCheck(CheckId):
    """The checks of this gate."""

    DECLINE_RATIO_REDUCTION = "alternatives.decline_ratio_reduction"
    DETECTABLE_REDUCTION = "alternatives.detectable_reduction"


RULES: dict[CheckId, LimitRule] = {
    AlternativesCheck.DECLINE_RATIO_REDUCTION: LimitRule("decline_ratio_reduction", "≤"),
    AlternativesCheck.DETECTABLE_REDUCTION: LimitRule("detectable_reduction", "≤"),
}
