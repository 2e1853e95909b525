"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule, Unmeasured


class FairnessCheck(CheckId):
    """The checks of this gate; all but the Theil index are about an attribute."""

    ATTRIBUTE_COVERED = "fairness.attribute_covered"
    DISPARATE_IMPACT_RATIO = "fairness.disparate_impact_ratio"
    DISPARATE_IMPACT_RATIO_TO_HIGHEST = "fairness.disparate_impact_ratio_to_highest"
    DISPARATE_IMPACT_RATIO_OVER_CUTOFFS = "fairness.disparate_impact_ratio_over_cutoffs"
    DECLINE_RATIO = "fairness.decline_ratio"
    DECLINE_RATIO_OVER_CUTOFFS = "fairness.decline_ratio_over_cutoffs"
    ODDS_RATIO = "fairness.odds_ratio"
    STANDARDISED_MEAN_DIFFERENCE = "fairness.standardised_mean_difference"
    EQUAL_OPPORTUNITY_DIFFERENCE = "fairness.equal_opportunity_difference"
    AVERAGE_ABS_ODDS_DIFFERENCE = "fairness.average_abs_odds_difference"
    UNDERRATED_BY = "fairness.underrated_by"
    # Towards whoever is better off than the privileged group; made where anybody is.
    DECLINE_RATIO_TO_BETTER_OFF = "fairness.decline_ratio_to_better_off"
    ODDS_RATIO_TO_BETTER_OFF = "fairness.odds_ratio_to_better_off"
    MEAN_DIFFERENCE_TO_BETTER_OFF = "fairness.mean_difference_to_better_off"
    IMPACT_OVER_CUTOFFS_TO_BETTER_OFF = "fairness.impact_over_cutoffs_to_better_off"
    DECLINES_OVER_CUTOFFS_TO_BETTER_OFF = "fairness.declines_over_cutoffs_to_better_off"
    THEIL_INDEX = "fairness.theil_index"
    GROUP_PRESENT = "fairness.group_present"
    REGISTERED_DECISIONS = "fairness.registered_decisions"


COVERED = "judged, or excused by name"
LARGE_GROUPS = "{limit}, of a group with as many people as are judged"
ON_TEST_PART = "{limit}, or the registered model's own decisions judged"
ABSOLUTE = " (absolute)"  # a difference counts by its size
# What is asked of each group: where none but the privileged one is there, nothing is.
OF_GROUPS = (
    "disparate_impact",
    "decline_ratio",
    "odds_ratio",
    "standardised_mean_difference",
    "equal_opportunity_difference",
    "average_abs_odds_difference",
    "underrated_by",
)

RULES: dict[CheckId, LimitRule] = {
    # An excuse is "not measured", which does not block: so the worker asks that the use case in
    # force gives its reason. A stage cannot excuse a column by its own word.
    FairnessCheck.ATTRIBUTE_COVERED: LimitRule(
        COVERED,
        None,
        unmeasured=(Unmeasured(COVERED, declared_by="fairness.excused.{attribute}.reason"),),
    ),
    FairnessCheck.DISPARATE_IMPACT_RATIO: LimitRule("disparate_impact", "≥"),
    # One limit for three ratios: against the privileged group, the highest rate, and at the
    # cut-offs of the plan. A use case cannot be strict about one of them and lax about another.
    FairnessCheck.DISPARATE_IMPACT_RATIO_TO_HIGHEST: LimitRule("disparate_impact", "≥"),
    FairnessCheck.DISPARATE_IMPACT_RATIO_OVER_CUTOFFS: LimitRule("disparate_impact", "≥"),
    FairnessCheck.DECLINE_RATIO: LimitRule("decline_ratio", "≤"),
    FairnessCheck.DECLINE_RATIO_OVER_CUTOFFS: LimitRule("decline_ratio", "≤"),
    FairnessCheck.ODDS_RATIO: LimitRule("odds_ratio", "≤"),
    FairnessCheck.STANDARDISED_MEAN_DIFFERENCE: LimitRule("standardised_mean_difference", "≤"),
    FairnessCheck.EQUAL_OPPORTUNITY_DIFFERENCE: LimitRule(
        "equal_opportunity_difference", "≤", suffix=ABSOLUTE
    ),
    FairnessCheck.AVERAGE_ABS_ODDS_DIFFERENCE: LimitRule("average_abs_odds_difference", "≤"),
    FairnessCheck.UNDERRATED_BY: LimitRule("underrated_by", "≤"),
    # The same limits: whom the use case calls privileged makes nothing cheaper.
    FairnessCheck.DECLINE_RATIO_TO_BETTER_OFF: LimitRule("decline_ratio", "≤"),
    FairnessCheck.ODDS_RATIO_TO_BETTER_OFF: LimitRule("odds_ratio", "≤"),
    FairnessCheck.MEAN_DIFFERENCE_TO_BETTER_OFF: LimitRule("standardised_mean_difference", "≤"),
    FairnessCheck.IMPACT_OVER_CUTOFFS_TO_BETTER_OFF: LimitRule("disparate_impact", "≥"),
    FairnessCheck.DECLINES_OVER_CUTOFFS_TO_BETTER_OFF: LimitRule("decline_ratio", "≤"),
    FairnessCheck.THEIL_INDEX: LimitRule("theil_index", "≤"),
    # Every limit has to be judged by some check, or the verdict is refused. Where an attribute has
    # one group alone, nothing is compared; this check is undecided then, and blocks by itself.
    FairnessCheck.GROUP_PRESENT: LimitRule("every group present", None, excuses=OF_GROUPS),
    FairnessCheck.REGISTERED_DECISIONS: LimitRule(
        "registered_shift",
        "≤",
        unmeasured=(
            Unmeasured(LARGE_GROUPS),
            Unmeasured(ON_TEST_PART, declared_by="fairness.evaluate_on", declared_as="test"),
        ),
    ),
}
