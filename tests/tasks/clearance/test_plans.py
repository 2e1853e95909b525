"""The plan: what is in it, that training seals it, and that nothing else is cleared by it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.plan import Plan
from tasks.attestation.predicates.provenance import Provenance
from tasks.clearance import attest_stage
from tasks.clearance.attest_stage import statements_of
from tasks.clearance.check import clear_model, clear_training
from tasks.clearance.configuration import POLICY, configuration_now, judged_params
from tasks.clearance.plans import MOST_NAMES, name_some, plan_now
from tasks.errors import Refusal, RefusalKind
from tasks.formats.digests import sha256_of
from tasks.notary.notary import open_ledger, trusted_root
from tasks.path import GATES, SEALING, STAGES, WORDS
from tasks.verifier.lineage import MODEL, Chain, examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, Log, read_log
from tests.attacks.judging import model_of, put_in_force
from tests.cases import change_case, sync_cases
from tests.installations import installation_at
from tests.tasks.judged import CASE, observed, present, put_verdict, sign_for

# The gates that judge by the section `fairness`.
BY_FAIRNESS = tuple(gate.name for gate in GATES if "fairness" in gate.sections)

Change = Callable[[dict[str, Any]], object]


def read(workspace: Path) -> tuple[Log, Chain]:
    here = installation_at(workspace)
    ledger = open_ledger(here)
    try:
        log = read_log(ledger, trusted_root(here), EVERYTHING)
    finally:
        ledger.close()
    return log, examine(log, CASE, model_of(workspace))


def refusals(workspace: Path) -> tuple[Refusal, ...]:
    return clear_model(CASE, model_of(workspace), installation_at(workspace)).refusals


def texts_of(workspace: Path, kind: RefusalKind) -> list[str]:
    return [refusal.text for refusal in refusals(workspace) if refusal.kind == kind]


def put(section: str, **values: Any) -> Change:
    """Return a change of a section of the use case, made where there is none."""
    return lambda case: case.setdefault(section, {}).update(values)


def put_limit(gate: str) -> Change:
    return lambda case: case["limits"][gate].update(m=0.4)


def judge_again(workspace: Path, *gates: str) -> None:
    """Judge by the settings that lie there now, and sign for it."""
    for gate in gates:
        limits = workspace_limits(workspace, gate)
        put_verdict(workspace, gate, limits_sha256=limits)
        sign_for(workspace, gate)


def workspace_limits(workspace: Path, gate: str) -> str:
    return configuration_now(gate, CASE, workspace)[f"gate:{gate}"]


# What is in it


def test_training_seals_the_plan_that_lies_there_before_it(signed: Path) -> None:
    _, chain = read(signed)
    assert chain.plan == plan_now(CASE, signed)


def test_no_other_stage_seals_one(signed: Path) -> None:
    log, _ = read(signed)
    sealing = {
        made.predicate.run.stage for made in log.statements(Provenance) if made.predicate.plan
    }
    assert sealing == {SEALING.name}


@pytest.mark.parametrize("gate", [gate.name for gate in GATES])
def test_everything_that_a_gate_judges_by_is_in_the_plan(signed: Path, gate: str) -> None:
    parts = plan_now(CASE, signed).parts
    assert configuration_now(gate, CASE, signed).items() <= parts.items()


IN_THE_PLAN: dict[str, tuple[Change, str]] = {
    "the groups": (put("fairness", privileged={"sex": "male"}), "fairness.privileged.sex"),
    "the intersections": (put("fairness", intersections=["race"]), "fairness.intersections"),
    "a row limit": (put("fairness", smallest_group_rows=30), "fairness.smallest_group_rows"),
    "a seed": (put("explain", seed=2), "explain.seed"),
    "the cut-off": (put("train", cutoff={"rate": 0.9}), "train.cutoff.rate"),
    "a column's role": (put("columns", race={"role": "dropped"}), "columns.race.role"),
    "how texts are redacted": (put("redact", min_score=0.9), "redact.min_score"),
    "what drift is measured in": (put("validate", columns=["a"]), "validate.columns"),
    **{
        f"a limit of {gate.name}": (put_limit(gate.name), f"limits.{gate.name}.m") for gate in GATES
    },
}


@pytest.mark.parametrize("name", IN_THE_PLAN)
def test_another_setting_is_another_plan_and_is_named(signed: Path, name: str) -> None:
    change, setting = IN_THE_PLAN[name]
    before = plan_now(CASE, signed)
    change_case(signed, CASE, change)
    after = plan_now(CASE, signed)
    assert after.sha256 != before.sha256
    assert before.differences(after) == (setting,)


def test_another_suite_is_another_plan(signed: Path) -> None:
    before = plan_now(CASE, signed)
    (signed / "configs" / CASE / "suite.yaml").write_text("expectations: []")
    sync_cases(signed)
    assert "validate.suite" in before.differences(plan_now(CASE, signed))


def test_another_policy_is_another_plan(signed: Path) -> None:
    before = plan_now(CASE, signed)
    (signed / POLICY / "more.rego").write_text("package portcullis.more\n")
    assert before.differences(plan_now(CASE, signed)) == ("policy",)


def test_another_gate_is_another_plan(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan_now(CASE, signed)
    monkeypatch.setattr("tasks.clearance.plans.SUBJECTS", {"fairness": ("train/model",)})
    assert before.differences(plan_now(CASE, signed)) == ("gates",)


NOT_IN_THE_PLAN: dict[str, Change] = {
    "an agreement's date": lambda case: case["sources"]["applications"].update(
        expires="2040-01-01"
    ),
    "how sources are joined": put("ingest", base="applications"),
    "where it is registered": put("register", experiment="other"),
    "when models are retrained": lambda case: case["erasure"]["retrain_after"].update(people=9),
    "what outcomes are called": put(
        "words", outcomes={"favourable": "fast track", "unfavourable": "usual track"}
    ),
    "a title": lambda case: case.update(title="Tiny"),
}


@pytest.mark.parametrize("name", NOT_IN_THE_PLAN)
def test_what_moves_no_verdict_is_in_no_plan(signed: Path, name: str) -> None:
    before = plan_now(CASE, signed)
    change_case(signed, CASE, NOT_IN_THE_PLAN[name])
    assert plan_now(CASE, signed) == before


def test_the_statement_names_settings_and_says_no_value(signed: Path) -> None:
    change_case(signed, CASE, put("fairness", excused={"old": {"person": "Secret Name"}}))
    (provenance, *_) = statements_of(observed(signed, "train"), {})
    sealed = json.dumps(provenance.predicate["portcullis_plan"])
    assert "fairness.excused.old" in sealed
    assert "Secret" not in sealed


def test_whatever_is_in_the_plan_has_dvc_train_anew() -> None:
    for gate in GATES:
        covered = [
            any(f"{section}.".startswith(f"{own}.") for own in SEALING.sections)
            for section in gate.sections
        ]
        assert all(covered), gate.name
        assert set(gate.shared_files) <= set(SEALING.shared_files)


def test_words_have_pages_drawn_anew_and_are_no_section_that_judges() -> None:
    assert all((WORDS in gate.tracked_sections) is gate.has_page for gate in GATES)
    assert not any(WORDS in gate.sections for gate in GATES)
    assert judged_params({"fairness": "a", WORDS: "b"}) == {"fairness": "a"}


def test_sources_and_registration_do_not_have_dvc_train_anew() -> None:
    assert not {"sources", "ingest", "register", "erasure"} & set(SEALING.sections)
    assert STAGES[SEALING.name] is SEALING


# What is cleared by it


def test_a_setting_that_is_changed_after_training_is_refused_by_its_name(signed: Path) -> None:
    change_case(signed, CASE, put("fairness", smallest_group_rows=30))
    (text,) = texts_of(signed, RefusalKind.PLAN_CHANGED)
    assert text.startswith("plan: train, entry ")
    assert "`fairness.smallest_group_rows` changed after training" in text
    assert f"dvc repro --force --single-item train@{CASE}" in text


def test_a_gate_that_judges_again_by_it_does_not_help(signed: Path) -> None:
    change_case(signed, CASE, put("fairness", smallest_group_rows=30))
    judge_again(signed, "fairness")
    texts = texts_of(signed, RefusalKind.PLAN_CHANGED)
    assert any("was judged outside the plan" in text for text in texts)
    assert any("changed after training" in text for text in texts)


def test_put_back_before_clearance_the_verdict_still_is_of_another_plan(signed: Path) -> None:
    """Changed for a gate alone: what lies there now is the plan, the verdict is not by it."""
    path = signed / "configs" / CASE / "case.yaml"
    before = path.read_bytes()
    change_case(signed, CASE, put("fairness", smallest_group_rows=30))
    judge_again(signed, "fairness")
    path.write_bytes(before)
    sync_cases(signed)
    (text,) = texts_of(signed, RefusalKind.PLAN_CHANGED)
    assert "fairness: entry" in text
    assert "params:fairness" in text


def test_trained_anew_and_judged_by_it_the_same_bytes_are_cleared(signed: Path) -> None:
    model_sha256 = model_of(signed)
    change_case(signed, CASE, put("fairness", smallest_group_rows=30))
    judge_again(signed, "train", *BY_FAIRNESS)
    sign_for(signed, "decide")
    assert model_of(signed) == model_sha256
    assert refusals(signed) == ()


def test_a_model_of_before_there_were_plans_is_trained_anew(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attest_stage, "SEALING", STAGES["explain"])
    sign_for(signed, "train")
    (text,) = texts_of(signed, RefusalKind.PLAN_UNSEALED)
    assert "sealed none before it trained" in text


def test_what_was_never_trained_is_refused_for_that_and_not_for_its_plan(signed: Path) -> None:
    kinds = {item.kind for item in clear_model(CASE, "0" * 64, installation_at(signed)).refusals}
    assert RefusalKind.LINEAGE_UNSIGNED in kinds
    assert not {RefusalKind.PLAN_CHANGED, RefusalKind.PLAN_UNSEALED} & kinds


def test_the_worker_decides_against_a_model_whose_plan_was_changed(signed: Path) -> None:
    change_case(signed, CASE, put("fairness", smallest_group_rows=30))
    sign_for(signed, "decide")
    _, chain = read(signed)
    decision = present(latest_decision(chain, "decide")).predicate
    assert decision.result == "FAILED"
    assert RefusalKind.PLAN_CHANGED in {
        item.kind for item in decision.refusals if isinstance(item, Refusal)
    }


# What is in force


def rows_of(workspace: Path) -> str:
    return sha256_of(workspace / "data" / CASE / "redact" / "rows.parquet")


def kinds_of_training(workspace: Path) -> list[str]:
    cleared = clear_training(CASE, rows_of(workspace), installation_at(workspace))
    return [refusal.kind for refusal in cleared.refusals]


def test_a_plan_that_is_in_force_clears_itself(signed: Path) -> None:
    put_in_force(signed, plans={CASE: plan_now(CASE, signed).sha256})
    assert refusals(signed) == ()
    assert kinds_of_training(signed) == []


def test_nothing_is_trained_under_another_plan_than_is_in_force(signed: Path) -> None:
    put_in_force(signed, plans={CASE: plan_now(CASE, signed).sha256})
    change_case(signed, CASE, put("fairness", smallest_group_rows=30))
    assert kinds_of_training(signed) == [RefusalKind.IN_FORCE_PLAN_CHANGED]


def test_nor_is_anything_registered(signed: Path) -> None:
    put_in_force(signed, plans={CASE: "a" * 64})
    (text,) = texts_of(signed, RefusalKind.IN_FORCE_PLAN_CHANGED)
    assert f"in force for `{CASE}` is aaaaaaaaaaaa" in text


def test_one_attempt_more_than_may_be_made_is_not_trained(signed: Path) -> None:
    put_in_force(signed, attempts=1)
    assert refusals(signed) == ()
    assert kinds_of_training(signed) == []
    change_case(signed, CASE, put("fairness", smallest_group_rows=30))
    assert kinds_of_training(signed) == [RefusalKind.IN_FORCE_ATTEMPTS_EXCEEDED]


def test_trained_all_the_same_it_is_not_registered(signed: Path) -> None:
    put_in_force(signed, attempts=1)
    change_case(signed, CASE, put("fairness", smallest_group_rows=30))
    judge_again(signed, "train", *BY_FAIRNESS)
    sign_for(signed, "decide")
    assert {refusal.kind for refusal in refusals(signed)} == {
        RefusalKind.IN_FORCE_ATTEMPTS_EXCEEDED
    }


# Words


def test_of_many_names_some_are_shown_and_the_others_counted() -> None:
    names = tuple(f"n{number}" for number in range(MOST_NAMES + 2))
    assert name_some(names).endswith("`n9` and 2 more")
    assert name_some(("a", "b")) == "`a`, `b`"


def test_two_plans_of_one_digest_are_one(signed: Path) -> None:
    plan = plan_now(CASE, signed)
    assert Plan.from_dict(plan.to_dict()) == plan
    assert plan_now(CASE, signed) == plan
    assert MODEL.startswith(SEALING.name)
