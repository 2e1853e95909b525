"""The gate `explain`: whether the model's reasons can be relied on, and proxies drive it."""

from tasks.gates import About, Check, at_least, at_most
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.explain.explaining import ExplainReport, Proxy
from tasks.stages.explain.params import ExplainLimits


def judge_explanation(report: ExplainReport, limits: ExplainLimits) -> tuple[Check, ...]:
    """Judge explanations.

    The strongest proxy is named, and so is every other one above the limit. Where nobody was
    declined, there are no reasons, and what is asked about them is undecided.
    """
    overlap = report.top_reasons_overlap
    nobody = "nobody was declined" if report.declined_rows == 0 else ""
    shares = (
        (
            ExplainCheck.REASONS_KEPT_BY_PEOPLE_BEHIND,
            "the people behind the composites",
            overlap.people_behind,
        ),
        (ExplainCheck.REASONS_KEPT_BY_BACKGROUNDS, "other backgrounds", overlap.backgrounds),
        (ExplainCheck.REASONS_KEPT_BY_REFITS, "other fits", overlap.refits),
        (
            ExplainCheck.REASONS_KEPT_BY_PERTURBATIONS,
            "slightly other figures",
            overlap.perturbations,
        ),
    )

    return (
        at_most(
            ExplainCheck.ADDITIVITY_ERROR,
            "additivity error of SHAP values, log-odds",
            report.additivity_error,
            limits.additivity_error,
        ),
        *(_judge_proxy(proxy, limits) for proxy in _notable(report, limits)),
        at_most(
            ExplainCheck.DECLINED_WITHOUT_REASON,
            "declined applicants without a reason",
            report.declined_without_reason,
            0,
        ),
        *(
            at_least(
                check_id,
                f"top reasons kept by {others}",
                share,
                limits.top_reasons_overlap,
                reason=nobody,
            )
            for check_id, others, share in shares
        ),
        at_least(
            ExplainCheck.FIDELITY,
            "declined whom the named reasons move most",
            report.fidelity,
            limits.fidelity,
            reason=nobody,
        ),
    )


def _notable(report: ExplainReport, limits: ExplainLimits) -> list[Proxy]:
    """Return the proxies above the limit, else the strongest; reports have the strongest first."""
    above = [proxy for proxy in report.proxies if proxy.strength > limits.proxy_strength]

    # A categorical feature has an input for each category: the strongest speaks for the feature.
    strongest: dict[About, Proxy] = {}
    for proxy in above or report.proxies[:1]:
        strongest.setdefault(_about(proxy), proxy)
    return list(strongest.values())


def _judge_proxy(proxy: Proxy, limits: ExplainLimits) -> Check:
    return at_most(
        ExplainCheck.PROXY,
        f"proxy: {proxy.feature} for {proxy.attribute} = {proxy.group}",
        proxy.strength,
        limits.proxy_strength,
        about=_about(proxy),
        reason=f"AUC {proxy.auc:.2f}, {proxy.shap_share:.1%} of SHAP mass",
    )


def _about(proxy: Proxy) -> About:
    return About(attribute=proxy.attribute, group=proxy.group, feature=proxy.feature)
