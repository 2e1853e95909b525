"""What stands in a content or a name, by one rule for every sink."""

import pytest

from tasks.erasure.searching.looking import Look, look_at_content, look_at_name
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tests.tasks.erasure.sinks.people import ANN, BOB, TERMS

SHARED = PersonalValue("name", "Ann Quarantine")
SHARED_TERMS = SearchTerms((SHARED,), 0, frozenset([SHARED]))


@pytest.mark.parametrize("plain", [True, False])
def test_a_content_holds_the_person_or_somebody_who_may_be_another(plain: bool) -> None:
    content = b"note: Ann Quarantine called"

    assert look_at_content("x", ANN.encode(), TERMS, plain=plain) == Look(holds_person=True)
    assert look_at_content("x", BOB.encode(), TERMS, plain=plain) == Look()
    assert look_at_content("x", content, SHARED_TERMS, plain=plain) == Look(is_ambiguous=True)


@pytest.mark.parametrize(
    ("name", "is_theirs"),
    [
        (ANN, True),
        (f"{ANN}.txt", True),
        (f"a/{ANN}.tar.gz/b", True),
        (f"letter to {ANN.title()}.txt", True),
        (f"{BOB}.txt", False),
        (f"jo{ANN}.txt", False),
        ("a.b.c", False),
    ],
)
def test_a_name_is_looked_at_without_its_suffixes_too(name: str, is_theirs: bool) -> None:
    assert look_at_name(name, TERMS).holds_person is is_theirs


def test_of_more_contents_than_are_remembered_each_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.erasure.searching.looking.REMEMBERED_CONTENTS", 0)
    terms = SearchTerms.of([PersonalValue("email", ANN)])

    for _ in range(2):
        assert look_at_content("x", ANN.encode(), terms) == Look(holds_person=True)
    assert not terms.remembered


def test_looks_add_up() -> None:
    total = Look(is_ambiguous=True, unsearched=("image",)) + Look(holds_person=True)

    assert total == Look(holds_person=True, is_ambiguous=True, unsearched=("image",))
