"""Attempts on the same data: which there are, whose verdicts are whose, and what became of each."""

import pytest

from tasks.attestation.plan import Plan
from tasks.errors import Refusal, RefusalKind
from tasks.gates import Outcome
from tasks.path import BEFORE_TRAINING, SUBJECTS
from tasks.verifier.attempts.finding import (
    Attempt,
    AttemptOutcome,
    DataVersion,
    find_attempts,
    find_untrained,
)
from tasks.verifier.lineage import MADE, MODEL, examine
from tests.tasks.verifier.signed_log import CASE, SignedLog, digest, plan_of

STRICT = plan_of()
LAX = plan_of(fairness="2")
AGAINST = (Refusal(RefusalKind.CHECK_FAILED, "fairness: too low"),)
GATES_OF_MODEL = tuple(gate for gate in SUBJECTS if gate not in BEFORE_TRAINING)


@pytest.fixture
def prepared(signed_log: SignedLog) -> SignedLog:
    """A log in which data was prepared, and passed the gates before training."""
    for name in reversed(MADE):
        if name != MODEL:
            signed_log.say_made(name)
    for gate in BEFORE_TRAINING:
        signed_log.say_judged(gate, plan=STRICT)
    return signed_log


def try_plan(
    log: SignedLog,
    plan: Plan,
    fairness: Outcome = Outcome.PASS,
    *,
    version: int = 1,
    started_by: str = "ann",
) -> int:
    """Train under a plan and judge; return the entry of the training."""
    entry = log.say_made(MODEL, version, plan=plan, started_by=started_by)
    for gate in GATES_OF_MODEL:
        outcome = fairness if gate == "fairness" else Outcome.PASS
        judged = version if SUBJECTS[gate][-1] == MODEL else 1
        log.say_judged(gate, outcome, version=judged, plan=plan)
    refusals = () if fairness is Outcome.PASS else AGAINST
    log.say_decided("decide", refusals, version=version)
    return entry


def attempts_of(log: SignedLog, version: int = 1) -> tuple[Attempt, ...]:
    read = log.read()
    return find_attempts(read, DataVersion.of(examine(read, CASE, digest(MODEL, version))))


def test_the_same_plan_and_the_same_bytes_are_one_attempt_however_often_trained(
    prepared: SignedLog,
) -> None:
    first = try_plan(prepared, STRICT)
    again = try_plan(prepared, STRICT, started_by="bob")
    (attempt,) = attempts_of(prepared)
    assert attempt.entries == (first, again)
    assert (attempt.number, attempt.started_by) == (1, "ann")


def test_another_plan_is_another_attempt_although_the_bytes_are_the_same(
    prepared: SignedLog,
) -> None:
    try_plan(prepared, STRICT, Outcome.FAIL)
    try_plan(prepared, LAX)
    blocked, passed = attempts_of(prepared)
    assert (blocked.outcome, passed.outcome) == (AttemptOutcome.BLOCKED, AttemptOutcome.PASSED)
    assert (blocked.plan_sha256, passed.plan_sha256) == (STRICT.sha256, LAX.sha256)
    assert blocked.model_sha256 == passed.model_sha256
    assert passed.differs == ("limits.fairness.m",)


def test_another_model_is_another_attempt_although_the_plan_is_the_same(
    prepared: SignedLog,
) -> None:
    try_plan(prepared, STRICT, Outcome.FAIL)
    try_plan(prepared, STRICT, version=2)
    _, second = attempts_of(prepared)
    assert second.model_sha256 == digest(MODEL, 2)
    assert second.differs == ("code",)


def test_an_attempt_names_the_gate_and_the_checks_that_failed(prepared: SignedLog) -> None:
    try_plan(prepared, STRICT, Outcome.FAIL)
    (attempt,) = attempts_of(prepared)
    (opinion,) = attempt.opinions
    assert (opinion.gate, opinion.outcome) == ("fairness", "fail")
    assert opinion.checks == ("fairness.measure",)
    assert not opinion.is_superseded


def test_a_gate_that_passed_later_by_the_same_plan_still_shows_that_it_failed(
    prepared: SignedLog,
) -> None:
    try_plan(prepared, STRICT, Outcome.FAIL)
    prepared.say_judged("fairness", plan=STRICT)
    (attempt,) = attempts_of(prepared)
    assert [opinion.is_superseded for opinion in attempt.opinions] == [True]


def test_a_gate_that_judged_again_outside_the_plan_is_shown_so_and_takes_nothing_back(
    prepared: SignedLog,
) -> None:
    try_plan(prepared, STRICT, Outcome.FAIL)
    entry = prepared.say_judged("fairness", plan=LAX)
    (attempt,) = attempts_of(prepared)
    failed, outside = attempt.opinions
    assert not failed.is_superseded
    assert (outside.entry, outside.outcome) == (entry, "pass")
    assert outside.outside_plan == ("gate:fairness",)
    assert attempt.outcome is AttemptOutcome.BLOCKED


def test_a_gate_whose_settings_did_not_change_speaks_for_both_attempts(
    prepared: SignedLog,
) -> None:
    """DVC does not run it again: its verdict is about the same bytes, by the same settings."""
    prepared.say_made(MODEL, plan=STRICT)
    prepared.say_judged("train", Outcome.FAIL, plan=STRICT)
    prepared.say_made(MODEL, plan=LAX)
    assert [
        [opinion.gate for opinion in attempt.opinions] for attempt in attempts_of(prepared)
    ] == [["train"], ["train"]]


def test_what_was_registered_stays_so_whatever_was_found_later(prepared: SignedLog) -> None:
    try_plan(prepared, STRICT)
    prepared.say_decided("register")
    prepared.say_decided("register", AGAINST)
    (attempt,) = attempts_of(prepared)
    assert attempt.outcome is AttemptOutcome.REGISTERED


def test_a_decision_belongs_to_the_plan_that_was_sealed_last_before_it(
    prepared: SignedLog,
) -> None:
    try_plan(prepared, STRICT)
    prepared.say_decided("register")
    try_plan(prepared, LAX, Outcome.FAIL)
    assert [attempt.outcome for attempt in attempts_of(prepared)] == [
        AttemptOutcome.REGISTERED,
        AttemptOutcome.BLOCKED,
    ]


def test_what_nothing_was_decided_about_is_open(prepared: SignedLog) -> None:
    prepared.say_made(MODEL, plan=STRICT)
    (attempt,) = attempts_of(prepared)
    assert attempt.outcome is AttemptOutcome.OPEN


def test_training_of_a_time_before_plans_is_an_attempt_without_one(prepared: SignedLog) -> None:
    prepared.say_made(MODEL)
    try_plan(prepared, STRICT, version=2)
    first, second = attempts_of(prepared)
    assert first.plan_sha256 == ""
    assert second.differs == ("plan",)


def test_rows_that_go_back_to_the_same_sources_are_the_same_data(prepared: SignedLog) -> None:
    try_plan(prepared, STRICT, Outcome.FAIL)
    # Another redaction, and so other rows, of the same sources.
    prepared.say_made("redact/rows.parquet", 2)
    prepared.say_made(MODEL, 2, material_version=2, plan=STRICT)
    first, second = attempts_of(prepared)
    assert (first.number, second.number) == (1, 2)
    assert second.differs == ("rows",)


def test_a_new_delivery_is_other_data(prepared: SignedLog) -> None:
    try_plan(prepared, STRICT, Outcome.FAIL)
    prepared.say_made("admit/sources.json", 2)
    prepared.say_made("ingest/rows.parquet", 2, material_version=2)
    prepared.say_made("redact/rows.parquet", 2, material_version=2)
    prepared.say_made(MODEL, 2, material_version=2, plan=LAX)
    assert [attempt.number for attempt in attempts_of(prepared, 2)] == [1]
    assert len(attempts_of(prepared)) == 1


def test_another_use_case_on_the_same_sources_is_listed_with_a_count_of_its_own(
    prepared: SignedLog,
) -> None:
    try_plan(prepared, STRICT)
    for name in reversed(MADE):
        prepared.say_made(name, plan=LAX if name == MODEL else None, case="other")
    assert [(attempt.case, attempt.number) for attempt in attempts_of(prepared)] == [
        (CASE, 1),
        ("other", 1),
    ]


def test_data_that_was_refused_before_anything_was_trained_is_found(prepared: SignedLog) -> None:
    entry = prepared.say_judged("validate", Outcome.FAIL, plan=plan_of(validate="3"))
    try_plan(prepared, STRICT)
    read = prepared.read()
    data = DataVersion.of(examine(read, CASE, digest(MODEL)))
    (opinion,) = find_untrained(read, CASE, data, find_attempts(read, data))
    assert (opinion.gate, opinion.entry, opinion.checks) == (
        "validate",
        entry,
        ("validate.measure",),
    )


def test_of_data_that_nobody_knows_there_are_no_attempts(prepared: SignedLog) -> None:
    try_plan(prepared, STRICT)
    read = prepared.read()
    unknown = DataVersion("", "")
    assert find_attempts(read, unknown) == ()
    assert find_untrained(read, CASE, unknown, ()) == ()


def test_an_attempt_rests_on_every_entry_that_says_so(prepared: SignedLog) -> None:
    entry = try_plan(prepared, STRICT, Outcome.FAIL)
    (attempt,) = attempts_of(prepared)
    # The training, the verdicts about it and a decision, and before them data and its gates.
    assert attempt.rests_on >= set(range(entry, entry + len(GATES_OF_MODEL) + 2))
    assert len(attempt.rests_on) == len(SUBJECTS) + len(MADE) + 1
