"""Whom the tests of the sinks search for: Ann, and never Bob."""

from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms

ANN = "ann@example.org"
BOB = "bob@example.org"
ANNS_NAME = "Zoë Quarantine"
TERMS = SearchTerms.of([PersonalValue("email", ANN), PersonalValue("name", ANNS_NAME)])


def person_of(*words: str) -> SearchTerms:
    """Return the terms of somebody whose values are words of other programs."""
    # Not by `of`, which takes common words for other people's, too.
    return SearchTerms(tuple(PersonalValue("identifier", word) for word in words), too_short=0)
