"""How far a log can be pruned: kind by kind, jurisdiction by jurisdiction, and by holds."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.records import Prune
from tasks.attestation.roles import DATA
from tasks.clearance.retention import DAY, KINDS, UNKNOWN_DAY, Rule, hold, holds, plan, prune, when
from tasks.errors import EvidenceError
from tasks.verifier.expiry import epoch
from tests.tasks.predicate_samples import POLICY, SAMPLES
from tests.tasks.verifier.signed_log import SignedLog, artefact_of

SUBJECT = artefact_of("train/model")
MADE = epoch("2026-01-01T00:00:00Z")


def rules(**days: int | None) -> tuple[Rule, ...]:
    """Return a table in which every kind is kept for 10 days, but for those that are given."""
    return tuple(
        Rule(kind, "EU", days.get(kind, 10), "a law") for kind in sorted(set(KINDS.values()))
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SignedLog]:
    signed_log = SignedLog(tmp_path)
    yield signed_log
    signed_log.ledger.close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("provenance", "provenance"),
        ("gate result", "verdict"),
        ("decision for", "decision"),
        ("approval", "approval"),
        ("acceptance", "approval"),
        ("audit batch", "audit"),
    ],
)
def test_each_kind_is_kept_for_its_own_period(log: SignedLog, name: str, kind: str) -> None:
    index = log.say(SAMPLES[name], SUBJECT)
    now = MADE + 50 * DAY
    assert plan(log.read(), rules(**{kind: 100}), now).because.startswith(
        f"entry {index}: a {kind} that is kept until 2026-04-11"
    )
    assert plan(log.read(), rules(), now).envelopes == 1


def test_the_longest_period_of_all_jurisdictions_counts(log: SignedLog) -> None:
    log.say(SAMPLES["approval"], SUBJECT)
    table = (*rules(), Rule("approval", "US", 1000, "another law"))
    assert plan(log.read(), table, MADE + 999 * DAY).envelopes == 0
    assert plan(log.read(), table, MADE + 1001 * DAY).envelopes == 1


def test_for_ever_is_longer_than_any_period(log: SignedLog) -> None:
    log.say(SAMPLES["approval"], SUBJECT)
    stop = plan(log.read(), rules(approval=None), UNKNOWN_DAY)
    assert "every approval is kept for ever" in stop.because


def test_what_does_not_say_when_it_was_made_is_never_old_enough(log: SignedLog) -> None:
    index = log.say(replace(SAMPLES["audit batch"], sealed_on=""), SUBJECT)
    stop = plan(log.read(), rules(), MADE + 10_000 * DAY)
    assert stop.because == f"entry {index}: audit without a day"


def test_a_day_that_no_calendar_has_keeps_it(log: SignedLog) -> None:
    index = log.say(replace(SAMPLES["approval"], given_on="9999-12-31T00:00:00Z"), SUBJECT)
    stop = plan(log.read(), rules(), MADE)
    assert stop.because == f"entry {index}: a approval that is kept until after the year 9999"
    log.say(SAMPLES["approval"], SUBJECT)
    assert plan(log.read(), rules(approval=10**15), MADE).envelopes == 0


def test_an_erasure_is_as_old_as_the_day_on_which_keys_were_destroyed(log: SignedLog) -> None:
    log.say(SAMPLES["erasure completion"], SUBJECT)
    day = epoch("2031-01-01T00:00:00Z")
    assert plan(log.read(), rules(), day + 9 * DAY).envelopes == 0
    assert plan(log.read(), rules(), day + 11 * DAY).envelopes == 1


def test_a_prune_stops_at_the_first_entry_that_is_kept(log: SignedLog) -> None:
    log.say(SAMPLES["approval"], SUBJECT)
    kept = log.say(SAMPLES["provenance"], SUBJECT)
    log.say(SAMPLES["approval"], SUBJECT)
    stop = plan(log.read(), rules(provenance=None), MADE + 50 * DAY)
    assert (stop.below, stop.envelopes) == (kept, 1)


def test_keys_holds_and_prunes_do_not_stop_it(log: SignedLog) -> None:
    log.say(Prune(0, 0, POLICY.sha256), POLICY)
    log.say(SAMPLES["release"], SUBJECT)
    stop = plan(log.read(), rules(key=None), MADE)
    assert (stop.because, stop.envelopes) == ("the end of the log", 0)


@pytest.mark.parametrize(
    ("prefix", "is_held"),
    [
        ("", True),
        ("tiny/train/", True),
        ("tiny/redact/rows", True),  # a material
        ("configs/policy", True),
        ("tiny/fairness", False),
        ("train/model", False),
    ],
)
def test_a_hold_is_on_whatever_mentions_an_artefact_of_that_beginning(
    log: SignedLog, prefix: str, is_held: bool
) -> None:
    log.say(SAMPLES["provenance"], SUBJECT)
    log.append(hold("case-4", prefix, "a court asked"), "records")
    assert ("case-4" in plan(log.read(), rules(), MADE + 50 * DAY).because) is is_held


def test_a_hold_is_on_a_verdict_by_its_configuration(log: SignedLog) -> None:
    log.say(SAMPLES["gate result"], SUBJECT)
    log.append(hold("case-4", "policy", "a court asked"), "records")
    assert plan(log.read(), rules(), MADE + 50 * DAY).envelopes == 0


def test_a_release_ends_the_hold_of_its_own_name_alone(log: SignedLog) -> None:
    for name in ("case-4", "case-5"):
        log.append(hold(name, "x", "a court asked"), "records")
    log.append(hold("case-4", "", "settled", is_released=True), "records")
    assert holds(log.read()) == {"case-5": "x"}


def test_a_release_of_what_was_never_held(log: SignedLog) -> None:
    log.append(hold("case-4", "", "settled", is_released=True), "records")
    assert holds(log.read()) == {}


def test_a_release_by_who_may_not_is_no_release_and_no_silence(log: SignedLog) -> None:
    log.append(hold("case-4", "", "settled", is_released=True), DATA)
    with pytest.raises(EvidenceError, match="a key with role `records`"):
        plan(log.read(), rules(), MADE)


def test_a_statement_that_does_not_verify_is_not_counted_as_old(log: SignedLog) -> None:
    log.append(SAMPLES["approval"].about(SUBJECT), DATA)
    with pytest.raises(EvidenceError, match="a key with role `approval`"):
        plan(log.read(), rules(), MADE + 50 * DAY)


def test_a_prune_is_about_the_policy_that_allows_it() -> None:
    statement = prune(12, 5, POLICY)
    assert statement.subjects == (POLICY,)
    assert statement.predicate["policySha256"] == POLICY.sha256


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-01-01T00:00:00"])
def test_a_time_that_cannot_be_read_is_to_come(log: SignedLog, text: str) -> None:
    predicate: Predicate = replace(SAMPLES["audit batch"], sealed_on=text)
    log.say(predicate, SUBJECT)
    (signed,) = log.read().statements(type(predicate))
    assert when(signed) == UNKNOWN_DAY
