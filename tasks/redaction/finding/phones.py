"""Numbers that only look like a telephone's: house numbers, post codes, orders, amounts.

Only what the form alone suggests is in doubt. A number with "call" before it, or one that a country
knows and that stands in no address, stays a telephone.
"""

import re
from bisect import bisect_left

from tasks.redaction.finding.places import LOCATION
from tasks.redaction.spans import Span

PHONE = "PHONE_NUMBER"
SURE = 0.6  # from here on a word of context stood beside it, or its form is North American

# What a number right after it is, other than a telephone and other than anybody's.
LABEL_OF_THINGS = re.compile(
    r"\b(?:order|invoice|tracking|item|sku|model|version|isbn|issn|article|batch|lot|page|pages"
    r"|section|chapter|bug|issue|build|rfc|doi|total|amount|sum|price|usd|eur|gbp|cost)"
    r"(?:\s?(?:no|nr|num|number|id|ref|of)\.?)?[\s:#=]{1,3}$",
    re.IGNORECASE,
)
LONGEST_LABEL = 24  # characters before a number in which its label is looked for


def settle_phones(
    text: str, spans: list[Span], places: list[Span]
) -> tuple[list[Span], list[Span]]:
    """Return the other spans and the places, once numbers in doubt are settled.

    A number that shares digits with a place is part of it, as in "99449 18 McPherson Road": the
    place takes the whole number in, so that nothing comes to light. `places` are sorted and do
    not overlap, before and after.
    """
    remaining: list[Span] = []
    settled = list(places)
    for span in spans:
        if span.kind != PHONE or span.score >= SURE:
            remaining.append(span)
            continue

        low = bisect_left(settled, span.start + 1, key=lambda place: place.end)
        high = bisect_left(settled, span.end, key=lambda place: place.start)
        sharing = settled[low:high]
        if sharing:
            start = min(span.start, sharing[0].start)
            end = max(span.end, sharing[-1].end)
            score = max(place.score for place in sharing)
            settled[low:high] = [Span(start, end, LOCATION, score)]
        elif not LABEL_OF_THINGS.search(text, max(0, span.start - LONGEST_LABEL), span.start):
            remaining.append(span)
    return remaining, settled
