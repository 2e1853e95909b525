"""Who may sign what: every kind of statement belongs to exactly one role."""

from dataclasses import replace

import pytest

from tasks.attestation import roles
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.reading import READERS, read_predicate
from tasks.attestation.roles import KINDS, PERSONAL, PROVENANCE, ROLES
from tasks.path import STAGES, SigningRole
from tests.tasks.predicate_samples import MODEL, RUN, SAMPLES


def test_no_role_is_listed_twice() -> None:
    assert len(set(ROLES)) == len(ROLES)


def test_every_kind_belongs_to_a_known_role() -> None:
    assert set(KINDS.values()) <= set(ROLES)


def test_every_kind_that_can_be_read_has_a_role() -> None:
    assert set(READERS) == {*KINDS, PROVENANCE}


def test_the_log_key_makes_no_statement() -> None:
    """It signs checkpoints; as the author of an entry it would vouch for itself."""
    assert roles.LOG not in KINDS.values()


def test_no_role_of_a_stage_signs_any_other_kind_but_the_decision() -> None:
    of_stages = {role.value for role in SigningRole}
    assert of_stages & set(KINDS.values()) == {roles.DECISION}
    decided = {kind for kind, role in KINDS.items() if role == roles.DECISION}
    assert decided == {roles.SUMMARY, roles.PROMOTION, roles.ALIAS_MOVE}


def test_only_the_root_key_enters_keys() -> None:
    assert [kind for kind, role in KINDS.items() if role == roles.ROOT] == [roles.KEY]


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        (roles.APPROVAL, roles.APPROVER),
        (roles.ACCEPTANCE, roles.VALIDATOR),
        (roles.IN_FORCE, roles.COMPLIANCE),
        (roles.PROMOTION_APPROVAL, roles.APPROVER),
    ],
)
def test_what_a_person_answers_for_is_signed_by_a_person(kind: str, role: str) -> None:
    assert KINDS[kind] == role
    assert role in PERSONAL


def test_no_other_kind_is_signed_by_a_person() -> None:
    assert {kind for kind, role in KINDS.items() if role in PERSONAL} == {
        roles.APPROVAL,
        roles.ACCEPTANCE,
        roles.ANSWER,
        roles.IN_FORCE,
        roles.PROMOTION_APPROVAL,
    }


def test_no_kind_but_what_is_in_force_and_answers_is_signed_by_a_role_besides_its_own() -> None:
    assert roles.ALSO_SIGNED_BY == {
        roles.IN_FORCE: (roles.ROOT,),
        roles.ANSWER: (roles.VALIDATOR, roles.APPROVER),
    }


@pytest.mark.parametrize("sample", [name for name in SAMPLES if not name.startswith("provenance")])
def test_a_statement_is_signed_by_the_role_of_its_type(sample: str) -> None:
    statement = SAMPLES[sample].about(MODEL)
    assert read_predicate(statement, "a sample").role == KINDS[statement.predicate_type]


@pytest.mark.parametrize("stage", STAGES)
def test_provenance_is_signed_by_the_role_of_its_stage(stage: str) -> None:
    provenance = Provenance(replace(RUN, stage=stage), ())
    role = read_predicate(provenance.about(MODEL), "a sample").role
    assert role == STAGES[stage].signer.value
