"""One person's numbers in a plain text: telephone, social security, account in any spacing; dates in any order."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

Place = tuple[int, int]
RUN = re.compile(r"\d+")
SEPARATORS = frozenset(" \t\n\r().-/+_,")
LARGEST_GAP = 4  # characters between two digits of one number
FEWEST_DIGITS = 7
LOCAL_DIGITS = 7  # of a North American number, without its area code
COUNTRY = re.compile(r"(?:\+|\b00|(?<![\d.,]))\s?1[\s.-]{0,2}$")
ENDING = re.compile(
    r"(?:\b(?:ending|ends?|last|final|suffix)\b[^\d\n]{0,24}|[x*#.]{2,}[\s-]{0,2})$", re.IGNORECASE
)
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


class Digits:
    """All digits of a text, and where each stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        places: list[int] = []
        for match in RUN.finditer(text):
            places += range(match.start(), match.end())
        self._places = places
        self._digits = "".join(map(text.__getitem__, places))

    def mentions(self, value: str, kind: str) -> list[Place]:
        """Return where a number stands, whole or by its last four digits; a telephone also without its area code."""
        own = "".join(RUN.findall(value))
        if len(own) < FEWEST_DIGITS or len(self._digits) < 4:
            return []
        if kind == "phone" and len(own) == 11 and own[0] == "1":
            own = own[1:]
        found = list(self._whole(own))
        if kind == "phone" and len(own) == 10:
            found += self._whole(own[-LOCAL_DIGITS:])
            found = [self._with_country(place) for place in found]
        return found + [place for place in self._whole(own[-4:]) if self._is_ending(place)]

    def _whole(self, own: str) -> Iterator[Place]:
        text, places = self._text, self._places
        at = self._digits.find(own)
        while at >= 0:
            here = places[at : at + len(own)]
            start, end = here[0], here[-1] + 1
            is_bounded = not text[start - 1 : start].isdigit() and not text[end : end + 1].isdigit()
            if is_bounded and all(_may_part(text[a + 1 : b]) for a, b in pairwise(here)):
                yield (start - 1 if text[start - 1 : start] == "(" else start), end
            at = self._digits.find(own, at + 1)

    def _with_country(self, place: Place) -> Place:
        start, end = place
        match = COUNTRY.search(self._text[max(0, start - 6) : start])
        return (start - len(match.group()), end) if match else place

    def _is_ending(self, place: Place) -> bool:
        return ENDING.search(self._text[max(0, place[0] - 40) : place[0]]) is not None


def dates(lowered: str, value: str) -> list[Place]:
    """Return where an ISO date stands, in the orders and forms in which people write dates."""
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return []
    if str(day.year) not in lowered and not any(f"{sign}{day:%y}" in lowered for sign in "/-."):
        return []
    found = []
    for form in _forms(day):
        at = lowered.find(form)
        while at >= 0:
            end = at + len(form)
            if not lowered[at - 1 : at].isalnum() and not lowered[end : end + 1].isalnum():
                found.append((at, end))
            at = lowered.find(form, at + 1)
    return found


def _forms(day: date) -> list[str]:
    """Return the forms of a date, lower case; months in English whatever the locale."""
    month = MONTHS[day.month - 1]
    numeric = [
        f"{first}{sign}{second}{sign}{year}"
        for sign in "/-."
        for a, b in ((day.month, day.day), (day.day, day.month))
        for first, second in ((f"{a:02}", f"{b:02}"), (f"{a}", f"{b}"))
        for year in (f"{day.year}", f"{day:%y}")
    ]
    iso = [f"{day.year}{sign}{day.month:02}{sign}{day.day:02}" for sign in ("-", "/", ".", "")]
    names = (month, month[:3], f"{month[:3]}.")
    ordinal = f"{day.day}{'th' if 10 < day.day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day.day % 10, 'th')}"
    written = [
        text
        for name in names
        for number in (f"{day.day}", f"{day.day:02}", ordinal)
        for text in (
            f"{name} {number}, {day.year}", f"{name} {number} {day.year}", f"{number} {name} {day.year}",
            f"{number} of {name} {day.year}", f"{number} of {name}, {day.year}",
        )
    ]  # fmt: skip
    return list(dict.fromkeys([*iso, *numeric, *written]))


def _may_part(gap: str) -> bool:
    return len(gap) <= LARGEST_GAP and all(char in SEPARATORS for char in gap)
