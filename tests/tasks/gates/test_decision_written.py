"""What a decision holds and how it is written: the registry and the statements copy it whole."""

from tasks.errors import Refusal, RefusalKind
from tasks.gates import Outcome, Verdict
from tasks.gates.decision import Decision, GateResult, weigh
from tasks.path import SUBJECTS
from tests.tasks.gates.test_decision import LIMITS, artefacts, check, decision, verdict


def decision_without(gate: str) -> Decision:
    verdicts: dict[str, Verdict] = {name: verdict(name) for name in SUBJECTS if name != gate}
    return weigh(
        verdicts,
        use_case="loan",
        artefacts=artefacts(),
        limits_sha256=LIMITS,
        all_limits_sha256="all",
        trained_under_sha256="all",
    )


def test_a_decision_names_its_use_case_and_the_limits_in_force() -> None:
    cleared = decision()
    assert (cleared.use_case, cleared.limits_sha256) == ("loan", "all")


def test_a_decision_rests_on_every_artefact_that_was_judged_and_on_every_verdict() -> None:
    assert decision().about == artefacts()


def test_a_gate_counts_its_checks() -> None:
    checks = (check("fairness"), check("fairness", name="other"))
    gates = {
        gate.gate: gate for gate in decision({"fairness": verdict("fairness", checks=checks)}).gates
    }
    assert (gates["fairness"].checks, gates["explain"].checks) == (2, 1)


def test_a_gate_that_left_no_verdict_made_no_check() -> None:
    missing = Refusal(RefusalKind.VERDICT_MISSING, "fairness: no verdict")
    result = GateResult("fairness", Outcome.UNDECIDED, checks=0, refusals=(missing,))
    assert result in decision_without("fairness").gates


def test_limits_that_changed_after_training_are_a_failed_gate_of_their_own() -> None:
    text = (
        "limits: they changed after the model was trained; train it again under the limits in force"
    )
    changed = Refusal(RefusalKind.LIMITS_CHANGED_AFTER_TRAINING, text)
    last = decision(trained_under_sha256="others").gates[-1]
    assert last == GateResult("limits", Outcome.FAIL, checks=1, refusals=(changed,))


def test_other_bytes_are_named_by_the_first_twelve_digits_of_both_digests() -> None:
    about = {name: f"sha-{name}" for name in SUBJECTS["train"]} | {"train/model": "0123456789abcd"}
    changed = decision(
        {"train": verdict("train", about=about)},
        artefacts=artefacts() | {"train/model": "fedcba9876543210"},
    )
    assert any(
        refusal.text.endswith("(judged 0123456789ab…, found fedcba987654…)")
        for refusal in changed.refusals
    )


def test_an_artefact_that_is_gone_is_named_as_nothing() -> None:
    present = artefacts()
    del present["train/predictions.parquet"]
    texts = [refusal.text for refusal in decision(artefacts=present).refusals]
    assert any(text.endswith(", found nothing…)") for text in texts)


def test_a_gate_is_written_with_what_it_refuses() -> None:
    refusal = Refusal(RefusalKind.VERDICT_MISSING, "train: no verdict")
    written = GateResult("train", Outcome.UNDECIDED, checks=0, refusals=(refusal,)).to_dict()
    assert written == {
        "gate": "train",
        "outcome": "undecided",
        "checks": 0,
        "refusals": [refusal.to_dict()],
    }


def test_a_decision_is_written_whole() -> None:
    result = GateResult("train", Outcome.PASS, checks=3, refusals=())
    written = Decision("loan", "m", "l", (result,), {"train/model": "m"}).to_dict()
    assert written == {
        "use_case": "loan",
        "model_sha256": "m",
        "limits_sha256": "l",
        "gates": [result.to_dict()],
        "about": {"train/model": "m"},
        "outcome": "pass",
        "refusals": [],
    }
