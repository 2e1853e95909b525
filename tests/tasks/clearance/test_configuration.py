"""What is configured is digested as a verdict names it, and every change of it shows."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tasks.clearance.configuration import (
    POLICY,
    configuration_now,
    is_anchored,
    is_own_file,
    is_shipped,
    limits_sha256,
)
from tasks.gates import digest_of
from tests.cases import change_case
from tests.installations import settings_now
from tests.tasks.judged import CASE, LIMITS


def test_limits_have_the_digest_that_the_judge_gives_them(signed: Path) -> None:
    assert limits_sha256("train", CASE, signed) == digest_of(LIMITS["train"])


def test_a_changed_limit_has_another_digest(signed: Path) -> None:
    change_case(signed, CASE, lambda values: values["limits"]["train"].update(m=0.6))
    assert limits_sha256("train", CASE, signed) != digest_of(LIMITS["train"])


def test_the_limits_of_another_gate_leave_it_as_it_was(signed: Path) -> None:
    change_case(signed, CASE, lambda values: values["limits"]["explain"].update(m=0.6))
    assert limits_sha256("train", CASE, signed) == digest_of(LIMITS["train"])


def test_a_verdict_has_to_be_made_by_limits_policy_and_parameters(signed: Path) -> None:
    names = configuration_now("train", CASE, signed)
    assert {"gate:train", "policy", "params:limits", "params:train"} <= set(names)


def test_a_changed_policy_shows(signed: Path) -> None:
    before = configuration_now("train", CASE, signed)
    (signed / POLICY / "more.rego").write_text("package x")
    after = configuration_now("train", CASE, signed)
    assert {name for name in after if after[name] != before[name]} == {"policy"}


def test_a_changed_suite_shows_for_the_gate_that_reads_it(signed: Path) -> None:
    before = configuration_now("validate", CASE, signed)
    (signed / "configs" / CASE / "suite.yaml").write_text("expectations: [two]")
    after = configuration_now("validate", CASE, signed)
    assert f"configs/{CASE}/suite.yaml" in {
        name for name in after if after[name] != before.get(name)
    }


@pytest.mark.parametrize(
    ("name", "is_own"),
    [("configs/tiny/suite.yaml", True), (POLICY, False), ("data/tiny/train/model", False)],
)
def test_the_policy_is_named_apart_from_the_gate_s_own_files(name: str, is_own: bool) -> None:
    assert is_own_file(name) is is_own


@pytest.mark.parametrize("name", ["mirror_url", "witness_url", "tsa_url"])
def test_any_one_anchor_will_do(name: str) -> None:
    settings = replace(settings_now(), mirror_url="", witness_url="", tsa_url="")
    assert not is_anchored(settings)
    assert is_anchored(replace(settings, **cast(Any, {name: "https://anchor.example"})))


@pytest.mark.parametrize("name", ["syslog_address", "hec_url"])
def test_any_one_receiver_will_do(name: str) -> None:
    settings = replace(settings_now(), syslog_address="", hec_url="")
    assert not is_shipped(settings)
    assert is_shipped(replace(settings, **cast(Any, {name: "https://siem.example"})))
