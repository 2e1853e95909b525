"""The gate `explain`: proxies by feature and group, and reasons that have to survive."""

from typing import Any

import pytest

from tasks.gates import About, Check, Outcome
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.explain.explaining import ExplainReport, Proxy
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.explain.params import ExplainLimits
from tasks.stages.explain.stability import Overlap

LIMITS = ExplainLimits(
    additivity_error=0.01, proxy_strength=0.1, top_reasons_overlap=0.8, fidelity=0.9
)
PROXY = Proxy(feature="tract", attribute="race", group="x", auc=0.55, shap_share=0.2, strength=0.02)
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
    reasons={},
    declined_without_reason=0,
    top_reasons_overlap=KEPT,
    fidelity=0.95,
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
        ({"fidelity": 0.8}, ExplainCheck.FIDELITY),
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
    checks = judged(declined_rows=0, top_reasons_overlap=nobody, fidelity=None)
    undecided = [check for check in checks if check.outcome is Outcome.UNDECIDED]
    assert {check.id for check in undecided} == {
        ExplainCheck.REASONS_KEPT_BY_PEOPLE_BEHIND,
        ExplainCheck.REASONS_KEPT_BY_BACKGROUNDS,
        ExplainCheck.REASONS_KEPT_BY_REFITS,
        ExplainCheck.REASONS_KEPT_BY_PERTURBATIONS,
        ExplainCheck.FIDELITY,
    }
    assert {check.reason for check in undecided} == {"nobody was declined"}
