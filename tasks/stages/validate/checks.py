"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule, Unmeasured


class ValidateCheck(CheckId):
    """The checks of this gate.

    `EXPECTATION` is about an expectation and its column, `SMALLEST_GROUP_ROWS` about an attribute.
    """

    EXPECTATION = "validate.expectation"
    SUITE = "validate.suite"
    DRIFT = "validate.drift"
    EXACT_DUPLICATE_RATIO = "validate.exact_duplicate_ratio"
    NEAR_DUPLICATE_RATIO = "validate.near_duplicate_ratio"
    RAREST_LABEL_SHARE = "validate.rarest_label_share"
    ROWS_WITHOUT_LABEL = "validate.rows_without_label"
    CONSTANT_FEATURES = "validate.constant_features"
    MISSING_RATIO = "validate.missing_ratio"
    SMALLEST_GROUP_ROWS = "validate.smallest_group_rows"


RULES: dict[CheckId, LimitRule] = {
    ValidateCheck.EXPECTATION: LimitRule("met", None),
    ValidateCheck.SUITE: LimitRule("at least one", None),
    ValidateCheck.DRIFT: LimitRule(
        "drift_psi",
        "≤",
        unmeasured=(
            Unmeasured(
                "measured, or a declared first version", declared_by="validate.first_version"
            ),
        ),
        undecided=("every column in both versions",),
    ),
    ValidateCheck.EXACT_DUPLICATE_RATIO: LimitRule("exact_duplicate_ratio", "≤"),
    ValidateCheck.NEAR_DUPLICATE_RATIO: LimitRule("near_duplicate_ratio", "≤"),
    ValidateCheck.RAREST_LABEL_SHARE: LimitRule("minority_label_ratio", "≥"),
    ValidateCheck.ROWS_WITHOUT_LABEL: LimitRule(0, "≤"),
    ValidateCheck.CONSTANT_FEATURES: LimitRule("none", None),
    ValidateCheck.MISSING_RATIO: LimitRule("missing_ratio", "≤"),
    ValidateCheck.SMALLEST_GROUP_ROWS: LimitRule("smallest_group_rows", "≥"),
}
