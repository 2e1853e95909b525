"""One person's numbers in a plain text: telephone, social security, account, and dates.

Numbers count in any spacing, dates in any order and form. A place is (start, end), `end` exclusive.
"""

import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

Place = tuple[int, int]
RUN = re.compile(r"\d+")
SEPARATORS = frozenset(" \t\n\r().-/+_,")
LARGEST_GAP = 4  # characters between two digits of one number
FEWEST_DIGITS = 7  # of a row's number; shorter ones are anybody's
LOCAL_DIGITS = 7  # of a North American number, without its area code
NORTH_AMERICAN_DIGITS = 10
LAST_DIGITS = 4  # by which people name a number: "ending in 8841"
COUNTRY_WINDOW = 6  # characters before a number in which its country code is looked for
ENDING_WINDOW = 40  # characters before last digits in which "ending in" is looked for
# the country code 1, as "+1", "001" or alone
COUNTRY = re.compile(r"(?:\+|\b00|(?<![\d.,]))\s?1[\s.-]{0,2}$")
# "ending in", or what hides the other digits: "****", "xxxx-"
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
        """Return where a number stands: whole, or by its last digits where the text says so.

        A telephone number counts without its area code too, and takes its country code with it.
        """
        own = "".join(RUN.findall(value))
        if len(own) < FEWEST_DIGITS or len(self._digits) < LAST_DIGITS:
            return []
        is_phone = kind == "phone"
        if is_phone and len(own) == NORTH_AMERICAN_DIGITS + 1 and own[0] == "1":
            own = own[1:]

        places = list(self._whole(own))
        if is_phone and len(own) == NORTH_AMERICAN_DIGITS:
            places += self._whole(own[-LOCAL_DIGITS:])
            places = [self._with_country(place) for place in places]
        last_digits = self._whole(own[-LAST_DIGITS:])
        return places + [place for place in last_digits if self._is_ending(place)]

    def _whole(self, own: str) -> Iterator[Place]:
        """Yield where digits stand one after the other, little between and no digit beside them."""
        text = self._text  # local names: this loop runs for every number of every row
        digits = self._digits
        index = digits.find(own)
        while index >= 0:
            places = self._places[index : index + len(own)]
            start = places[0]
            end = places[-1] + 1
            is_bounded = not text[start - 1 : start].isdigit() and not text[end : end + 1].isdigit()
            if is_bounded and all(_may_part(text[a + 1 : b]) for a, b in pairwise(places)):
                # an opening parenthesis belongs to the area code
                yield (start - 1 if text[start - 1 : start] == "(" else start), end
            index = digits.find(own, index + 1)

    def _with_country(self, place: Place) -> Place:
        start, end = place
        match = COUNTRY.search(self._text[max(0, start - COUNTRY_WINDOW) : start])
        return (start - len(match.group()), end) if match else place

    def _is_ending(self, place: Place) -> bool:
        before = self._text[max(0, place[0] - ENDING_WINDOW) : place[0]]
        return ENDING.search(before) is not None


def dates(lowered: str, value: str) -> list[Place]:
    """Return where an ISO date stands, in the orders and forms in which people write dates."""
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return []

    # Most texts do not name the year: looking for some eighty forms in them would be in vain.
    has_short_year = any(f"{sign}{day:%y}" in lowered for sign in "/-.")
    if str(day.year) not in lowered and not has_short_year:
        return []

    places = []
    for form in _forms(day):
        start = lowered.find(form)
        while start >= 0:
            end = start + len(form)
            if not lowered[start - 1 : start].isalnum() and not lowered[end : end + 1].isalnum():
                places.append((start, end))
            start = lowered.find(form, start + 1)
    return places


def _forms(day: date) -> list[str]:
    """Return the forms of a date, each once, in lower case.

    Months are English whatever the locale: `strftime` would follow this machine's.
    """
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
    written = [
        text
        for name in names
        for number in (f"{day.day}", f"{day.day:02}", _ordinal(day.day))
        for text in (
            f"{name} {number}, {day.year}",
            f"{name} {number} {day.year}",
            f"{number} {name} {day.year}",
            f"{number} of {name} {day.year}",
            f"{number} of {name}, {day.year}",
        )
    ]
    return list(dict.fromkeys([*iso, *numeric, *written]))


def _ordinal(number: int) -> str:
    """Return 1 as "1st", 2 as "2nd", 11 as "11th"."""
    if 10 < number < 14:
        return f"{number}th"
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _may_part(gap: str) -> bool:
    """Say whether something may stand between two digits of one number."""
    return len(gap) <= LARGEST_GAP and all(char in SEPARATORS for char in gap)
