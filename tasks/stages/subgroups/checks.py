"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule


class SubgroupsCheck(CheckId):
    """The checks of this gate; all but the last are about a subgroup that the search kept."""

    FALSE_DECLINE_DIFFERENCE = "subgroups.false_decline_difference"
    DISPARATE_IMPACT = "subgroups.disparate_impact"
    UNDERRATED_BY = "subgroups.underrated_by"
    MULTICALIBRATION_ERROR = "subgroups.multicalibration_error"


RULES: dict[CheckId, LimitRule] = {
    SubgroupsCheck.FALSE_DECLINE_DIFFERENCE: LimitRule("false_decline_difference", "≤"),
    SubgroupsCheck.DISPARATE_IMPACT: LimitRule("disparate_impact", "≥"),
    SubgroupsCheck.UNDERRATED_BY: LimitRule("underrated_by", "≤"),
    SubgroupsCheck.MULTICALIBRATION_ERROR: LimitRule("multicalibration_error", "≤"),
}
