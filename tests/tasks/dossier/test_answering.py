"""What people answer counts for exactly these words and this data, by two people where asked."""

import pytest

from tasks.attestation.roles import APPROVER, VALIDATOR
from tasks.config.cases import load_case
from tasks.dossier.answering import WeighedRequirement
from tasks.dossier.claims import AnswerStanding, Claim, Missing
from tasks.dossier.composing import compose_dossier
from tests.tasks.dossier.making import CHECKOUT, GOVERNANCE, SmallDossier

SHIPPED = sorted(path.parent.name for path in (CHECKOUT / "configs").glob("*/case.yaml"))

ALONE = "AIV-4"  # of the model validator, who signs alone in eu-credit
TWO = "DPIA-7b"  # of the data protection officer, whom a second person follows there


def weighed(small: SmallDossier, requirement: str) -> WeighedRequirement:
    rows = small.subject().weighed
    return next(row for row in rows if row.requirement.id == requirement)


@pytest.mark.parametrize(
    "requirement", [row.id for row in GOVERNANCE.requirements if row.kind == "person"]
)
def test_nothing_but_a_signature_answers_what_a_person_has_to(
    small: SmallDossier, requirement: str
) -> None:
    """No profile's dossier holds a text in such a field: nobody has signed any."""
    for profile in GOVERNANCE.profiles:
        for row in small.subject(profile=profile).weighed:
            if row.requirement.id == requirement:
                assert not isinstance(row.answer, Claim)


@pytest.mark.parametrize("case", SHIPPED)
def test_no_shipped_case_s_own_words_stand_where_a_person_has_to_answer(
    small: SmallDossier, case: str
) -> None:
    """Grep every field of a person, in every page of every profile, for a text that is no gap."""
    values = load_case(case, CHECKOUT)
    for profile in GOVERNANCE.profiles:
        subject = small.subject(profile=profile, **values)
        people = {row.id for row in GOVERNANCE.requirements if row.kind == "person"}
        asked = {row.requirement.text for row in subject.weighed if row.requirement.id in people}
        assert asked
        rows = [row for page in compose_dossier(subject) for row in page.answered_rows()]
        fields = [row for row in rows if people & set(row.labels) or asked & set(row.labels)]
        assert fields
        for row in fields:
            assert not isinstance(row.answer, Claim), row.labels
            assert row.figures == ()
            # What is said of a gap is why it is one, and nothing of the case.
            assert row.answer.text.startswith(("MISSING · ", "not applicable")), row.answer.text
            assert str(values["purpose"]) not in row.answer.text


def test_a_signed_answer_answers(fresh: SmallDossier) -> None:
    index = fresh.say_answer(ALONE, "They are what a bank is held to.")
    answer = weighed(fresh, ALONE).answer
    assert isinstance(answer, Claim)
    assert answer.text.startswith("They are what a bank is held to. (carla, officer, 2026-01-02")
    assert answer.references[0].entry == index


def test_a_second_person_has_to_sign_the_same_text(fresh: SmallDossier) -> None:
    fresh.say_answer(TWO, "Yes.")
    assert isinstance(weighed(fresh, TWO).answer, Missing)
    fresh.say_answer(TWO, "Yes, indeed.", person="ann", role=VALIDATOR)
    assert isinstance(weighed(fresh, TWO).answer, Missing)
    fresh.say_answer(TWO, "Yes, indeed.")
    answer = weighed(fresh, TWO).answer
    assert isinstance(answer, Claim)
    assert "ann" in answer.text
    assert "carla" in answer.text


def test_two_keys_of_one_person_are_one_person(fresh: SmallDossier) -> None:
    fresh.say_answer(TWO, person="ann", role=VALIDATOR)
    fresh.say_answer(TWO, person="ann", role=APPROVER)
    assert isinstance(weighed(fresh, TWO).answer, Missing)


def test_an_answer_to_other_words_is_stale(fresh: SmallDossier) -> None:
    fresh.say_answer(ALONE, requirement_sha256="0" * 64)
    answer = weighed(fresh, ALONE).answer
    assert answer.standing is AnswerStanding.STALE
    assert "other words" in answer.text


def test_an_answer_about_other_data_is_stale(fresh: SmallDossier) -> None:
    fresh.say_answer(ALONE, rows_version=2)
    answer = weighed(fresh, ALONE).answer
    assert answer.standing is AnswerStanding.STALE
    assert "other data" in answer.text


def test_an_answer_in_another_s_name_counts_for_nothing(fresh: SmallDossier) -> None:
    fresh.say_answer(ALONE, person="ann")  # by carla's key
    assert weighed(fresh, ALONE).answer.standing is AnswerStanding.MISSING


def test_an_answer_by_a_worker_s_key_counts_for_nothing(fresh: SmallDossier) -> None:
    fresh.say_answer(ALONE, person="worker", role="model")
    assert weighed(fresh, ALONE).answer.standing is AnswerStanding.MISSING


def test_an_answer_of_a_revoked_key_counts_for_nothing(fresh: SmallDossier) -> None:
    index = fresh.say_answer(ALONE)
    fresh.signed_log.revoke("compliance", index)
    assert weighed(fresh, ALONE).answer.standing is AnswerStanding.MISSING


def test_nobody_signs_over_evidence_that_is_not_there(fresh: SmallDossier) -> None:
    # A draft needs its evidence besides the signature: this one asks for a declared section.
    fresh.say_answer("GDP-30")
    fresh.say_answer("GDP-30", person="ann", role=VALIDATOR)
    assert weighed(fresh, "GDP-30").answer.standing is AnswerStanding.MISSING


def test_what_is_owed_is_not_put_off_by_another_release(fresh: SmallDossier) -> None:
    due = weighed(fresh, ALONE).answer
    fresh.say_release()
    assert weighed(fresh, ALONE).answer == due


def test_readiness_counts_what_is_required_today_alone(small: SmallDossier) -> None:
    subject = small.subject()
    assert subject.readiness.required == len(subject.required)
    assert {row.requirement.part for row in subject.ahead} >= {"ai-act"}
    assert 0 < subject.readiness.answered < subject.readiness.required
