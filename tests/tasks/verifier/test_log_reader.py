"""Reading a ledger: what is kept, what is found in it, and what makes the whole log void."""

import time
from dataclasses import replace

import pytest

from tasks.attestation.predicates.consent import CheckAcceptance, ModelApproval
from tasks.attestation.predicates.erasure import ErasureStatement
from tasks.attestation.predicates.in_force import InForce
from tasks.attestation.predicates.key_entry import KeyAddition, KeyRevocation, KeyStatement
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.records import AuditBatch, LegalHold, Prune
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.roles import (
    AUDITOR,
    DATA,
    GATE,
    HOLD,
    LOG,
    RECORDS,
    ROLES,
    ROOT,
)
from tasks.attestation.statement import Statement
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.ledger.checkpoint import Checkpoint, sign_checkpoint
from tasks.verifier.expiry import epoch, now_after
from tasks.verifier.log_reader import (
    EVERYTHING,
    KEYS_ALONE,
    Log,
    Selection,
    check_head,
    checked,
    read_log,
    replayed,
)
from tasks.verifier.statement_index import verified
from tests.tasks.predicate_samples import COMPLETION, MODEL, RUN, SAMPLES
from tests.tasks.verifier.signed_log import CASE, SignedLog, artefact_of

SUBJECT = artefact_of("train/model")
SAYING_IN_FORCE = [name for name, predicate in SAMPLES.items() if isinstance(predicate, InForce)]


def say_all(log: SignedLog) -> dict[str, int]:
    """Append a statement of every kind but keys and prunes; return name -> index."""
    return {
        name: log.say(predicate, SUBJECT)
        for name, predicate in SAMPLES.items()
        if not isinstance(predicate, KeyStatement | Prune)
    }


# What is kept


def test_keys_and_what_is_in_force_are_kept_whatever_is_asked_for(signed_log: SignedLog) -> None:
    said = say_all(signed_log)
    kept = [entry.index for entry in signed_log.read(KEYS_ALONE).entries]
    assert kept == [*range(len(ROLES)), *(said[name] for name in SAYING_IN_FORCE)]


def test_everything_is_kept_where_everything_is_asked_for(signed_log: SignedLog) -> None:
    say_all(signed_log)
    log = signed_log.read(EVERYTHING)
    assert len(log.entries) == log.head.size


def test_a_case_is_told_from_one_whose_name_begins_alike(signed_log: SignedLog) -> None:
    signed_log.say(SAMPLES["approval"], replace(SUBJECT, name="tiny_too/train/model"))
    assert len(signed_log.read(Selection.of_case(CASE)).entries) == len(ROLES)


def test_a_type_alone(signed_log: SignedLog) -> None:
    say_all(signed_log)
    log = signed_log.read(Selection.of_type(AuditBatch.TYPE))
    assert len(log.entries) == len(ROLES) + 1 + len(SAYING_IN_FORCE)  # the batch, and these


def test_entries_of_a_case_within_a_whole_log(signed_log: SignedLog) -> None:
    signed_log.say(COMPLETION, replace(SUBJECT, name="erasure/r-1"))
    index = signed_log.say(SAMPLES["approval"], SUBJECT)
    assert [entry.index for entry in signed_log.read().about_case(CASE).entries] == [index]


# What is found


@pytest.mark.parametrize("name", ["provenance", "gate result", "approval", "audit batch", "hold"])
def test_a_statement_is_found_by_its_class(signed_log: SignedLog, name: str) -> None:
    indices = say_all(signed_log)
    found = signed_log.read().statements(type(SAMPLES[name]))
    assert indices[name] in [signed.index for signed in found]
    assert all(isinstance(signed.predicate, type(SAMPLES[name])) for signed in found)


def test_a_statement_is_found_by_its_subject(signed_log: SignedLog) -> None:
    signed_log.say(SAMPLES["approval"], SUBJECT)
    other = signed_log.say(SAMPLES["approval"], artefact_of("train/model", 2))
    log = signed_log.read()
    sha256 = artefact_of("train/model", 2).sha256
    assert len(log.statements(ModelApproval, SUBJECT.name)) == 2
    assert [one.index for one in log.statements(ModelApproval, SUBJECT.name, sha256)] == [other]
    assert log.statements(ModelApproval, "tiny/other", sha256) == ()


def test_two_classes_of_one_type_are_told_apart(signed_log: SignedLog) -> None:
    signed_log.revoke(DATA, valid_to=1)
    log = signed_log.read()
    assert len(log.statements(KeyAddition)) == len(ROLES)
    assert len(log.statements(KeyRevocation)) == 1
    assert len(log.statements(KeyStatement)) == len(ROLES) + 1  # type: ignore[type-abstract,unused-ignore]


def test_both_forms_of_an_erasure_are_found_in_log_order(signed_log: SignedLog) -> None:
    indices = say_all(signed_log)
    found = signed_log.read().required_statements(ErasureStatement)
    assert [one.index for one in found] == [
        indices["erasure receipt"],
        indices["erasure receipt with what failed first"],
        indices["erasure completion"],
    ]


def test_a_statement_about_several_is_found_once_by_each(signed_log: SignedLog) -> None:
    signed_log.say(SAMPLES["gate result"], SUBJECT, MODEL.__class__("tiny/x", "a" * 64))
    log = signed_log.read()
    assert len(log.statements(SignedVerdict)) == 1
    assert len(log.statements(SignedVerdict, "tiny/x")) == 1
    assert len(log.statements(SignedVerdict, "tiny/x", "a" * 64)) == 1


def test_a_statement_is_found_by_bytes_alone(signed_log: SignedLog) -> None:
    index = signed_log.say(SAMPLES["gate result"], SUBJECT)
    (found,) = signed_log.read().statements_with(SUBJECT.sha256)
    assert found.index == index


def test_what_the_wrong_role_signed_is_void(signed_log: SignedLog) -> None:
    signed_log.append(SAMPLES["approval"].about(SUBJECT), DATA)
    log = signed_log.read()
    assert log.statements(ModelApproval) == ()
    (void,) = log.void_statements(ModelApproval, SUBJECT.name, SUBJECT.sha256)
    assert "expected a key with role `approval`" in void.reason


def test_a_field_that_we_do_not_know_makes_an_approval_void(signed_log: SignedLog) -> None:
    statement = SAMPLES["approval"].about(SUBJECT)
    more = Statement(
        statement.subjects, statement.predicate_type, statement.predicate | {"colour": 1}
    )
    signed_log.append(more, SAMPLES["approval"].role)
    log = signed_log.read()
    assert log.statements(ModelApproval) == ()
    (void,) = log.void_statements(ModelApproval, SUBJECT.name, SUBJECT.sha256)
    assert "unknown field `colour`" in void.reason


def test_nothing_is_void_about_nothing(signed_log: SignedLog) -> None:
    assert signed_log.read().void_statements(ModelApproval, SUBJECT.name, None) == ()


def test_a_type_that_stands_in_a_text_is_not_the_type(signed_log: SignedLog) -> None:
    approval = replace(SAMPLES["approval"], reason=f'see "{CheckAcceptance.TYPE}"')
    signed_log.say(approval, SUBJECT)
    assert signed_log.read().statements(CheckAcceptance) == ()


def test_what_is_no_statement_is_passed_over(signed_log: SignedLog) -> None:
    signed_log.append_bytes(f'{{"x":"{Provenance.TYPE}"}}'.encode(), DATA)
    assert signed_log.read().statements(Provenance) == ()


def test_a_statement_in_another_form_of_json_is_passed_over(signed_log: SignedLog) -> None:
    payload = SAMPLES["approval"].about(SUBJECT).to_bytes().replace(b":", b": ", 1)
    signed_log.append_bytes(payload, SAMPLES["approval"].role)
    assert signed_log.read().statements(ModelApproval) == ()


def test_a_signature_is_verified_once(
    signed_log: SignedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_log.say(SAMPLES["approval"], SUBJECT)
    log = signed_log.read()
    (first,) = log.statements(ModelApproval)
    monkeypatch.setattr("tasks.verifier.statement_index.verify_statement", None)
    assert log.statements(ModelApproval, SUBJECT.name) == (first,)


# What has to hold


@pytest.mark.parametrize("name", ["hold", "release"])
def test_a_hold_that_the_wrong_role_signed_is_not_passed_over(
    signed_log: SignedLog, name: str
) -> None:
    signed_log.append(SAMPLES[name].about(SUBJECT), DATA)
    with pytest.raises(EvidenceError, match="a key with role `records`"):
        signed_log.read().required_statements(LegalHold)


def test_a_hold_that_is_no_statement_is_not_passed_over(signed_log: SignedLog) -> None:
    signed_log.append_bytes(canonical({"predicateType": HOLD}), RECORDS)
    with pytest.raises(EvidenceError, match="an in-toto statement"):
        signed_log.read().required_statements(LegalHold)


def test_a_key_entry_that_the_root_did_not_sign_makes_the_log_void(signed_log: SignedLog) -> None:
    signed_log.append(SAMPLES["key addition"].about(SUBJECT), DATA)
    with pytest.raises(EvidenceError, match="a key with role `root`"):
        signed_log.read()


def test_a_key_entry_that_nobody_understands_makes_the_log_void(signed_log: SignedLog) -> None:
    statement = Statement((SUBJECT,), KeyAddition.TYPE, {"action": "bless"})
    signed_log.append(statement, ROOT)
    with pytest.raises(EvidenceError, match="none of `add`, `enrol` and `revoke`"):
        signed_log.read()


def test_a_prune_that_records_did_not_sign_makes_the_log_void(signed_log: SignedLog) -> None:
    signed_log.append(Prune(1, 1, "a" * 64).about(SUBJECT), AUDITOR)
    with pytest.raises(EvidenceError, match="a key with role `records`"):
        signed_log.read()


def test_a_body_that_is_missing_without_a_prune(signed_log: SignedLog) -> None:
    index = signed_log.say(SAMPLES["approval"], SUBJECT)
    drop(signed_log, index)
    with pytest.raises(EvidenceError, match=f"ledger entry {index}: expected its envelope"):
        signed_log.read()


def test_a_body_that_a_prune_let_go(signed_log: SignedLog) -> None:
    index = signed_log.say(SAMPLES["approval"], SUBJECT)
    signed_log.say(Prune(index + 1, 1, "a" * 64), SUBJECT)
    drop(signed_log, index)
    log = signed_log.read()
    assert log.pruned_below == index + 1
    assert index not in [entry.index for entry in log.entries]


def test_a_prune_excuses_nothing_that_comes_after_it(signed_log: SignedLog) -> None:
    signed_log.say(Prune(1000, 1, "a" * 64), SUBJECT)
    index = signed_log.say(SAMPLES["approval"], SUBJECT)
    drop(signed_log, index)
    with pytest.raises(EvidenceError, match=f"ledger entry {index}"):
        signed_log.read()


def drop(log: SignedLog, index: int) -> None:
    record = log.ledger.tiles.record(index)
    with log.ledger.store.appending():
        log.ledger.store.drop_body(record.envelope_sha256)


def test_a_log_of_another_root_key(signed_log: SignedLog) -> None:
    with pytest.raises(EvidenceError, match="the root key 0000"):
        read_log(signed_log.ledger, "0" * 64, EVERYTHING)


def test_a_head_that_another_key_signed(signed_log: SignedLog) -> None:
    log = signed_log.read()
    note = sign_checkpoint(log.head, signed_log.signers[GATE])
    with pytest.raises(EvidenceError, match="a signature by the log's key"):
        check_head(note, log.head, log.keys)


def test_a_head_of_another_name(signed_log: SignedLog) -> None:
    log = signed_log.read()
    head = Checkpoint("portcullis/other", log.head.size, log.head.root_hash)
    note = sign_checkpoint(head, signed_log.signers[LOG])
    with pytest.raises(EvidenceError, match="the log of its own root key"):
        check_head(note, head, log.keys)


def test_a_body_that_is_not_its_record_s(signed_log: SignedLog) -> None:
    log = signed_log.read()
    record = signed_log.ledger.tiles.record(1)
    with pytest.raises(EvidenceError, match="Somebody edited the envelope"):
        checked(1, record, log.entries[2].envelope.to_bytes())


def test_an_entry_that_is_no_key_and_no_prune_is_not_replayed(signed_log: SignedLog) -> None:
    signed_log.say(SAMPLES["approval"], SUBJECT)
    log = signed_log.read()
    before = dict(log.keys.entries)
    assert replayed(log.entries[-1], log.keys) == 0
    assert log.keys.entries == before


def test_one_entry_alone(signed_log: SignedLog) -> None:
    index = signed_log.say(Provenance(RUN, ()), SUBJECT)
    log = signed_log.read()
    signed = verified(log.entries[-1], log.keys)
    assert (signed.index, signed.key.roles) == (index, ("model",))
    assert signed.digest_of(SUBJECT.name) == SUBJECT.sha256


# Time


def latest(log: SignedLog, predicate: Predicate, role: str | None = None) -> Log:
    log.append(predicate.about(SUBJECT), role or predicate.role)
    return log.read()


@pytest.mark.parametrize("name", ["provenance", "gate result", "decision for", "approval"])
def test_the_latest_time_that_a_statement_was_signed_at(signed_log: SignedLog, name: str) -> None:
    log = latest(signed_log, SAMPLES[name])
    assert log.latest_time == epoch(SAMPLES[name].signed_on) > 0


def test_a_void_statement_s_time_counts_too(signed_log: SignedLog) -> None:
    approval = replace(SAMPLES["approval"], given_on="2050-01-01T00:00:00Z")
    assert latest(signed_log, approval, DATA).latest_time == epoch("2050-01-01T00:00:00Z")


def test_a_batch_of_events_tells_no_time(signed_log: SignedLog) -> None:
    assert latest(signed_log, SAMPLES["audit batch"]).latest_time == 0


def test_a_clock_that_was_set_back_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 100.9)
    assert now_after(200) == 200
    assert now_after(50) == 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60),
        ("1970-01-01T01:01:00+01:00", 60),
        ("1970-01-01T00:01:00", 0),
        ("tomorrow", 0),
        ("", 0),
        ("9999-12-31T23:59:59Z", 253402300799),
        ("9999-12-31T23:59:59-23:00", 0),
        ("0001-01-01T00:00:00+23:00", 0),
    ],
)
def test_what_is_no_time_or_in_no_zone_has_passed(text: str, seconds: int) -> None:
    assert epoch(text) == seconds
