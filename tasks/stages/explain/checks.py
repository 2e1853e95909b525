"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule


class ExplainCheck(CheckId):
    """The checks of this gate; those of proxies are about a group of an attribute.

    `PROXY` is about a feature as well; `PROXY_REASON` and `REASON_COHESION` about a reason's code,
    which stands in place of a feature.
    """

    ADDITIVITY_ERROR = "explain.additivity_error"
    PROXY = "explain.proxy"
    PROXY_REASON = "explain.proxy_reason"
    JOINT_PROXY_INPUTS = "explain.joint_proxy_inputs"
    JOINT_PROXY_CONTRIBUTIONS = "explain.joint_proxy_contributions"
    REASON_COHESION = "explain.reason_cohesion"
    DECLINED_WITHOUT_REASON = "explain.declined_without_reason"
    REASONS_KEPT_BY_PEOPLE_BEHIND = "explain.reasons_kept_by_people_behind"
    REASONS_KEPT_BY_BACKGROUNDS = "explain.reasons_kept_by_backgrounds"
    REASONS_KEPT_BY_REFITS = "explain.reasons_kept_by_refits"
    REASONS_KEPT_BY_PERTURBATIONS = "explain.reasons_kept_by_perturbations"
    LEAST_REASON_SHARE = "explain.least_reason_share"
    UNRAISED_REASONS = "explain.unraised_reasons"
    UNTRUE_REASONS = "explain.untrue_reasons"
    UNTOLD_RATIO = "explain.untold_ratio"
    WEAKEST_REASON_FIDELITY = "explain.weakest_reason_fidelity"
    FLIPPED_RATIO = "explain.flipped_ratio"


RULES: dict[CheckId, LimitRule] = {
    ExplainCheck.ADDITIVITY_ERROR: LimitRule("additivity_error", "≤"),
    ExplainCheck.PROXY: LimitRule("proxy_strength", "≤"),
    ExplainCheck.PROXY_REASON: LimitRule("proxy_strength", "≤"),
    ExplainCheck.JOINT_PROXY_INPUTS: LimitRule("joint_inputs_auc", "≤"),
    ExplainCheck.JOINT_PROXY_CONTRIBUTIONS: LimitRule("joint_contributions_auc", "≤"),
    ExplainCheck.REASON_COHESION: LimitRule("reason_cohesion", "≥"),
    # Not a limit of the use case: 12 CFR 1002.9(b)(2) owes every declined applicant specific
    # reasons, and true ones.
    ExplainCheck.DECLINED_WITHOUT_REASON: LimitRule(0, "≤"),
    # One limit for all four: whoever compares, fits or measures otherwise, the reasons are the
    # same.
    ExplainCheck.REASONS_KEPT_BY_PEOPLE_BEHIND: LimitRule("top_reasons_overlap", "≥"),
    ExplainCheck.REASONS_KEPT_BY_BACKGROUNDS: LimitRule("top_reasons_overlap", "≥"),
    ExplainCheck.REASONS_KEPT_BY_REFITS: LimitRule("top_reasons_overlap", "≥"),
    ExplainCheck.REASONS_KEPT_BY_PERTURBATIONS: LimitRule("top_reasons_overlap", "≥"),
    ExplainCheck.LEAST_REASON_SHARE: LimitRule("least_reason_share", "≥"),
    ExplainCheck.UNRAISED_REASONS: LimitRule(0, "≤"),
    ExplainCheck.UNTRUE_REASONS: LimitRule(0, "≤"),
    ExplainCheck.UNTOLD_RATIO: LimitRule("untold_ratio", "≤"),
    ExplainCheck.WEAKEST_REASON_FIDELITY: LimitRule("weakest_reason_fidelity", "≥"),
    ExplainCheck.FLIPPED_RATIO: LimitRule("flipped_ratio", "≤"),
}
