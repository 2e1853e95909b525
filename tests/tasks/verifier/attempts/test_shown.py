"""Attempts in words, and in the report of a bundle."""

import json
from dataclasses import replace

import pytest

from tasks.attestation.plan import Plan
from tasks.attestation.statement import Artefact
from tasks.clearance.bundle_writer import choose
from tasks.gates import Outcome
from tasks.path import SUBJECTS
from tasks.verifier.attempts.finding import DataVersion, find_attempts
from tasks.verifier.attempts.shown import (
    MOST_REPORTED,
    NO_TRACE,
    attempt_texts,
    attempts_section,
    lines_about_attempts,
)
from tasks.verifier.lineage import MADE, MODEL, Chain, examine
from tasks.verifier.log_reader import Log
from tasks.verifier.report import MOST_REPORT_BYTES, report_bytes
from tests.tasks.verifier.signed_log import (
    CASE,
    SignedLog,
    artefact_of,
    digest,
    plan_of,
    verdict_of,
)

STRICT = plan_of()
LAX = plan_of(fairness="2")


def try_plan(log: SignedLog, plan: Plan | None, fairness: Outcome = Outcome.PASS) -> None:
    log.say_made(MODEL, plan=plan)
    for gate in ("redact", "validate", "train", "explain"):
        log.say_judged(gate, plan=plan)
    log.say_judged("fairness", fairness, plan=plan)


@pytest.fixture
def tried(signed_log: SignedLog) -> SignedLog:
    """A log with an attempt that was blocked, and one with another limit of fairness."""
    for name in reversed(MADE):
        if name != MODEL:
            signed_log.say_made(name)
    try_plan(signed_log, STRICT, Outcome.FAIL)
    try_plan(signed_log, LAX)
    return signed_log


def read(log: SignedLog) -> tuple[Log, Chain]:
    whole = log.read()
    return whole, examine(whole, CASE, digest(MODEL))


def test_every_attempt_is_a_line_and_the_own_one_is_marked(tried: SignedLog) -> None:
    lines = list(lines_about_attempts(*read(tried)))
    assert lines[0].startswith("  2 attempts (1 blocked, 1 not decided) on the same data")
    assert NO_TRACE in lines[0]
    (own,) = (line for line in lines if line.startswith("  attempt → "))
    assert "no. 2 not decided" in own
    assert LAX.sha256[:12] in own


def test_what_differs_and_what_failed_stands_below_an_attempt(tried: SignedLog) -> None:
    text = "\n".join(lines_about_attempts(*read(tried)))
    assert "differs from no. 1 in limits.fairness.m" in text
    assert "fairness: fail (fairness.measure), entry" in text
    assert "by worker-7 (local)" in text


def test_of_many_attempts_the_latest_are_shown_and_the_others_counted(tried: SignedLog) -> None:
    lines = list(lines_about_attempts(*read(tried), 1))
    assert lines[1] == f"  … 1 earlier ones: ./portcullis attempts {CASE}"
    assert sum("  attempt " in line for line in lines) == 1


def test_a_log_without_attempts_is_told_so_where_that_was_asked(signed_log: SignedLog) -> None:
    whole, chain = read(signed_log)
    assert list(lines_about_attempts(whole, chain)) == []
    (line,) = lines_about_attempts(whole, chain, is_alone=True)
    assert line.startswith("  0 attempts on the same data")


def test_many_checks_and_settings_are_counted(tried: SignedLog) -> None:
    whole, chain = read(tried)
    first, second = find_attempts(whole, DataVersion.of(chain))
    (opinion,) = first.opinions
    many = replace(opinion, checks=tuple("abcde"), outside_plan=("x",), is_superseded=True)
    wide = replace(second, differs=tuple(f"s{n}" for n in range(20)), opinions=(many,), case="o")
    _, differing, gate = attempt_texts(wide, CASE)
    assert differing.endswith("s11 and 8 more")
    assert "(a, b, c and 2 more)" in gate
    assert gate.endswith("judged outside the plan, passed later")
    assert attempt_texts(wide, CASE)[0].startswith("o no. 2")


def test_data_that_was_refused_before_training_has_its_line(signed_log: SignedLog) -> None:
    for name in reversed(MADE):
        if name != MODEL:
            signed_log.say_made(name)
    entry = signed_log.say_judged("validate", Outcome.FAIL, plan=plan_of(validate="9"))
    try_plan(signed_log, STRICT)
    *_, last = lines_about_attempts(*read(signed_log))
    assert last == f"  not trained: validate: fail (validate.measure), entry {entry}"


def test_the_report_of_a_bundle_lists_them(tried: SignedLog) -> None:
    section = attempts_section(*read(tried))["attempts"]
    assert (section["count"], section["thisOne"]) == (2, 2)
    first, second = section["latest"]
    assert first["outcome"] == "blocked"
    assert first["gates"][0]["checks"] == ["fairness.measure"]
    assert second["differs"] == ["limits.fairness.m"]
    assert section["note"] == NO_TRACE


def test_the_report_of_a_log_without_plans_stays_the_bytes_that_it_was(
    cleared: SignedLog,
) -> None:
    whole, chain = read(cleared)
    assert attempts_section(whole, chain) == {}
    assert b'"attempts"' not in report_bytes(whole, chain, is_complete=True)


def test_a_bundle_that_is_cut_to_its_chain_still_lists_every_attempt(tried: SignedLog) -> None:
    whole, chain = read(tried)
    contents = choose(whole, chain, may_be_complete=False)
    inside = replace(whole, entries=contents.entries)
    assert attempts_section(inside, examine(inside, CASE, digest(MODEL))) == attempts_section(
        whole, chain
    )


def test_of_attempts_that_failed_hundreds_of_checks_the_latest_that_fit_are_reported(
    tried: SignedLog,
) -> None:
    failed = tuple(f"fairness.measure[attribute=race, group=a group no. {n}]" for n in range(900))
    for number in range(3, 13):
        plan = plan_of(fairness=str(number))
        tried.say_made(MODEL, plan=plan)
        verdict = replace(verdict_of("fairness", Outcome.FAIL), failed=failed)
        parts = (Artefact(name, plan.parts[name]) for name in ("policy", "gate:fairness"))
        subjects = (artefact_of(name) for name in SUBJECTS["fairness"])
        tried.say(replace(verdict, configuration=tuple(parts)), *subjects)

    log, chain = read(tried)
    data = report_bytes(log, chain, is_complete=True)
    assert len(data) <= MOST_REPORT_BYTES
    section = json.loads(data)["attempts"]
    assert (section["count"], section["thisOne"]) == (12, 12)
    assert [attempt["number"] for attempt in section["latest"]] == [10, 11, 12]


def test_a_report_has_its_bound(tried: SignedLog) -> None:
    for number in range(3, MOST_REPORTED + 5):
        tried.say_made(MODEL, plan=plan_of(explain=str(number)))
    section = attempts_section(*read(tried))["attempts"]
    assert section["count"] == MOST_REPORTED + 4
    assert len(section["latest"]) == MOST_REPORTED
    assert len(str(section)) < 256 << 10
