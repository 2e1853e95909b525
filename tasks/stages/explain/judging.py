"""The gate `explain`: whether the model's reasons can be relied on, and proxies drive it."""

from collections.abc import Iterator
from dataclasses import replace

from tasks.gates import About, Check, at_least, at_most
from tasks.gates.check import NOTHING_MORE
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.explain.explaining import ExplainReport, Proxy
from tasks.stages.explain.params import ExplainLimits
from tasks.stages.explain.telling import UnmeasuredGroup

NO_GROUP = "no protected group of at least ten people, beside ten others"
NO_TWO_GROUPS = "fewer than two groups are known: no feature can tell one from another"
TOO_FEW = "fewer than ten people, or fewer than ten others"
TOO_FEW_WOULD_DECIDE = "ten people or more would"


def judge_explanation(report: ExplainReport, limits: ExplainLimits) -> tuple[Check, ...]:
    """Judge explanations.

    The strongest proxy is named, and so is every other one above the limit; of what many columns
    tell together, every group. A protected group that could not be measured is undecided under its
    name, and so is an attribute (docs/adr/0129-a-group-that-is-not-measured.md). Where nobody was
    declined, there are no reasons, and what is asked about them is undecided.
    """
    return (
        at_most(
            ExplainCheck.ADDITIVITY_ERROR,
            "additivity error of SHAP values, log-odds",
            report.additivity_error,
            limits.additivity_error,
        ),
        *(_judge_proxy(proxy, limits) for proxy in _notable(report, limits)),
        *(_judge_unranked(attribute, limits) for attribute in report.unranked_attributes),
        *_judge_reason_proxies(report, limits),
        *_judge_joint_proxies(report, limits),
        *(
            check
            for group in report.unmeasured_groups
            for check in _judge_unmeasured(group, limits)
        ),
        _judge_cohesion(report, limits),
        *_judge_stability(report, limits),
        *_judge_soundness(report, limits),
    )


def _judge_joint_proxies(report: ExplainReport, limits: ExplainLimits) -> tuple[Check, ...]:
    # Without protected attributes there is no name to be undecided under.
    if not report.joint_proxies and not report.unmeasured_groups:
        return tuple(
            at_most(check_id, measure, None, limit, reason=NO_GROUP)
            for check_id, measure, limit in (
                (
                    ExplainCheck.JOINT_PROXY_INPUTS,
                    "a group told by all inputs",
                    limits.joint_inputs_auc,
                ),
                (
                    ExplainCheck.JOINT_PROXY_CONTRIBUTIONS,
                    "a group told by all contributions",
                    limits.joint_contributions_auc,
                ),
            )
        )

    checks = []
    for proxy in report.joint_proxies:
        is_inputs = proxy.told_by == "inputs"
        checks.append(
            at_most(
                ExplainCheck.JOINT_PROXY_INPUTS
                if is_inputs
                else ExplainCheck.JOINT_PROXY_CONTRIBUTIONS,
                f"{proxy.attribute} = {proxy.group} told by all {proxy.told_by}, AUC at least",
                proxy.strength,
                limits.joint_inputs_auc if is_inputs else limits.joint_contributions_auc,
                about=About(attribute=proxy.attribute, group=proxy.group),
                interval=proxy.interval,
                reason=f"AUC {proxy.auc:.3f}, by chance {proxy.chance:.3f}, "
                f"{proxy.people:,} people of the group",
            )
        )
    return tuple(checks)


def _judge_unmeasured(group: UnmeasuredGroup, limits: ExplainLimits) -> Iterator[Check]:
    """Yield what is asked of a group, undecided: others of its attribute say nothing about it."""
    name = (
        f"{group.attribute} = {group.group}" if group.group else f"any group of {group.attribute}"
    )
    for check_id, told_by, limit in (
        (ExplainCheck.JOINT_PROXY_INPUTS, "all inputs", limits.joint_inputs_auc),
        (
            ExplainCheck.JOINT_PROXY_CONTRIBUTIONS,
            "all contributions",
            limits.joint_contributions_auc,
        ),
        (ExplainCheck.PROXY_REASON, "the inputs of a reason", limits.proxy_strength),
    ):
        check = at_most(
            check_id,
            f"{name} told by {told_by}",
            None,
            limit,
            about=About(attribute=group.attribute, group=group.group),
            reason=TOO_FEW if group.group else NO_GROUP,
        )
        yield replace(check, would_decide=TOO_FEW_WOULD_DECIDE)


def _judge_unranked(attribute: str, limits: ExplainLimits) -> Check:
    return at_most(
        ExplainCheck.PROXY,
        f"proxy: any feature for any group of {attribute}",
        None,
        limits.proxy_strength,
        about=About(attribute=attribute),
        reason=NO_TWO_GROUPS,
    )


def _judge_reason_proxies(report: ExplainReport, limits: ExplainLimits) -> tuple[Check, ...]:
    """Judge the reasons above the limit, else the strongest; reports have the strongest first."""
    # `not <=`: one whose strength is no number is above nothing, and must not be left out.
    above = [
        proxy for proxy in report.reason_proxies if not proxy.strength <= limits.proxy_strength
    ]
    return tuple(
        at_most(
            ExplainCheck.PROXY_REASON,
            f"proxy: reason {proxy.code} for {proxy.attribute} = {proxy.group}",
            proxy.strength,
            limits.proxy_strength,
            about=About(attribute=proxy.attribute, group=proxy.group, feature=proxy.code),
            reason=f"AUC {proxy.auc:.2f}, at least {proxy.auc_low:.2f}, "
            f"{proxy.shap_share:.1%} of SHAP mass",
        )
        # One check at least, also where nothing is above the limit: a verdict shows how near it
        # came.
        for proxy in above or report.reason_proxies[:1]
    )


def _judge_cohesion(report: ExplainReport, limits: ExplainLimits) -> Check:
    """Judge the map's loosest reason; reasons of one feature each are as tight as can be."""
    # The loosest decides; where no reason has several features there is nothing that could be
    # untied.
    code, tie = min(report.cohesion.items(), key=lambda item: item[1], default=("", 1.0))
    return at_least(
        ExplainCheck.REASON_COHESION,
        f"features of reason {code} tied together" if code else "features of each reason",
        tie,
        limits.reason_cohesion,
        about=About(feature=code) if code else NOTHING_MORE,
        reason="" if code else "no reason has several features",
    )


def _judge_stability(report: ExplainReport, limits: ExplainLimits) -> tuple[Check, ...]:
    overlap = report.top_reasons_overlap
    nobody = _nobody(report)
    shares = (
        (
            ExplainCheck.REASONS_KEPT_BY_PEOPLE_BEHIND,
            "the people behind the composites",
            overlap.people_behind,
        ),
        (ExplainCheck.REASONS_KEPT_BY_BACKGROUNDS, "other backgrounds", overlap.backgrounds),
        (ExplainCheck.REASONS_KEPT_BY_REFITS, "bootstrap refits", overlap.refits),
        (
            ExplainCheck.REASONS_KEPT_BY_PERTURBATIONS,
            "slightly other figures",
            overlap.perturbations,
        ),
    )

    return (
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
        at_most(
            ExplainCheck.FLIPPED_RATIO,
            "declined whom a bootstrap refit approves",
            report.flipped_ratio,
            limits.flipped_ratio,
            reason=nobody
            or f"{report.flipped_rows:,} of {report.declined_rows:,} by any of {report.refits}, "
            "listed with their reasons",
        ),
    )


def _judge_soundness(report: ExplainReport, limits: ExplainLimits) -> tuple[Check, ...]:
    soundness = report.soundness
    nobody = _nobody(report)
    declined = report.declined_rows
    told = soundness.told

    return (
        at_most(
            ExplainCheck.DECLINED_WITHOUT_REASON,
            "declined applicants without a reason",
            report.declined_without_reason,
            0,
        ),
        at_least(
            ExplainCheck.LEAST_REASON_SHARE,
            "least share of what is adverse, in any reason told",
            soundness.smallest_share,
            limits.least_reason_share,
            reason=nobody,
        ),
        at_most(
            ExplainCheck.UNRAISED_REASONS,
            "reasons told that raise no score when neutralised",
            soundness.unraised,
            0,
            reason=f"of {told:,} told",
        ),
        at_most(
            ExplainCheck.UNTRUE_REASONS,
            "reasons told that the applicant's own figure belies",
            soundness.untrue,
            0,
            reason=f"of {told:,} told",
        ),
        at_most(
            ExplainCheck.UNTOLD_RATIO,
            "declined with a principal factor that has no true words",
            soundness.untold / declined if declined else None,
            limits.untold_ratio,
            reason=nobody or f"{soundness.untold:,} of {declined:,}",
        ),
        at_least(
            ExplainCheck.WEAKEST_REASON_FIDELITY,
            "reasons not told that the weakest one told outweighs",
            soundness.fidelity,
            limits.weakest_reason_fidelity,
            reason=nobody,
        ),
    )


def _nobody(report: ExplainReport) -> str:
    return "nobody was declined" if report.declined_rows == 0 else ""


def _notable(report: ExplainReport, limits: ExplainLimits) -> list[Proxy]:
    """Return the proxies above the limit, else the strongest; reports have the strongest first."""
    # A strength that is no number is above nothing, and must not be left out for that.
    above = [
        proxy
        for proxy in report.proxies
        if proxy.strength is None or not proxy.strength <= limits.proxy_strength
    ]

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
        reason=_strength_in_words(proxy),
    )


def _strength_in_words(proxy: Proxy) -> str:
    if proxy.auc is None or proxy.shap_share is None:
        return "its AUC, or its share of SHAP mass, came out as no number"
    return f"AUC {proxy.auc:.2f}, {proxy.shap_share:.1%} of SHAP mass"


def _about(proxy: Proxy) -> About:
    return About(attribute=proxy.attribute, group=proxy.group, feature=proxy.feature)
