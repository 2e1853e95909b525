"""The rule by which one model follows another: which figures count, and which way."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.gates import About, Check, Outcome
from tasks.promotion.comparing import compare_models
from tasks.promotion.params import PromoteParams
from tasks.verifier.lineage import Chain, GateVerdict
from tests.tasks.predicate_samples import SAMPLES

IMPACT = "fairness.disparate_impact_ratio"
DIFFERENCE = "fairness.equal_opportunity_difference"


def rule(**changes: Any) -> PromoteParams:
    values: dict[str, Any] = {
        "metric": "train.auc_lower_end",
        "direction": "higher",
        "tolerance": 0.01,
        "disparity": {IMPACT: 0.02},
        "without_champion": "approved",
    }
    return PromoteParams(**(values | changes))


def check(
    check_id: str, value: float | None, group: str | None = None, limit: str = "≥ 0.5"
) -> Check:
    about = About(attribute="race", group=group) if group else About()
    outcome = Outcome.PASS if value is not None else Outcome.UNDECIDED
    return Check(check_id, "m", outcome, value, limit, about)


def chain(*checks: Check) -> Chain:
    """Return a chain whose verdicts have these checks."""
    verdicts: dict[str, GateVerdict] = {}
    for gate in {item.id.partition(".")[0] for item in checks}:
        sample = SAMPLES["gate result"]
        assert isinstance(sample, SignedVerdict)
        own = tuple(item for item in checks if item.id.startswith(f"{gate}."))
        signed: Any = SimpleNamespace(index=1, predicate=replace(sample, checks=own))
        verdicts[gate] = GateVerdict(gate, signed)
    return Chain("tiny", "0" * 64, (), verdicts, (), ())


def is_as_good(new: Chain, old: Chain, **changes: Any) -> bool:
    figures = compare_models(new, old, rule(**changes))
    assert figures
    return all(figure.is_as_good for figure in figures)


def model(auc: float | None = 0.8, impact: float | None = 0.9) -> Chain:
    return chain(check("train.auc_lower_end", auc), check(IMPACT, impact, "black"))


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (model(), model(), True),
        (model(auc=0.9), model(), True),
        (model(auc=0.795), model(), True),
        (model(auc=0.785), model(), False),
        (model(auc=None), model(), False),
        (model(), model(auc=None), False),
        (model(impact=0.89), model(), True),
        (model(impact=0.87), model(), False),
        (model(impact=None), model(), False),
        (model(auc=0.99, impact=0.87), model(), False),  # a better one does not make up for it
    ],
)
def test_equal_or_better_in_the_metric_and_for_no_group_worse(
    new: Chain, old: Chain, expected: bool
) -> None:
    assert is_as_good(new, old) is expected


@pytest.mark.parametrize(("new", "expected"), [(0.795, True), (0.9, False)])
def test_of_a_metric_less_can_be_better(new: float, expected: bool) -> None:
    assert is_as_good(model(auc=new), model(), direction="lower") is expected


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [(0.02, 0.05, True), (0.05, 0.02, False), (-0.05, 0.02, False), (0.02, -0.05, True)],
)
def test_of_a_difference_its_size_counts(new: float, old: float, expected: bool) -> None:
    def of(value: float) -> Chain:
        return chain(
            check("train.auc_lower_end", 0.8),
            check(DIFFERENCE, value, "black", limit="≤ 0.1 (absolute)"),
        )

    assert is_as_good(of(new), of(old), disparity={DIFFERENCE: 0.0}) is expected


def test_every_group_is_compared_and_a_new_one_is_not() -> None:
    auc = check("train.auc_lower_end", 0.8)
    old = chain(auc, check(IMPACT, 0.9, "black"), check(IMPACT, 0.9, "hispanic"))
    assert not is_as_good(chain(auc, check(IMPACT, 0.9, "black")), old)
    worse = chain(auc, check(IMPACT, 0.95, "black"), check(IMPACT, 0.8, "hispanic"))
    assert not is_as_good(worse, old)
    more = chain(*(check(IMPACT, 0.9, group) for group in ("black", "hispanic", "asian")), auc)
    assert is_as_good(more, old)


def test_what_was_judged_of_neither_is_no_proof() -> None:
    auc = check("train.auc_lower_end", 0.8)
    assert not is_as_good(chain(auc), chain(auc))
    assert not is_as_good(chain(check(IMPACT, 0.9, "black")), chain(check(IMPACT, 0.9, "black")))


def test_a_limit_without_a_sign_says_not_which_value_is_better() -> None:
    auc = check("train.auc_lower_end", 0.8)
    present = chain(auc, check("fairness.group_present", 1.0, "black", limit="every group present"))
    assert not is_as_good(present, present, disparity={"fairness.group_present": 0.0})
