"""What stands in a content or a name, by one rule for every sink."""

import base64
import gzip

import pytest

from tasks.erasure.searching.looking import Look, look_at_content, look_at_name
from tasks.erasure.searching.masking import SEARCHED_ALIKE, search_content
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


@pytest.mark.parametrize("suffix", sorted(SEARCHED_ALIKE))
@pytest.mark.parametrize(
    "content",
    [
        f"to: {ANN}".encode(),
        gzip.compress(f"to: {ANN}".encode()),
        base64.b64encode(f"to: {ANN}".encode()),
        f'{{"to": "{ANN}"}}\n{{"to": "{BOB}"}}'.encode(),
        b"\x89PNG\r\n\x1a\n",
        b"\xe9\xff\x00",
    ],
    # Named: gzip writes the time into what it makes, so that no two workers had the same tests.
    ids=["text", "gzip", "base 64", "lines of JSON", "picture", "no text"],
)
def test_texts_are_searched_as_a_content_without_a_suffix_and_once(
    suffix: str, content: bytes
) -> None:
    """Git's objects have no suffix; what is known of them holds for the files of the checkout."""
    assert search_content(f"x{suffix}", content, TERMS) == search_content("x", content, TERMS)

    terms = SearchTerms.of([PersonalValue("email", ANN)])
    looks = {look_at_content(name, content, terms) for name in ("x", f"x{suffix}")}
    assert len(looks) == len(terms.remembered) == 1


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".br", ".mp3"])
def test_a_content_that_its_suffix_says_how_to_read_is_searched_again(suffix: str) -> None:
    terms = SearchTerms.of([PersonalValue("email", ANN)])
    for name in ("x", f"x{suffix}"):
        look_at_content(name, b"\xe9 nobody", terms)
    assert len(terms.remembered) == 2


def test_looks_add_up() -> None:
    total = Look(is_ambiguous=True, unsearched=("image",)) + Look(holds_person=True)

    assert total == Look(holds_person=True, is_ambiguous=True, unsearched=("image",))
