"""The checks of this gate, and the limit that each of them is held against.

Of the standard library alone: the worker reads it, too.
"""

from tasks.gates.check import CheckId
from tasks.gates.holding import LimitRule


class ExplainCheck(CheckId):
    """The checks of this gate; `PROXY` is about a feature, an attribute and a group."""

    ADDITIVITY_ERROR = "explain.additivity_error"
    PROXY = "explain.proxy"
    DECLINED_WITHOUT_REASON = "explain.declined_without_reason"
    REASONS_KEPT_BY_PEOPLE_BEHIND = "explain.reasons_kept_by_people_behind"
    REASONS_KEPT_BY_BACKGROUNDS = "explain.reasons_kept_by_backgrounds"
    REASONS_KEPT_BY_REFITS = "explain.reasons_kept_by_refits"
    REASONS_KEPT_BY_PERTURBATIONS = "explain.reasons_kept_by_perturbations"
    FIDELITY = "explain.fidelity"


RULES: dict[CheckId, LimitRule] = {
    ExplainCheck.ADDITIVITY_ERROR: LimitRule("additivity_error", "≤"),
    ExplainCheck.PROXY: LimitRule("proxy_strength", "≤"),
    ExplainCheck.DECLINED_WITHOUT_REASON: LimitRule(0, "≤"),
    ExplainCheck.REASONS_KEPT_BY_PEOPLE_BEHIND: LimitRule("top_reasons_overlap", "≥"),
    ExplainCheck.REASONS_KEPT_BY_BACKGROUNDS: LimitRule("top_reasons_overlap", "≥"),
    ExplainCheck.REASONS_KEPT_BY_REFITS: LimitRule("top_reasons_overlap", "≥"),
    ExplainCheck.REASONS_KEPT_BY_PERTURBATIONS: LimitRule("top_reasons_overlap", "≥"),
    ExplainCheck.FIDELITY: LimitRule("fidelity", "≥"),
}
