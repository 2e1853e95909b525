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
    COLUMN_AGREEMENT = "validate.column_agreement"
    LABEL_AGREEMENT = "validate.label_agreement"
    JOIN_AGREEMENT = "validate.join_agreement"
    JOINT_DRIFT = "validate.joint_drift"
    LABEL_RATE = "validate.label_rate"
    GROUP_LABEL_RATE = "validate.group_label_rate"
    BEYOND_SUPPORT = "validate.beyond_support"
    REPEATED_PEOPLE = "validate.repeated_people_ratio"
    EXACT_DUPLICATE_RATIO = "validate.exact_duplicate_ratio"
    NEAR_DUPLICATE_RATIO = "validate.near_duplicate_ratio"
    RAREST_LABEL_SHARE = "validate.rarest_label_share"
    ROWS_WITHOUT_LABEL = "validate.rows_without_label"
    CONSTANT_FEATURES = "validate.constant_features"
    MISSING_RATIO = "validate.missing_ratio"
    SMALLEST_GROUP_ROWS = "validate.smallest_group_rows"


# What is compared with the accepted version is not measured of a declared first one.
FIRST_VERSION = Unmeasured(
    "measured, or a declared first version", declared_by="validate.first_version"
)

RULES: dict[CheckId, LimitRule] = {
    ValidateCheck.EXPECTATION: LimitRule("met", None),
    ValidateCheck.SUITE: LimitRule("at least one", None),
    ValidateCheck.DRIFT: LimitRule(
        "drift_psi",
        "≤",
        unmeasured=(FIRST_VERSION,),
        # A column that only one side has cannot be held against a number: the text names what is
        # asked for.
        undecided=("every column in both versions",),
    ),
    ValidateCheck.COLUMN_AGREEMENT: LimitRule("column_agreement", "≥", unmeasured=(FIRST_VERSION,)),
    ValidateCheck.LABEL_AGREEMENT: LimitRule("label_agreement", "≥", unmeasured=(FIRST_VERSION,)),
    ValidateCheck.JOIN_AGREEMENT: LimitRule(
        "join_agreement",
        "≥",
        unmeasured=(
            FIRST_VERSION,
            Unmeasured(
                "measured, or declared unlinked sources", declared_by="validate.unlinked_sources"
            ),
        ),
    ),
    ValidateCheck.JOINT_DRIFT: LimitRule("correlation_shift", "≤", unmeasured=(FIRST_VERSION,)),
    ValidateCheck.LABEL_RATE: LimitRule("label_rate_shift", "≤", unmeasured=(FIRST_VERSION,)),
    ValidateCheck.GROUP_LABEL_RATE: LimitRule(
        "group_label_rate_shift", "≤", unmeasured=(FIRST_VERSION,)
    ),
    ValidateCheck.BEYOND_SUPPORT: LimitRule(
        "beyond_support_ratio", "≤", unmeasured=(FIRST_VERSION,)
    ),
    ValidateCheck.REPEATED_PEOPLE: LimitRule("repeated_people_ratio", "≤"),
    ValidateCheck.EXACT_DUPLICATE_RATIO: LimitRule("exact_duplicate_ratio", "≤"),
    ValidateCheck.NEAR_DUPLICATE_RATIO: LimitRule("near_duplicate_ratio", "≤"),
    ValidateCheck.RAREST_LABEL_SHARE: LimitRule("minority_label_ratio", "≥"),
    # A number of the catalogue, and of no use case: an outcome that is not known is never learnt
    # from.
    ValidateCheck.ROWS_WITHOUT_LABEL: LimitRule(0, "≤"),
    ValidateCheck.CONSTANT_FEATURES: LimitRule("none", None),
    ValidateCheck.MISSING_RATIO: LimitRule("missing_ratio", "≤"),
    ValidateCheck.SMALLEST_GROUP_ROWS: LimitRule("smallest_group_rows", "≥"),
}
