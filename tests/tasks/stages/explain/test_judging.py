"""The gate `explain`: proxies by feature and group, and reasons that have to survive."""

from typing import Any

import pytest

from tasks.gates import About, Check, Outcome
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.explain.explaining import ExplainReport, Proxy
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.explain.params import ExplainLimits
from tasks.stages.explain.proxies import JointProxy, ReasonProxy
from tasks.stages.explain.soundness import Soundness
from tasks.stages.explain.stability import Overlap
from tasks.stages.explain.telling import UnmeasuredGroup

LIMITS = ExplainLimits(
    additivity_error=0.01,
    proxy_strength=0.1,
    joint_inputs_auc=0.9,
    joint_contributions_auc=0.8,
    reason_cohesion=0.3,
    top_reasons_overlap=0.8,
    least_reason_share=0.1,
    weakest_reason_fidelity=0.9,
    untold_ratio=0.05,
    flipped_ratio=0.25,
)
PROXY = Proxy(feature="tract", attribute="race", group="x", auc=0.55, shap_share=0.2, strength=0.02)
BY_INPUTS = JointProxy(
    told_by="inputs",
    attribute="race",
    group="x",
    people=40,
    auc=0.75,
    interval=(0.7, 0.8),
    chance=0.49,
    chance_high=0.53,
)
BY_CONTRIBUTIONS = BY_INPUTS.model_copy(update={"told_by": "contributions"})
BY_REASON = ReasonProxy(code="A", attribute="race", group="x", auc=0.7, auc_low=0.6, shap_share=0.2)
SOUND = Soundness(
    told=50,
    smallest_share=0.11,
    unraised=0,
    untrue=0,
    untold=1,
    fidelity=0.95,
    drivers={"A": {"tract": 20}},
)
KEPT = Overlap(people_behind=0.9, backgrounds=0.9, refits=0.9, perturbations=0.9)
GOOD = ExplainReport(
    explained_rows=100,
    declined_rows=20,
    composite_rows=50,
    people_behind_each_value=10,
    composite_margin=0.0,
    composite_standard_error=0.1,
    reason_map_version="1",
    additivity_error=0.001,
    shap_share={"tract": 0.2},
    proxies=(PROXY,),
    unranked_attributes=(),
    joint_proxies=(BY_INPUTS, BY_CONTRIBUTIONS),
    unmeasured_groups=(),
    reason_proxies=(BY_REASON,),
    cohesion={"A": 0.5, "B": 0.4},
    reasons={},
    declined_without_reason=0,
    soundness=SOUND,
    top_reasons_overlap=KEPT,
    refits=3,
    flipped_ratio=0.2,
    flipped_rows=6,
)


def judged(**change: Any) -> tuple[Check, ...]:
    return judge_explanation(GOOD.model_copy(update=change), LIMITS)


def proxies(checks: tuple[Check, ...]) -> list[Check]:
    return [check for check in checks if check.id == ExplainCheck.PROXY]


def test_reasons_that_can_be_relied_on_pass_every_check_of_the_catalogue() -> None:
    checks = judged()
    assert {check.id for check in checks} == set(ExplainCheck)
    assert {check.outcome for check in checks} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        ({"additivity_error": 0.02}, ExplainCheck.ADDITIVITY_ERROR),
        ({"declined_without_reason": 1}, ExplainCheck.DECLINED_WITHOUT_REASON),
        (
            {"soundness": SOUND.model_copy(update={"fidelity": 0.8})},
            ExplainCheck.WEAKEST_REASON_FIDELITY,
        ),
        (
            {"soundness": SOUND.model_copy(update={"smallest_share": 0.09})},
            ExplainCheck.LEAST_REASON_SHARE,
        ),
        ({"soundness": SOUND.model_copy(update={"unraised": 1})}, ExplainCheck.UNRAISED_REASONS),
        ({"soundness": SOUND.model_copy(update={"untrue": 1})}, ExplainCheck.UNTRUE_REASONS),
        ({"soundness": SOUND.model_copy(update={"untold": 2})}, ExplainCheck.UNTOLD_RATIO),
        ({"flipped_ratio": 0.3}, ExplainCheck.FLIPPED_RATIO),
        ({"cohesion": {"A": 0.5, "B": 0.2}}, ExplainCheck.REASON_COHESION),
        (
            {
                "joint_proxies": (
                    BY_INPUTS.model_copy(update={"interval": (0.91, 0.99)}),
                    BY_CONTRIBUTIONS,
                )
            },
            ExplainCheck.JOINT_PROXY_INPUTS,
        ),
        (
            {
                "joint_proxies": (
                    BY_INPUTS,
                    BY_CONTRIBUTIONS.model_copy(update={"interval": (0.81, 0.99)}),
                )
            },
            ExplainCheck.JOINT_PROXY_CONTRIBUTIONS,
        ),
        (
            {"reason_proxies": (BY_REASON.model_copy(update={"auc_low": 0.9}),)},
            ExplainCheck.PROXY_REASON,
        ),
        (
            {"top_reasons_overlap": KEPT.model_copy(update={"people_behind": 0.7})},
            ExplainCheck.REASONS_KEPT_BY_PEOPLE_BEHIND,
        ),
        (
            {"top_reasons_overlap": KEPT.model_copy(update={"backgrounds": 0.7})},
            ExplainCheck.REASONS_KEPT_BY_BACKGROUNDS,
        ),
        (
            {"top_reasons_overlap": KEPT.model_copy(update={"refits": 0.7})},
            ExplainCheck.REASONS_KEPT_BY_REFITS,
        ),
        (
            {"top_reasons_overlap": KEPT.model_copy(update={"perturbations": 0.7})},
            ExplainCheck.REASONS_KEPT_BY_PERTURBATIONS,
        ),
    ],
)
def test_each_shortcoming_fails_its_own_check(
    change: dict[str, Any], check_id: ExplainCheck
) -> None:
    failed = [check.id for check in judged(**change) if check.outcome is Outcome.FAIL]
    assert failed == [check_id]


def test_an_additivity_error_that_is_no_number_is_undecided() -> None:
    checks = {check.id: check for check in judged(additivity_error=None)}
    assert checks[ExplainCheck.ADDITIVITY_ERROR].outcome is Outcome.UNDECIDED


def test_the_strongest_proxy_is_named_though_it_meets_the_limit() -> None:
    weaker = PROXY.model_copy(update={"feature": "age", "strength": 0.01})
    (check,) = proxies(judged(proxies=(PROXY, weaker)))
    assert check.about == About(attribute="race", group="x", feature="tract")
    assert check.key == "explain.proxy[attribute=race, group=x, feature=tract]"


def test_every_proxy_above_the_limit_is_named() -> None:
    strong = PROXY.model_copy(update={"strength": 0.3})
    other = PROXY.model_copy(update={"feature": "age", "strength": 0.2})
    checks = proxies(judged(proxies=(strong, other, PROXY)))
    assert [check.about.feature for check in checks] == ["tract", "age"]
    assert {check.outcome for check in checks} == {Outcome.FAIL}


def test_of_a_feature_s_several_inputs_the_strongest_speaks_for_it() -> None:
    strong = PROXY.model_copy(update={"strength": 0.3})
    other_input = PROXY.model_copy(update={"strength": 0.2})
    (check,) = proxies(judged(proxies=(strong, other_input)))
    assert check.value == 0.3


def test_without_protected_attributes_there_is_no_proxy_to_name() -> None:
    assert proxies(judged(proxies=())) == []


def test_where_nobody_was_declined_reasons_are_undecided_and_say_why() -> None:
    nobody = Overlap(people_behind=None, backgrounds=None, refits=None, perturbations=None)
    nothing = SOUND.model_copy(
        update={"told": 0, "smallest_share": None, "untold": 0, "fidelity": None}
    )
    checks = judged(
        declined_rows=0, top_reasons_overlap=nobody, soundness=nothing, flipped_ratio=None
    )
    undecided = [check for check in checks if check.outcome is Outcome.UNDECIDED]
    assert {check.id for check in undecided} == {
        ExplainCheck.REASONS_KEPT_BY_PEOPLE_BEHIND,
        ExplainCheck.REASONS_KEPT_BY_BACKGROUNDS,
        ExplainCheck.REASONS_KEPT_BY_REFITS,
        ExplainCheck.REASONS_KEPT_BY_PERTURBATIONS,
        ExplainCheck.LEAST_REASON_SHARE,
        ExplainCheck.UNTOLD_RATIO,
        ExplainCheck.WEAKEST_REASON_FIDELITY,
        ExplainCheck.FLIPPED_RATIO,
    }
    assert {check.reason for check in undecided} == {"nobody was declined"}


def test_what_chance_gives_is_taken_off_what_many_columns_tell() -> None:
    flattered = BY_INPUTS.model_copy(update={"interval": (0.95, 0.99), "chance": 0.63})
    (check,) = [
        check
        for check in judged(joint_proxies=(flattered, BY_CONTRIBUTIONS))
        if check.id == ExplainCheck.JOINT_PROXY_INPUTS
    ]
    assert check.value == pytest.approx(0.85)
    assert check.interval == (0.95, 0.99)


def test_every_group_that_many_columns_tell_has_a_line() -> None:
    other = BY_INPUTS.model_copy(update={"group": "y"})
    checks = judged(joint_proxies=(BY_INPUTS, other, BY_CONTRIBUTIONS))
    asked = [check.about.group for check in checks if check.id == ExplainCheck.JOINT_PROXY_INPUTS]
    assert asked == ["x", "y"]


def test_without_a_group_to_ask_about_joint_proxies_are_undecided() -> None:
    checks = {check.id: check for check in judged(joint_proxies=())}
    for check_id in (ExplainCheck.JOINT_PROXY_INPUTS, ExplainCheck.JOINT_PROXY_CONTRIBUTIONS):
        assert checks[check_id].outcome is Outcome.UNDECIDED
        assert "no protected group" in checks[check_id].reason


@pytest.mark.parametrize("group", ["small group 1", None])
def test_a_protected_group_that_was_not_measured_is_undecided_beside_measured_ones(
    group: str | None,
) -> None:
    checks = judged(unmeasured_groups=(UnmeasuredGroup(attribute="sex", group=group),))
    undecided = {check.id: check for check in checks if check.outcome is Outcome.UNDECIDED}
    assert set(undecided) == {
        ExplainCheck.JOINT_PROXY_INPUTS,
        ExplainCheck.JOINT_PROXY_CONTRIBUTIONS,
        ExplainCheck.PROXY_REASON,
    }
    assert {check.about for check in undecided.values()} == {About(attribute="sex", group=group)}
    assert all("ten" in check.reason for check in undecided.values())
    # The verdict refuses two checks of one key: none of these may be that of a measured group.
    assert len({check.key for check in checks}) == len(checks)


def test_an_attribute_that_no_feature_could_rank_is_undecided() -> None:
    checks = proxies(judged(unranked_attributes=("sex",)))
    assert [(check.about.attribute, check.outcome) for check in checks] == [
        ("race", Outcome.PASS),
        ("sex", Outcome.UNDECIDED),
    ]


def test_where_only_unmeasured_groups_are_left_each_is_named() -> None:
    checks = judged(
        joint_proxies=(), unmeasured_groups=(UnmeasuredGroup(attribute="sex", group=None),)
    )
    joint = [check for check in checks if check.id == ExplainCheck.JOINT_PROXY_INPUTS]
    assert [(check.about.attribute, check.outcome) for check in joint] == [
        ("sex", Outcome.UNDECIDED)
    ]


def test_a_proxy_whose_strength_is_no_number_is_undecided_and_hides_no_other() -> None:
    nothing = PROXY.model_copy(
        update={"feature": "age", "strength": None, "auc": None, "shap_share": None}
    )
    strong = PROXY.model_copy(update={"strength": 0.3})
    checks = proxies(judged(proxies=(nothing, strong, PROXY)))
    assert [(check.about.feature, check.outcome) for check in checks] == [
        ("age", Outcome.UNDECIDED),
        ("tract", Outcome.FAIL),
    ]


def test_a_reason_whose_strength_is_no_number_is_undecided_beside_one_above_the_limit() -> None:
    nothing = BY_REASON.model_copy(update={"code": "B", "auc_low": float("nan")})
    strong = BY_REASON.model_copy(update={"auc_low": 0.9})
    checks = judged(reason_proxies=(strong, nothing))
    assert {
        check.about.feature: check.outcome
        for check in checks
        if check.id == ExplainCheck.PROXY_REASON
    } == {"A": Outcome.FAIL, "B": Outcome.UNDECIDED}


def test_the_loosest_reason_is_named() -> None:
    (check,) = [check for check in judged() if check.id == ExplainCheck.REASON_COHESION]
    assert (check.about.feature, check.value) == ("B", 0.4)


def test_reasons_of_one_feature_each_are_as_tight_as_can_be() -> None:
    (check,) = [check for check in judged(cohesion={}) if check.id == ExplainCheck.REASON_COHESION]
    assert (check.outcome, check.value) == (Outcome.PASS, 1.0)
