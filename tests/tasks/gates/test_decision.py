"""One broken thing a test: each is a way in which a model must not get past its gates."""

from typing import Any

import pytest

from tasks.gates import Outcome, Verdict, at_least, at_most
from tasks.gates.decision import SUBJECTS, Decision, weigh
from tasks.gates.verdict import Check

LIMITS = {gate: f"limits-{gate}" for gate in SUBJECTS}


def artefacts() -> dict[str, str]:
    names = {name for subjects in SUBJECTS.values() for name in subjects}
    return {name: f"sha-{name}" for name in names} | {
        f"{gate}/verdict.json": f"sha-{gate}" for gate in SUBJECTS
    }


def verdict(gate: str, **change: Any) -> Verdict:
    values = {
        "gate": gate,
        "use_case": "loan",
        "checks": (at_least("m", 1.0, 0.5),),
        "limits_sha256": LIMITS[gate],
        "about": {name: f"sha-{name}" for name in SUBJECTS[gate]},
    }
    return Verdict(**(values | change))


def decision(verdicts: dict[str, Verdict] | None = None, **change: Any) -> Decision:
    values: dict[str, Any] = {
        "use_case": "loan",
        "artefacts": artefacts(),
        "limits_sha256": LIMITS,
        "all_limits_sha256": "all",
        "trained_under_sha256": "all",
    }
    return weigh({gate: verdict(gate) for gate in SUBJECTS} | (verdicts or {}), **(values | change))


def refused(found: Decision, words: str) -> bool:
    return found.outcome is not Outcome.PASS and any(words in line for line in found.refusals)


def test_a_model_whose_every_gate_passed_about_exactly_it_is_cleared() -> None:
    found = decision()
    assert found.outcome is Outcome.PASS
    assert found.refusals == ()
    assert found.model_sha256 == "sha-train/model"


@pytest.mark.parametrize("gate", list(SUBJECTS))
def test_a_missing_gate_blocks(gate: str) -> None:
    kept = {name: verdict(name) for name in SUBJECTS if name != gate}
    found = weigh(
        kept,
        use_case="loan",
        artefacts=artefacts(),
        limits_sha256=LIMITS,
        all_limits_sha256="a",
        trained_under_sha256="a",
    )
    assert refused(found, f"{gate}: no verdict")


@pytest.mark.parametrize("check", [at_least("auc", 0.4, 0.5), at_most("drift", None, 0.2)])
def test_a_failed_or_undecided_check_blocks_and_is_named(check: Check) -> None:
    found = decision({"fairness": verdict("fairness", checks=(at_least("m", 1.0, 0.5), check))})
    assert refused(found, f"fairness: {check.measure}")


@pytest.mark.parametrize(
    ("gate", "subject"), [(gate, name) for gate, names in SUBJECTS.items() for name in names]
)
def test_a_verdict_about_other_bytes_blocks(gate: str, subject: str) -> None:
    about = {name: f"sha-{name}" for name in SUBJECTS[gate]} | {subject: "of-yesterday"}
    assert refused(
        decision({gate: verdict(gate, about=about)}), f"{gate}: {subject} is not what was judged"
    )


@pytest.mark.parametrize("gate", list(SUBJECTS))
def test_a_verdict_about_nothing_blocks(gate: str) -> None:
    assert refused(
        decision({gate: verdict(gate, about={})}), f"{gate}: the verdict says nothing about"
    )


def test_a_verdict_of_another_use_case_blocks() -> None:
    assert refused(decision({"fairness": verdict("fairness", use_case="claims")}), "for `claims`")


def test_a_verdict_of_another_gate_blocks() -> None:
    assert refused(decision({"fairness": verdict("explain", about={})}), "of gate `explain`")


def test_limits_that_were_loosened_after_the_verdict_block() -> None:
    assert refused(
        decision(limits_sha256=LIMITS | {"fairness": "looser"}), "fairness: judged by other limits"
    )


def test_a_gate_without_configured_limits_blocks() -> None:
    limits = {gate: digest for gate, digest in LIMITS.items() if gate != "fairness"}
    assert refused(decision(limits_sha256=limits), "fairness: judged by other limits")


@pytest.mark.parametrize("trained", ["others", None])
def test_limits_that_changed_after_training_block(trained: str | None) -> None:
    assert refused(
        decision(trained_under_sha256=trained), "limits: they changed after the model was trained"
    )


def test_an_artefact_that_is_gone_blocks() -> None:
    kept = {
        name: digest for name, digest in artefacts().items() if name != "train/predictions.parquet"
    }
    assert refused(decision(artefacts=kept), "train/predictions.parquet is not what was judged")
