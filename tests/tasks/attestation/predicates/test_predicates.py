"""Predicates: what is written is read back as the same value, and what is unknown is refused."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tasks.attestation import roles
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.reading import READERS, read_predicate
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.roles import OWN, PROVENANCE, SUMMARY, TEST_RESULT
from tasks.attestation.statement import Statement, read_statement
from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tests.tasks.predicate_samples import MODEL, RESULT, RUN, SAMPLES

OURS = [name for name, predicate in SAMPLES.items() if predicate.TYPE.startswith(OWN)]
FOREIGN = [name for name in SAMPLES if name not in OURS]


def values_of(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(canonical(SAMPLES[name].to_dict()))
    return values


def read(name: str, values: dict[str, Any]) -> Predicate:
    return read_predicate(Statement((MODEL,), SAMPLES[name].TYPE, values), "ledger entry 7")


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_written_is_read_back_as_the_same_value(name: str) -> None:
    statement = SAMPLES[name].about(MODEL)
    signed = read_statement(statement.to_bytes(), "here")
    again = read_predicate(signed, "here")
    assert type(again) is type(SAMPLES[name])
    assert canonical(again.to_dict()) == canonical(SAMPLES[name].to_dict())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_predicate_cannot_be_changed(name: str) -> None:
    first = next(iter(SAMPLES[name].__dict__))
    with pytest.raises(AttributeError, match="cannot assign"):
        setattr(SAMPLES[name], first, None)


def test_every_type_that_a_role_may_sign_has_a_reader() -> None:
    assert set(READERS) == {PROVENANCE, *roles.KINDS}


def test_there_is_a_sample_of_every_type() -> None:
    assert {predicate.TYPE for predicate in SAMPLES.values()} == set(READERS)


@pytest.mark.parametrize("name", OURS)
def test_an_unknown_field_of_our_own_is_refused(name: str) -> None:
    with pytest.raises(EvidenceError, match=r"ledger entry 7.*unknown field `colour`"):
        read(name, values_of(name) | {"colour": "red"})


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name in OURS
        for field in values_of(name)
        # Receipts that were signed before these were counted have neither.
        if field not in ("tooShort", "failed")
    ],
)
def test_a_missing_field_of_our_own_is_refused(name: str, field: str) -> None:
    values = values_of(name)
    del values[field]
    with pytest.raises(EvidenceError, match="expected a predicate of type"):
        read(name, values)


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name in OURS for field in values_of(name)]
)
def test_a_field_of_our_own_of_another_type_is_refused(name: str, field: str) -> None:
    with pytest.raises(EvidenceError, match="expected a predicate of type"):
        read(name, values_of(name) | {field: None})


@pytest.mark.parametrize("name", FOREIGN)
def test_an_extension_of_somebody_else_is_ignored(name: str) -> None:
    assert read(name, values_of(name) | {"vendor_field": 1}) == read(name, values_of(name))


def test_true_is_no_number() -> None:
    with pytest.raises(EvidenceError, match="`belowIndex` is no whole number"):
        read("prune", values_of("prune") | {"belowIndex": True})


def test_a_negative_index_is_refused() -> None:
    with pytest.raises(EvidenceError, match="`validTo` is no whole number"):
        read("key revocation", values_of("key revocation") | {"validTo": -1})


def test_no_value_of_a_field_is_in_the_message() -> None:
    with pytest.raises(EvidenceError) as refusal:
        read("approval", values_of("approval") | {"person": ["ann@example.org"]})
    assert "ann" not in str(refusal.value)


def test_a_type_of_nobody() -> None:
    with pytest.raises(EvidenceError, match="some role may make"):
        read_predicate(Statement((MODEL,), "https://example.org/x", {}), "here")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("provenance", roles.MODEL),
        ("gate result", roles.GATE),
        ("decision for", roles.DECISION),
        ("key addition", roles.ROOT),
        ("approval", roles.APPROVER),
        ("acceptance", roles.VALIDATOR),
        ("erasure receipt", roles.ERASER),
        ("audit batch", roles.AUDITOR),
        ("prune", roles.RECORDS),
        ("hold", roles.RECORDS),
        ("in force", roles.COMPLIANCE),
    ],
)
def test_each_is_signed_in_one_role(name: str, role: str) -> None:
    assert SAMPLES[name].role == role


def test_provenance_is_signed_in_the_role_of_its_stage() -> None:
    assert Provenance(replace(RUN, stage="redact"), ()).role == roles.DATA
    assert Provenance(replace(RUN, stage="decide"), ()).role == roles.DECISION


# Drills and modes

DRILL = "2026-01-01"
IN_DRILL = {
    "provenance": Provenance(replace(RUN, drill=DRILL), ()),
    "gate result": replace(RESULT, drill=DRILL),
    "decision for": replace(SAMPLES["decision for"], drill=DRILL),
}


@pytest.mark.parametrize("name", IN_DRILL)
def test_a_drill_s_date_is_signed_and_without_one_no_byte_is_new(name: str) -> None:
    values: dict[str, Any] = json.loads(canonical(IN_DRILL[name].to_dict()))
    assert canonical(read(name, values).to_dict()) == canonical(values)
    assert DRILL in json.dumps(values)
    assert "drill" not in json.dumps(values_of(name)).lower()


IN_MODE = {
    "provenance": Provenance(replace(RUN, mode="enforced"), ()),
    "gate result": replace(RESULT, mode="enforced"),
    "decision for": replace(SAMPLES["decision for"], mode="enforced"),
}


@pytest.mark.parametrize("name", IN_MODE)
def test_a_mode_is_signed_and_of_a_time_before_there_were_modes_no_byte_is_new(name: str) -> None:
    values: dict[str, Any] = json.loads(canonical(IN_MODE[name].to_dict()))
    assert canonical(read(name, values).to_dict()) == canonical(values)
    assert '"enforced"' in json.dumps(values)
    assert 'mode"' not in json.dumps(values_of(name))


# Key entries


def test_a_key_entry_of_before_logins_is_written_as_it_was() -> None:
    assert values_of("key addition") == {
        "action": "add",
        "publicKey": "PEM",
        "scheme": "ed25519",
        "roles": ["gate", "data"],
        "holder": "ann",
        "reason": "why",
        "emailSha256": "e" * 64,
    }


def test_an_enrolment_that_says_no_more_than_an_addition_is_refused() -> None:
    values = values_of("enrolment") | {"logins": [], "emailsSha256": ["e" * 64]}
    with pytest.raises(EvidenceError, match="says no more than `add` does"):
        read("enrolment", values)


# SLSA provenance v1


def change_provenance(change: Callable[[dict[str, Any]], object]) -> Predicate:
    values = values_of("provenance")
    change(values)
    return read("provenance", values)


def test_provenance_of_another_build_type_is_not_understood() -> None:
    with pytest.raises(EvidenceError, match="another build type"):
        change_provenance(lambda p: p["buildDefinition"].update(buildType="https://x.example"))


def test_an_external_parameter_that_is_unknown_is_refused() -> None:
    with pytest.raises(EvidenceError, match="unknown field `flags`"):
        change_provenance(lambda p: p["buildDefinition"]["externalParameters"].update(flags="-x"))


@pytest.mark.parametrize("name", ["metadata", "byproducts"])
def test_details_of_a_run_are_optional(name: str) -> None:
    assert isinstance(change_provenance(lambda p: p["runDetails"].pop(name)), Provenance)


def test_a_material_without_a_sha256_is_refused() -> None:
    with pytest.raises(EvidenceError, match="KeyError"):
        change_provenance(
            lambda p: p["buildDefinition"]["resolvedDependencies"][1]["digest"].pop("sha256")
        )


def test_outside_git_there_is_no_source() -> None:
    predicate = Provenance(replace(RUN, commit="", dirty=()), ())
    assert predicate.to_dict()["buildDefinition"]["resolvedDependencies"] == []


def test_materials_are_named_by_digest() -> None:
    provenance = SAMPLES["provenance"]
    assert isinstance(provenance, Provenance)
    assert provenance.material_digests() == {
        "tiny/redact/rows.parquet": "3" * 64,
        "configs/policy": "5" * 64,
    }


# in-toto test-result v0.1


def test_an_undecided_gate_has_failed_for_who_knows_the_public_format() -> None:
    assert RESULT.outcome == "fail"
    assert RESULT.result == "FAILED"
    assert RESULT.warned == ("train.other[feature=f]",)


def test_the_words_of_a_check_are_not_signed() -> None:
    checks = RESULT.to_dict()["portcullis_checks"]
    assert "reason" not in checks[1]


@pytest.mark.parametrize("field", ["portcullis_context", "configuration", "passedTests"])
def test_a_verdict_that_lacks_something_still_counts(field: str) -> None:
    values = values_of("gate result")
    del values[field]
    assert isinstance(read("gate result", values), SignedVerdict)


def test_checks_that_cannot_be_read_are_none() -> None:
    values = values_of("gate result")
    values["portcullis_checks"][0]["outcome"] = "brilliant"
    predicate = read("gate result", values)
    assert isinstance(predicate, SignedVerdict)
    assert predicate.checks == ()


# SLSA verification summary v1


def test_a_result_that_is_unknown_is_no_pass_and_still_counts() -> None:
    predicate = read("decision for", values_of("decision for") | {"verificationResult": "MAYBE"})
    assert isinstance(predicate, VerificationSummary)
    assert not predicate.has_passed


def test_a_decision_with_a_refusal_has_failed() -> None:
    decision = SAMPLES["decision against"]
    assert isinstance(decision, VerificationSummary)
    assert decision.result == "FAILED"
    assert decision.levels == ()
    assert tuple(map(str, decision.refusals)) == ("train: third = 0.25",)


def test_refusals_of_before_kinds_are_read_as_texts() -> None:
    values = values_of("decision against") | {"portcullis_refusals": ["a line"]}
    predicate = read("decision against", copy.deepcopy(values))
    assert isinstance(predicate, VerificationSummary)
    assert tuple(map(str, predicate.refusals)) == ("a line",)
    assert predicate.to_dict() == values


def test_types_are_those_of_the_specifications() -> None:
    assert PROVENANCE == "https://slsa.dev/provenance/v1"
    assert TEST_RESULT == "https://in-toto.io/attestation/test-result/v0.1"
    assert SUMMARY == "https://slsa.dev/verification_summary/v1"
