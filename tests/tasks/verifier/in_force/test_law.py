"""Which entry says what is in force: who may sign it, what it replaces, and how many have to."""

from pathlib import Path

import pytest

from tasks.attestation.predicates.in_force import SUBJECT, Terms
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.roles import COMPLIANCE, ROLES, ROOT
from tasks.attestation.statement import Artefact
from tasks.verifier.in_force.law import count_people, law_of, read_history
from tasks.verifier.lineage import MODEL
from tasks.verifier.log_reader import KEYS_ALONE, Selection
from tests.tasks.predicate_samples import SAMPLES
from tests.tasks.verifier.in_force.laws import LAX, Lawgivers, terms_of
from tests.tasks.verifier.signed_log import CASE, SignedLog, artefact_of

ADDRESS = "a" * 64


@pytest.fixture
def lawgivers(signed_log: SignedLog, tmp_path: Path) -> Lawgivers:
    return Lawgivers(signed_log, tmp_path)


def in_force(log: SignedLog) -> str:
    law = law_of(log.read())
    return law.sha256 if law else ""


def test_nothing_is_in_force_where_nobody_signed_anything(signed_log: SignedLog) -> None:
    assert law_of(signed_log.read()) is None


def test_what_a_person_of_compliance_signs_is_in_force_since_its_entry(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    index = lawgivers.say(LAX)
    law = law_of(signed_log.read())
    assert law is not None
    assert (law.number, law.index, law.terms) == (1, index, LAX)
    assert [signature.person for signature in law.signatures] == ["carla"]


@pytest.mark.parametrize("plan", ["", "e" * 64])
def test_terms_of_before_plans_stay_in_force_by_the_digest_that_was_signed(
    signed_log: SignedLog, lawgivers: Lawgivers, plan: str
) -> None:
    earlier = terms_of(earlier_plan_sha256=plan)
    values = earlier.to_dict()
    assert values["planSha256"] == plan
    assert values.keys().isdisjoint({"plans", "attempts"})

    lawgivers.say(earlier)
    law = law_of(signed_log.read())
    assert law is not None
    assert law.terms == earlier
    assert law.sha256 == earlier.sha256


@pytest.mark.parametrize("name", ["plans", "attempts"])
def test_terms_in_both_forms_at_once_are_none(name: str) -> None:
    values = {**terms_of(earlier_plan_sha256="").to_dict(), name: LAX.to_dict()[name]}
    with pytest.raises(ValueError, match=f"unknown field `{name}`"):
        Terms.from_dict(values)


def test_the_root_key_may_sign_it(signed_log: SignedLog, lawgivers: Lawgivers) -> None:
    lawgivers.say(LAX, signed_log.signers[ROOT], person="worker")
    assert in_force(signed_log) == LAX.sha256


@pytest.mark.parametrize("role", [role for role in ROLES if role not in (ROOT, COMPLIANCE)])
def test_no_other_role_may_sign_it(signed_log: SignedLog, lawgivers: Lawgivers, role: str) -> None:
    holder = signed_log.read().keys.entries[signed_log.signers[role].public.keyid].holder
    lawgivers.say(LAX, signed_log.signers[role], person=holder)
    history = read_history(signed_log.read())
    assert history.law is None
    assert "`compliance` or `root`" in history.void[0].reason


def test_the_root_key_signs_no_other_kind_by_this(signed_log: SignedLog) -> None:
    decision = SAMPLES["decision for"].about(artefact_of(MODEL))
    signed_log.append(decision, ROOT)
    (void,) = signed_log.read().every_void_statement(VerificationSummary)
    assert "expected a key with role `decision`" in void.reason


@pytest.mark.parametrize("selection", [KEYS_ALONE, Selection.of_case("another")])
def test_what_is_in_force_is_read_whatever_a_reader_asks_for(
    signed_log: SignedLog, lawgivers: Lawgivers, selection: Selection
) -> None:
    lawgivers.say(LAX)
    log = signed_log.read(selection)
    assert law_of(log) is not None
    assert law_of(log.about_case(CASE)) is not None


# What it replaces


def test_an_entry_that_names_the_law_in_force_takes_its_place(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    lawgivers.say(LAX)
    second = terms_of(people=2, replaces=LAX.sha256)
    lawgivers.say(second)
    law = law_of(signed_log.read())
    assert law is not None
    assert (law.number, law.sha256) == (2, second.sha256)


@pytest.mark.parametrize("replaced", ["", "0" * 64])
def test_an_entry_that_replaces_something_else_counts_for_nothing(
    signed_log: SignedLog, lawgivers: Lawgivers, replaced: str
) -> None:
    lawgivers.say(LAX)
    index = lawgivers.say(terms_of(registry_names={"x": "x"}, replaces=replaced))
    history = read_history(signed_log.read())
    assert history.law is not None
    assert history.law.sha256 == LAX.sha256
    assert [place for place, _ in history.ignored] == [index]


def test_an_earlier_law_cannot_be_replayed(signed_log: SignedLog, lawgivers: Lawgivers) -> None:
    lawgivers.say(LAX)
    strict = terms_of(least_mode="enforced", replaces=LAX.sha256)
    lawgivers.say(strict)
    replayed = signed_log.read().entries[-2].envelope
    signed_log.append_all([replayed])
    assert in_force(signed_log) == strict.sha256


def test_of_two_who_change_one_law_at_once_the_first_to_be_entered_counts(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    lawgivers.say(LAX)
    first = terms_of(refs=("refs/heads/main",), replaces=LAX.sha256)
    lawgivers.say(first)
    lawgivers.say(terms_of(refs=("refs/heads/lax",), replaces=LAX.sha256))
    assert in_force(signed_log) == first.sha256


def test_a_subject_that_is_not_the_digest_of_the_terms_counts_for_nothing(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    lawgivers.say(LAX, subject=Artefact(SUBJECT, "0" * 64))
    assert in_force(signed_log) == ""


def test_a_signature_in_another_s_name_counts_for_nothing(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    lawgivers.say(LAX, person="dora")
    assert in_force(signed_log) == ""


# Two people


@pytest.fixture
def guarded(lawgivers: Lawgivers) -> Lawgivers:
    """A log whose law can be changed by two people only."""
    lawgivers.say(terms_of(people=2), lawgivers.enrol("ada"), "ada")
    lawgivers.say(terms_of(people=2), lawgivers.enrol("bert"), "bert")
    return lawgivers


GUARDED = terms_of(people=2)
LAXER = terms_of(people=1, gates=dict(list(LAX.gates.items())[:1]), replaces=GUARDED.sha256)


def test_one_signature_of_two_is_a_proposal_that_is_not_in_force(
    signed_log: SignedLog, guarded: Lawgivers
) -> None:
    guarded.say(LAXER)
    history = read_history(signed_log.read())
    assert history.law is not None
    assert history.law.sha256 == GUARDED.sha256
    (proposal,) = history.proposals
    assert (proposal.terms, proposal.needed_people) == (LAXER, 2)


def test_a_second_person_s_signature_under_the_same_terms_puts_them_in_force(
    signed_log: SignedLog, guarded: Lawgivers
) -> None:
    guarded.say(LAXER)
    index = guarded.say(LAXER, guarded.enrol("dora"), "dora")
    law = law_of(signed_log.read())
    assert law is not None
    assert (law.sha256, law.index) == (LAXER.sha256, index)
    assert [signature.person for signature in law.signatures] == ["carla", "dora"]


def test_terms_that_ask_for_one_person_need_two_where_the_law_in_force_does(
    signed_log: SignedLog, guarded: Lawgivers
) -> None:
    guarded.say(LAXER)
    assert in_force(signed_log) == GUARDED.sha256


def test_the_first_law_needs_as_many_as_it_asks_for(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    lawgivers.say(GUARDED)
    assert in_force(signed_log) == ""


def test_two_signatures_under_different_terms_are_two_proposals(
    signed_log: SignedLog, guarded: Lawgivers
) -> None:
    guarded.say(LAXER)
    other = terms_of(registry_names={"x": "x"}, replaces=GUARDED.sha256)
    guarded.say(other, guarded.enrol("dora"), "dora")
    history = read_history(signed_log.read())
    assert history.law is not None
    assert history.law.sha256 == GUARDED.sha256
    assert len(history.proposals) == 2


def test_the_same_key_twice_is_one_person(signed_log: SignedLog, guarded: Lawgivers) -> None:
    guarded.say(LAXER)
    guarded.say(LAXER)
    assert in_force(signed_log) == GUARDED.sha256


@pytest.mark.parametrize("name", ["carla", "Carla", " CARLA "])
def test_another_key_of_the_same_name_is_the_same_person(
    signed_log: SignedLog, guarded: Lawgivers, name: str
) -> None:
    guarded.say(LAXER)
    guarded.say(LAXER, guarded.enrol(name), name)
    assert in_force(signed_log) == GUARDED.sha256


def test_another_name_of_the_same_address_is_the_same_person(
    signed_log: SignedLog, guarded: Lawgivers
) -> None:
    for name in ("eva", "eva-2"):
        guarded.say(LAXER, guarded.enrol(name, emails_sha256=(ADDRESS,)), name)
    assert in_force(signed_log) == GUARDED.sha256


def test_two_keys_that_share_something_with_a_third_are_one_person(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    signers = (
        lawgivers.enrol("eva"),
        lawgivers.enrol("eve", emails_sha256=(ADDRESS,)),
        lawgivers.enrol("eva", emails_sha256=(ADDRESS,)),
    )
    entries = signed_log.read().keys.entries
    keys = [entries[signer.public.keyid] for signer in signers]
    assert count_people(keys[:2]) == 2
    assert count_people(keys) == 1


def test_a_revoked_key_signs_no_more(signed_log: SignedLog, lawgivers: Lawgivers) -> None:
    signed_log.revoke(COMPLIANCE, valid_to=signed_log.size)
    lawgivers.say(LAX)
    assert in_force(signed_log) == ""


def test_a_key_that_was_voided_from_an_earlier_entry_on_takes_its_law_with_it(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    lawgivers.say(LAX, lawgivers.enrol("ada"), "ada")
    index = lawgivers.say(terms_of(people=2, replaces=LAX.sha256))
    signed_log.revoke(COMPLIANCE, valid_to=index)
    history = read_history(signed_log.read())
    assert history.law is not None
    assert history.law.sha256 == LAX.sha256
    assert [void.index for void in history.void] == [index]


def test_what_was_in_force_before_an_entry_can_be_asked(
    signed_log: SignedLog, lawgivers: Lawgivers
) -> None:
    lawgivers.say(LAX)
    index = lawgivers.say(terms_of(people=2, replaces=LAX.sha256))
    law = law_of(signed_log.read(), below=index)
    assert law is not None
    assert law.sha256 == LAX.sha256
