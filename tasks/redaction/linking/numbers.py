"""One person's numbers in a plain text: telephone, social security, account.

Numbers count in any spacing. A place is (start, end), `end` exclusive.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

Place = tuple[int, int]
RUN = re.compile(r"\d+")
NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
SEPARATORS = frozenset(" \t\n\r().-/+_,")
LARGEST_GAP = 4  # characters between two digits of one number
FEWEST_DIGITS = 7  # of a row's number; shorter ones are anybody's
LOCAL_DIGITS = 7  # of a North American number, without its area code
NORTH_AMERICAN_DIGITS = 10
LONGEST_COUNTRY_CODE = 3  # digits
LAST_DIGITS = 4  # by which people name a number: "ending in 8841"
COUNTRY_WINDOW = 12  # characters before a number in which its country code is looked for
ENDING_WINDOW = 40  # characters before last digits in which "ending in" is looked for
# the country code 1, as "+1", "001" or alone
COUNTRY = re.compile(r"(?:\+|\b00|(?<![\d.,]))\s?1[\s.-]{0,2}$")
# any country's code with its sign, and the zero that is left out after it: "+49 (0)", "0044 "
ANY_COUNTRY = re.compile(r"(?:\+|\b00)\s?[1-9]\d{0,2}[\s.-]{0,2}(?:\(0\)[\s.-]?)?$")
# "ending in", or what hides the other digits: "****", "xxxx-"
ENDING = re.compile(
    r"(?:\b(?:ending|ends?|last|final|suffix)\b[^\d\n]{0,24}|[x*#.]{2,}[\s-]{0,2})$", re.IGNORECASE
)


class Digits:
    """All digits of a text, and where each stands."""

    def __init__(self, text: str) -> None:
        """Take a plain text, which is ASCII."""
        self._text = text
        self._digits = text.encode("ascii").translate(None, NO_DIGITS).decode("ascii")

    @cached_property
    def _places(self) -> list[int]:
        """Where each digit stands; most texts name none of their row's numbers and need it not."""
        return [place for match in RUN.finditer(self._text) for place in range(*match.span())]

    def mentions(self, value: str, kind: str) -> list[Place]:
        """Return where a number stands: whole, or by its last digits where the text says so.

        A telephone number counts without its area code too, and takes its country code with it.
        """
        own = "".join(RUN.findall(value))
        if len(own) < FEWEST_DIGITS:
            return []
        # Every form that is looked for ends as the number does; most texts name no such number.
        if own[-LAST_DIGITS:] not in self._digits:
            return []
        is_phone = kind == "phone"
        if is_phone and len(own) == NORTH_AMERICAN_DIGITS + 1 and own[0] == "1":
            own = own[1:]

        places = list(self._whole(own))
        if is_phone and len(own) == NORTH_AMERICAN_DIGITS and own[0] not in "01":
            places += self._whole(own[-LOCAL_DIGITS:])
            places = [self._with_country(place, COUNTRY) for place in places]
        elif is_phone:
            national = _national(value, own)
            if len(national) >= FEWEST_DIGITS:
                for form in (national, f"0{national}"):
                    places += self._whole(form, may_follow_country=True)
            places = [self._with_country(place, ANY_COUNTRY) for place in places]
        last_digits = self._whole(own[-LAST_DIGITS:])
        return places + [place for place in last_digits if self._is_ending(place)]

    def _whole(self, own: str, *, may_follow_country: bool = False) -> Iterator[Place]:
        """Yield where digits stand one after the other, little between and no digit beside them."""
        text = self._text  # local names: this loop runs for every number of every row
        digits = self._digits
        index = digits.find(own)
        while index >= 0:
            places = self._places[index : index + len(own)]
            start = places[0]
            end = places[-1] + 1
            has_digit_before = text[start - 1 : start].isdigit()
            if has_digit_before and may_follow_country:
                before = text[max(0, start - COUNTRY_WINDOW) : start]
                has_digit_before = not ANY_COUNTRY.search(before)

            is_bounded = not has_digit_before and not text[end : end + 1].isdigit()
            if is_bounded and all(_may_part(text[a + 1 : b]) for a, b in pairwise(places)):
                # an opening parenthesis belongs to the area code
                yield (start - 1 if text[start - 1 : start] == "(" else start), end

            index = digits.find(own, index + 1)

    def _with_country(self, place: Place, country: re.Pattern[str]) -> Place:
        start, end = place
        match = country.search(self._text[max(0, start - COUNTRY_WINDOW) : start])
        return (start - len(match.group()), end) if match else place

    def _is_ending(self, place: Place) -> bool:
        before = self._text[max(0, place[0] - ENDING_WINDOW) : place[0]]
        return ENDING.search(before) is not None


def _national(value: str, digits: str) -> str:
    """Return a telephone number without its country's code and without the zero before it."""
    is_international = value.lstrip().startswith(("+", "00"))
    number = digits.removeprefix("00") if is_international else digits
    if is_international:
        codes = (number[:length] for length in range(1, LONGEST_COUNTRY_CODE + 1))
        code = next((code for code in codes if int(code) in COUNTRY_CODE_TO_REGION_CODE), "")
        number = number[len(code) :]
    return number.lstrip("0")


def _may_part(gap: str) -> bool:
    """Say whether something may stand between two digits of one number."""
    return len(gap) <= LARGEST_GAP and all(char in SEPARATORS for char in gap)
