"""The gate `explain`: judge whether the model's reasons can be relied on, and whether proxies drive it."""

from tasks.gates import Check, at_least, at_most
from tasks.stages.explain.explaining import ExplainReport
from tasks.stages.explain.params import ExplainLimits


def judge_explanation(report: ExplainReport, limits: ExplainLimits) -> tuple[Check, ...]:
    """Judge explanations; the strongest proxy is named, and so is every other one above the limit."""
    proxies = [one for one in report.proxies if one.strength > limits.proxy_strength] or list(
        report.proxies[:1]
    )
    nobody = "nobody was declined" if report.declined_rows == 0 else ""
    return (
        at_most(
            "additivity error of SHAP values, log-odds",
            report.additivity_error,
            limits.additivity_error,
        ),
        *(
            at_most(
                f"proxy: {one.feature} for {one.attribute} = {one.group}",
                one.strength,
                limits.proxy_strength,
                reason=f"AUC {one.auc:.2f}, {one.shap_share:.1%} of SHAP mass",
            )
            for one in proxies
        ),
        at_most("declined applicants without a reason", report.declined_without_reason, 0),
        *(
            at_least(
                f"top reasons kept by {others}", kept, limits.top_reasons_overlap, reason=nobody
            )
            for others, kept in (
                ("other backgrounds", report.top_reasons_overlap.backgrounds),
                ("other fits", report.top_reasons_overlap.refits),
                ("slightly other figures", report.top_reasons_overlap.perturbations),
            )
        ),
        at_least(
            "declined whom the named reasons move most",
            report.fidelity,
            limits.fidelity,
            reason=nobody,
        ),
    )
