"""A plan: one digest, and names for what differs between two of them."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.attestation.plan import Plan

PLAN = Plan(
    parts={"gate:fairness": "a" * 64, "params:fairness": "b" * 64, "policy": "c" * 64},
    settings={"fairness.seed": "1" * 16, "limits.fairness.theil_index": "2" * 16},
)


def test_a_plan_is_read_as_it_was_written() -> None:
    assert Plan.from_dict(PLAN.to_dict()) == PLAN


def test_what_was_signed_before_there_were_plans_has_none() -> None:
    assert Plan.from_dict(None) is None


@pytest.mark.parametrize("part", PLAN.parts)
def test_another_digest_of_any_part_is_another_plan(part: str) -> None:
    other = replace(PLAN, parts=PLAN.parts | {part: "0" * 64})
    assert other.sha256 != PLAN.sha256


def test_the_order_of_parts_is_no_part_of_a_plan() -> None:
    other = replace(PLAN, parts=dict(reversed(PLAN.parts.items())))
    assert other.sha256 == PLAN.sha256


FAULTS: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "another digest": ({"sha256": "0" * 64}, ValueError),
    "parts that are a list": ({"parts": []}, ValueError),
    "a setting that is a value": ({"settings": {"fairness.seed": 7}}, ValueError),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_plan_is_refused(fault: str) -> None:
    change, error = FAULTS[fault]
    with pytest.raises(error):
        Plan.from_dict(PLAN.to_dict() | change)


def test_a_setting_that_differs_is_named_in_place_of_its_section() -> None:
    other = Plan(
        PLAN.parts | {"params:fairness": "0" * 64}, PLAN.settings | {"fairness.seed": "3" * 16}
    )
    assert PLAN.differences(other) == ("fairness.seed",)
    assert other.differences(PLAN) == ("fairness.seed",)


def test_a_limit_that_differs_is_named_in_place_of_its_gate() -> None:
    limit = "limits.fairness.theil_index"
    other = Plan(PLAN.parts | {"gate:fairness": "0" * 64}, PLAN.settings | {limit: "3" * 16})
    assert PLAN.differences(other) == (limit,)


def test_a_setting_that_is_new_or_gone_differs() -> None:
    other = Plan(PLAN.parts | {"params:fairness": "0" * 64}, {"fairness.rule": "4" * 16})
    assert PLAN.differences(other) == (
        "fairness.rule",
        "fairness.seed",
        "limits.fairness.theil_index",
    )


def test_a_part_that_no_setting_explains_is_named_itself() -> None:
    other = replace(PLAN, parts=PLAN.parts | {"policy": "0" * 64})
    assert PLAN.differences(other) == ("policy",)


def test_what_a_plan_does_not_hold_differs_from_it() -> None:
    parts = {"policy": "c" * 64, "params:fairness": "0" * 64, "configs/new.yaml": "d" * 64}
    assert PLAN.differing_parts(parts) == ("configs/new.yaml", "params:fairness")
