"""One person's dates in a plain text in lower case, in whatever order and form.

"3 May 1962", "May 3rd, '62", "03-MAY-1962", "1962/5/3", "3. Mai 1962", "03051962": what looks like
a date is read in every order that it allows, and compared. A place is (start, end), `end`
exclusive.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

Place = tuple[int, int]
Day = tuple[int, int, int]  # year, month, day of the month

# English, German, French, Spanish, in full; plain text has no accents. Shorter forms are told by
# their beginning, three letters or more.
MONTHS = (
    ("january", "januar", "janvier", "enero"),
    ("february", "februar", "fevrier", "febrero"),
    ("march", "maerz", "marz", "mars", "marzo"),
    ("april", "avril", "abril"),
    ("may", "mai", "mayo"),
    ("june", "juni", "juin", "junio"),
    ("july", "juli", "juillet", "julio"),
    ("august", "aout", "agosto"),
    ("september", "septembre", "septiembre", "sept"),
    ("october", "oktober", "octobre", "octubre"),
    ("november", "novembre", "noviembre"),
    ("december", "dezember", "decembre", "diciembre"),
)
SHORTEST_MONTH = 3  # letters: "jun", "mai"

# Three parts: numbers, or a word for the month, with little between them. In a lookahead, so that
# "12 3 may 1962" is tried from each of its numbers.
PART = r"(\d{1,4}(?:st|nd|rd|th)?|[a-z]{3,10})"
BETWEEN = r"(?:\.?\s{0,2}(?:\b(?:of|de|del|the|day)\b\s{0,2}){0,3}[/.,_-]?\s{0,2}'?)"
DATE = re.compile(
    rf"(?<![a-z0-9])(?=({PART}{BETWEEN}{PART}{BETWEEN}(\d{{1,4}}))(?:(?=t\d\d:)|(?![a-z0-9])))"
)
# characters of the longest date, and more
LONGEST_DATE = 80
COMPACT = re.compile(r"(?<![a-z0-9])\d{8}(?![a-z0-9])")
LAST_TWO_DIGITS = 100
FULL_YEAR = 4  # digits


def dates(lowered: str, value: str) -> list[Place]:
    """Return where a date stands; `value` is what the column says, in any form that is read here.

    What cannot be told apart, as in 03/04/1962, counts in both readings. A date that is never
    written with its year is not found: "May 3rd" is anybody's birthday.
    """
    wanted = days(value)
    if not wanted:
        return []
    # Most texts do not name the year: looking for dates in them would be in vain. Elsewhere only
    # what holds its last two digits can be one of those days.
    years = {f"{year % LAST_TWO_DIGITS:02}" for year, _, _ in wanted}
    windows = sorted(
        (max(0, place - LONGEST_DATE), place) for year in years for place in _all(lowered, year)
    )
    places: list[Place] = []
    scanned = 0  # where dates may begin that were not tried yet
    for first, last in windows:
        for match in DATE.finditer(lowered, max(first, scanned)):
            if match.start() > last:
                break
            if wanted & _readings(match.groups()[1:]):
                places.append(match.span(1))
        scanned = last + 1

    if windows:
        places += [
            match.span() for match in COMPACT.finditer(lowered) if wanted & _compact(match.group())
        ]
    return places


def _all(text: str, part: str) -> Iterator[int]:
    """Yield every place where `part` begins, overlapping ones too."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def days(value: str) -> frozenset[Day]:
    """Return the days that a column's value may mean; none if it is no date."""
    lowered = value.strip().lower()
    try:
        day = date.fromisoformat(lowered[:10])
        return frozenset(((day.year, day.month, day.day),))
    except ValueError:
        match = DATE.match(lowered)
    return frozenset() if match is None else _readings(match.groups()[1:])


def _readings(parts: tuple[str, ...]) -> frozenset[Day]:
    """Return the days that three parts of a date may mean; a year of two digits is both centuries'.

    None has a day of the month beyond 31 or a month beyond 12.
    """
    first, second, third = parts
    orders = ((third, second, first), (third, first, second), (first, second, third))

    return frozenset(
        (full_year, month, day)
        for order, (year, month_part, day_part) in enumerate(orders)
        if (month := _month(month_part)) and (day := _number(day_part)) and 1 <= day <= 31
        for full_year in _years(year, is_first=order == len(orders) - 1)
    )


def _years(part: str, *, is_first: bool) -> tuple[int, ...]:
    """Return the years that a part may mean; a year that comes first has four digits."""
    if not part.isdigit():
        return ()
    if len(part) == FULL_YEAR:
        return (int(part),)
    return () if is_first or len(part) != 2 else (1900 + int(part), 2000 + int(part))


@lru_cache(maxsize=4096)  # the same words come in every text: whatever stands between two numbers
def _month(part: str) -> int | None:
    """Return the month that a number or a word means; None: none."""
    if part.isdigit():
        number = int(part)
        return number if len(part) <= 2 and 1 <= number <= len(MONTHS) else None
    if len(part) < SHORTEST_MONTH:
        return None

    matching = [
        number
        for number, names in enumerate(MONTHS, start=1)
        if any(name.startswith(part) for name in names)
    ]
    return matching[0] if len(matching) == 1 else None


def _number(part: str) -> int | None:
    """Return a day of the month, "3" or "3rd"; None: it is none."""
    digits = part.rstrip("sthndr")
    return int(digits) if digits.isdigit() and len(digits) <= 2 else None


def _compact(digits: str) -> frozenset[Day]:
    """Return the days that eight digits may mean: 19620503, 03051962, 05031962."""
    first, second = int(digits[:4]), int(digits[4:])
    readings = ((first, *divmod(second, 100)), (second, *divmod(first, 100)))
    year, high, low = readings[1]
    return frozenset((readings[0], readings[1], (year, low, high)))
