"""Requests and what they wait for: what the journal stores, and what a statement may say of it."""

from datetime import date

import pytest

from tasks.erasure.policy import IdentifierRule, SpellingDifference
from tasks.erasure.request import (
    Custody,
    Deferral,
    ErasureRequest,
    Identifiers,
    RequestOptions,
    RequestState,
    StepFailure,
    identify_people,
)
from tasks.keystore.keys import Retention

DEFERRAL = Deferral(
    retention=Retention.DECISION_RECORD,
    basis="Court of X, case 7/2026",
    review=date(2027, 6, 1),
    is_held=True,
    custody=Custody.CUSTODIANS,
    key_id="ab" * 16,
)


def test_states_are_those_that_journals_have_stored() -> None:
    assert [state.value for state in RequestState] == [
        "running",
        "erased",
        "deferred",
        "set aside",
        "nothing was held",
    ]


def test_a_deferral_comes_back_from_the_journal_as_it_was() -> None:
    assert Deferral.from_dict(DEFERRAL.to_dict()) == DEFERRAL


def test_a_statement_names_the_basis_and_no_key() -> None:
    assert DEFERRAL.to_predicate().to_dict() == {
        "retention": "decision-record",
        "basis": "Court of X, case 7/2026",
        "review": "2027-06-01",
        "held": True,
        "custody": "two custodians",
    }


@pytest.mark.parametrize("key", ["retention", "basis", "review", "held", "custody", "key_id"])
def test_a_deferral_with_a_part_missing_is_no_deferral(key: str) -> None:
    values = DEFERRAL.to_dict()
    del values[key]
    with pytest.raises(KeyError, match=key):
        Deferral.from_dict(values)


def test_a_custody_that_nobody_has_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="one custodian"):
        Deferral.from_dict({**DEFERRAL.to_dict(), "custody": "one custodian"})


def test_a_new_request_is_running_and_keeps_nothing() -> None:
    request = ErasureRequest("E1", "b", "loan", date(2026, 1, 1), date(2026, 1, 2))

    assert request.state is RequestState.RUNNING
    assert request.deferral is None
    assert request.key_ids == {}


SECRET = b"p" * 32
RULE = IdentifierRule(
    ignore=(
        SpellingDifference.CASE,
        SpellingDifference.BLANKS,
        SpellingDifference.UNICODE_FORM,
    )
)
PLUS_RULE = IdentifierRule(ignore=(*RULE.ignore, SpellingDifference.PLUS_TAG))


def test_two_spellings_are_one_person_and_two_people_are_two() -> None:
    assert len(identify_people(["Ann@Example.org", " ann@example.org "], RULE, SECRET)) == 1
    assert len(identify_people(["ann@example.org", "bob@example.org"], RULE, SECRET)) == 2


def test_several_identifiers_are_one_person_with_the_first_as_the_main_one() -> None:
    (person,) = identify_people([("ann@example.org", "customer 17")], RULE, SECRET)

    assert person.identifiers == ("ann@example.org", "customer 17")
    assert len(set(person.subjects)) == 2
    assert person.by_subject[person.subjects[1]] == "customer 17"


def test_entries_that_share_an_identifier_are_one_person_however_they_are_chained() -> None:
    entries: list[Identifiers] = ["a", ("b", "c"), "d", ("c", "a", "e")]

    first, second = identify_people(entries, RULE, SECRET)

    assert first.identifiers == ("a", "b", "c", "e")
    assert second.identifiers == ("d",)


def test_a_plus_tag_is_ignored_only_where_that_is_declared() -> None:
    (apart,) = identify_people(["ann+loan@example.org"], RULE, SECRET)
    (together,) = identify_people(["Ann+loan@example.org"], PLUS_RULE, SECRET)

    assert apart.identifiers == ("ann+loan@example.org",)
    assert together.identifiers == ("Ann+loan@example.org", "ann@example.org")
    # What was stored under a pseudonym is found under it still.
    assert together.subjects[0] == apart.subjects[0]


def test_what_is_no_tagged_address_stands_for_itself() -> None:
    for identifier in ("ann@example.org", "+49 170 1234567", "a+b", "+x@example.org"):
        (person,) = identify_people([identifier], PLUS_RULE, SECRET)
        assert person.identifiers == (identifier,)


def test_a_person_without_the_identifiers_that_a_request_waits_for() -> None:
    (person,) = identify_people([("a", "b")], RULE, SECRET)

    rest = person.without(person.subjects[:1])

    assert rest is not None
    assert rest.identifiers == ("b",)
    assert person.without(person.subjects) is None
    assert person.without([]) == person


def test_a_deferral_of_several_keys_comes_back_with_all() -> None:
    several = Deferral.from_dict({**DEFERRAL.to_dict(), "more_key_ids": ["cd"]})

    assert several.key_ids == {"ab" * 16, "cd"}
    assert Deferral.from_dict(several.to_dict()) == several


def test_what_was_not_allowed_is_not_written_down() -> None:
    assert RequestOptions().to_dict() == {}
    assert RequestOptions(removes_files=True).to_dict() == {"removes_files": True}


def test_only_a_request_that_waits_shows_why() -> None:
    failures = tuple(StepFailure("verify", reason, date(2026, 1, 3)) for reason in ("a", "b"))
    request = ErasureRequest("E1", "b", "loan", date(2026, 1, 1), date(2026, 1, 2))
    request.failures = failures

    assert request.failure == failures[1]
    request.state = RequestState.ERASED
    assert request.failure is None
    assert StepFailure.from_dict(failures[0].to_dict()) == failures[0]
    assert request.subjects == ()
