"""One broken thing a test: each is a way in which a model must not get past its gates."""

from typing import Any

import pytest

from tasks.errors import RefusalKind
from tasks.gates import Check, Outcome, Verdict
from tasks.gates.decision import Decision, weigh
from tasks.path import SUBJECTS

LIMITS = {gate: f"limits-{gate}" for gate in SUBJECTS}


def artefacts() -> dict[str, str]:
    names = {name for subjects in SUBJECTS.values() for name in subjects}
    return {name: f"sha-{name}" for name in names} | {
        f"{gate}/verdict.json": f"sha-{gate}" for gate in SUBJECTS
    }


def check(gate: str, outcome: Outcome = Outcome.PASS, name: str = "m") -> Check:
    value = None if outcome is Outcome.UNDECIDED else 1.0
    return Check(f"{gate}.{name}", f"the measure {name}", outcome, value, "≥ 0.5")


def verdict(gate: str, **change: Any) -> Verdict:
    values = {
        "gate": gate,
        "use_case": "loan",
        "checks": (check(gate),),
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


def refuses(found: Decision, kind: RefusalKind, words: str) -> bool:
    """Whether a decision is no pass, and says so under a kind and with these words."""
    return found.outcome is not Outcome.PASS and any(
        refusal.kind == kind and words in refusal.text for refusal in found.refusals
    )


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
    assert refuses(found, RefusalKind.VERDICT_MISSING, f"{gate}: no verdict")


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.FAIL, RefusalKind.CHECK_FAILED),
        (Outcome.UNDECIDED, RefusalKind.CHECK_UNDECIDED),
    ],
)
def test_a_failed_or_undecided_check_blocks_and_is_named(
    outcome: Outcome, kind: RefusalKind
) -> None:
    checks = (check("fairness"), check("fairness", outcome, "other"))
    found = decision({"fairness": verdict("fairness", checks=checks)})
    assert found.outcome is outcome
    assert refuses(found, kind, "fairness: the measure other")


@pytest.mark.parametrize(
    ("gate", "subject"), [(gate, name) for gate, names in SUBJECTS.items() for name in names]
)
def test_a_verdict_about_other_bytes_blocks(gate: str, subject: str) -> None:
    about = {name: f"sha-{name}" for name in SUBJECTS[gate]} | {subject: "of-yesterday"}
    assert refuses(
        decision({gate: verdict(gate, about=about)}),
        RefusalKind.SUBJECT_CHANGED,
        f"{gate}: {subject} is not what was judged",
    )


@pytest.mark.parametrize("gate", list(SUBJECTS))
def test_a_verdict_about_nothing_blocks(gate: str) -> None:
    assert refuses(
        decision({gate: verdict(gate, about={})}),
        RefusalKind.SUBJECT_MISSING,
        f"{gate}: the verdict says nothing about",
    )


def test_a_verdict_of_another_use_case_blocks() -> None:
    assert refuses(
        decision({"fairness": verdict("fairness", use_case="claims")}),
        RefusalKind.VERDICT_FOREIGN,
        "for `claims`",
    )


def test_a_verdict_of_another_gate_blocks() -> None:
    assert refuses(
        decision({"fairness": verdict("explain", about={})}),
        RefusalKind.VERDICT_FOREIGN,
        "of gate `explain`",
    )


def test_limits_that_were_loosened_after_the_verdict_block() -> None:
    assert refuses(
        decision(limits_sha256=LIMITS | {"fairness": "looser"}),
        RefusalKind.LIMITS_CHANGED,
        "fairness: judged by other limits",
    )


def test_a_gate_without_configured_limits_blocks() -> None:
    limits = {gate: digest for gate, digest in LIMITS.items() if gate != "fairness"}
    assert refuses(
        decision(limits_sha256=limits),
        RefusalKind.LIMITS_CHANGED,
        "fairness: judged by other limits",
    )


@pytest.mark.parametrize("trained", ["others", None])
def test_limits_that_changed_after_training_block(trained: str | None) -> None:
    assert refuses(
        decision(trained_under_sha256=trained),
        RefusalKind.LIMITS_CHANGED_AFTER_TRAINING,
        "limits: they changed after the model was trained",
    )


def test_an_artefact_that_is_gone_blocks() -> None:
    kept = {
        name: digest for name, digest in artefacts().items() if name != "train/predictions.parquet"
    }
    assert refuses(
        decision(artefacts=kept),
        RefusalKind.SUBJECT_CHANGED,
        "train/predictions.parquet is not what was judged",
    )


def test_a_verdict_about_something_else_is_a_fail_even_where_it_was_undecided() -> None:
    checks = (check("fairness", Outcome.UNDECIDED),)
    about = dict.fromkeys(SUBJECTS["fairness"], "of-yesterday")
    found = decision({"fairness": verdict("fairness", checks=checks, about=about)})
    (gate,) = [result for result in found.gates if result.gate == "fairness"]
    assert gate.outcome is Outcome.FAIL


def test_what_was_not_measured_does_not_block() -> None:
    nothing = Check("train.loss", "loss", Outcome.NOT_MEASURED, None, "≤ 0.1", reason="declared")
    found = decision({"train": verdict("train", checks=(check("train"), nothing))})
    assert found.outcome is Outcome.PASS


def test_a_decision_is_written_with_what_it_comes_to() -> None:
    failed = (check("fairness", Outcome.FAIL),)
    written = decision({"fairness": verdict("fairness", checks=failed)}).to_dict()
    assert written["outcome"] == "fail"
    assert [refusal["kind"] for refusal in written["refusals"]] == ["check.failed"]
    (gate,) = [gate for gate in written["gates"] if gate["gate"] == "fairness"]
    assert gate["refusals"] == written["refusals"]
