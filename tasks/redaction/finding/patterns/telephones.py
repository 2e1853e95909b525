"""What python-phonenumbers' matcher finds in a text, for several regions, without asking it twice.

Presidio's recogniser runs that matcher over a text once per region, and every time it looks for the
same candidates, takes them apart in the same way, and parses parts like "36" and "2024" that every
text holds. Here (`Telephones.places`):

1. Candidates are looked for once, by the matcher's own pattern, where one can begin at all.
2. How the matcher takes a candidate apart depends on nothing but the candidate: it is recorded from
   the matcher itself (`_Recorder`), and remembered.
3. Whether a part is a number of a region is the matcher's own verdict, without what stands around
   it, and remembered. It is not asked where a part cannot be one by its digits (`_Region`).
4. What stands around a part is looked at in the text, by the matcher's own rules.
"""

import re
from collections.abc import Sequence
from typing import Any

from phonenumbers import PhoneMetadata, PhoneNumberMatcher, phonenumbermatcher, phonenumberutil

Place = tuple[int, int]
# What the matcher takes for the beginning of a candidate: a digit, a plus or an opening bracket.
BEGINNING = re.compile(rf"\d|{phonenumbermatcher._LEAD_CLASS}")
# A part of digits and punctuation alone: no plus, extension or letter changes how it is parsed.
PLAIN = re.compile(r"[0-9 ./()\[\]-]*")
NO_DIGIT = re.compile(r"[^0-9]")
# The matcher gives up a text after 65,535 parts that are no numbers, six ways of taking a candidate
# apart at each of its characters at most. Shorter texts never get there.
LONGEST_TEXT = 10_000
REMEMBERED = 50_000  # candidates, or parts; then all are forgotten, so that memory stays bounded
# kinds of numbers that make one valid (`phonenumberutil._number_type_helper`)
TYPES = (
    *("premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan"),
    *("voicemail", "fixed_line", "mobile"),
)

# A part of a candidate that is a number: how many characters after its candidate it begins, what it
# is, and of which regions, a bit each.
_Number = tuple[int, str, int]


class Telephones:
    """Finds the telephone numbers of some regions, as `PhoneNumberMatcher` does. Safe for threads.

    What is remembered are verdicts, each the same whoever comes by it: two threads may both ask.
    """

    def __init__(self, regions: Sequence[str], leniency: int) -> None:
        """Take the regions and a `phonenumbers.Leniency`.

        Raises:
            ValueError: The package knows no such region.
        """
        self._leniency = leniency
        self._names = tuple(regions)
        self._regions = tuple(_Region(name, leniency) for name in regions)
        self._numbers: dict[str, tuple[_Number, ...]] = {}  # by candidate
        self._regions_of_part: dict[str, int] = {}

        # What a part of digits and punctuation has to match to be a number of any region at all.
        self._may_be_prefixed = re.compile("|".join(region.prefix for region in self._regions))
        self._may_be_valid = re.compile("|".join(region.valid for region in self._regions))

    def places(self, text: str) -> set[Place]:
        """Return where the numbers of any region stand, as (start, end)."""
        if len(text) > LONGEST_TEXT:
            return {
                (match.start, match.end)
                for name in self._names
                for match in PhoneNumberMatcher(text, name, leniency=self._leniency)
            }

        # This is `PhoneNumberMatcher._find` for all regions at once: after a number the search
        # goes on behind it, after what is none behind the candidate. So regions part and meet.
        places: set[Place] = set()
        waiting = {0: (1 << len(self._regions)) - 1}  # where to search on -> for which regions
        while waiting:
            index = min(waiting)
            regions = waiting.pop(index)
            if (candidate := _candidate(text, index)) is None:
                continue

            start, written = candidate
            for offset, part, with_number in self._numbers_of(written, text, start):
                first = start + offset
                here = regions & with_number
                if here and self._stands_alone(text, first, part):
                    end = first + len(part)
                    places.add((first, end))
                    waiting[end] = waiting.get(end, 0) | here
                    regions &= ~here
            if regions:
                end = start + len(written)
                waiting[end] = waiting.get(end, 0) | regions
        return places

    def _numbers_of(self, candidate: str, text: str, start: int) -> tuple[_Number, ...]:
        """Return a candidate's numbers in the matcher's order; none of a time stamp."""
        numbers = self._numbers.get(candidate)
        if numbers is None:
            recorder = _Recorder(candidate, self._leniency)
            recorder._extract_match(candidate, 0)
            numbers = tuple(
                (offset, part, regions)
                for offset, part in dict.fromkeys(recorder.parts)
                if (regions := self._regions_of(part))
            )
            _remember(self._numbers, candidate, numbers)

        if numbers and phonenumbermatcher._TIME_STAMPS.search(candidate):
            following = text[start + len(candidate) :]
            return () if phonenumbermatcher._TIME_STAMPS_SUFFIX.match(following) else numbers

        return numbers

    def _regions_of(self, part: str) -> int:
        """Return of which regions a part is a number, a bit each."""
        regions = self._regions_of_part.get(part)
        if regions is None:
            digits = self._digits_of(part)
            may_be_number = (
                digits is None
                or self._may_be_prefixed.match(digits)
                or self._may_be_valid.fullmatch(digits)
            )
            regions = self._ask_regions(part, digits) if may_be_number else 0
            _remember(self._regions_of_part, part, regions)

        return regions

    def _ask_regions(self, part: str, digits: str | None) -> int:
        regions = 0
        # Without a prefix, digits are read alike in all regions of a country's code: US and CA.
        by_country: dict[int, bool] = {}
        for number, region in enumerate(self._regions):
            if digits is None or region.may_be_prefixed(digits):
                is_number = region.is_number(part)
            elif not region.may_be_valid(digits):
                is_number = False
            else:
                if region.country not in by_country:
                    by_country[region.country] = region.is_number(part)
                is_number = by_country[region.country]
            regions |= is_number << number

        return regions

    def _digits_of(self, part: str) -> str | None:
        """Return a part's digits; None: it holds what may change how they are read."""
        is_plain = self._leniency >= phonenumbermatcher.Leniency.VALID and PLAIN.fullmatch(part)
        return NO_DIGIT.sub("", part) if is_plain else None

    def _stands_alone(self, text: str, start: int, part: str) -> bool:
        """Say whether no letter, percent sign or currency touches a part.

        As `PhoneNumberMatcher._parse_and_verify` asks.
        """
        if self._leniency < phonenumbermatcher.Leniency.VALID:
            return True

        end = start + len(part)
        is_open = start > 0 and not phonenumbermatcher._LEAD_PATTERN.match(part)
        if is_open and _is_in_the_way(text[start - 1]):
            return False
        return end >= len(text) or not _is_in_the_way(text[end])


class _Region:
    """Says which parts of a text are numbers of one region, whatever stands around them.

    Where a part holds nothing but digits and punctuation, parsing takes away prefixes, and what is
    left is a number only if it is valid: if it matches a pattern of a region of that country.

    Attributes:
        country: The country's calling code.
        prefix: A pattern. With what it matches before it a number's digits may mean another number.
        valid: A pattern of whole numbers: what a valid one of the region's country has to match.
    """

    def __init__(self, name: str, leniency: int) -> None:
        self._name = name
        self._leniency = leniency

        metadata = PhoneMetadata.metadata_for_region(name, None)
        if metadata is None:
            raise ValueError(f"the package knows no region {name}")
        self.country = int(metadata.country_code or 0)
        prefixes = (
            metadata.international_prefix,
            metadata.national_prefix_for_parsing,
            str(self.country),
        )
        self.prefix = "|".join(f"(?:{prefix})" for prefix in prefixes if prefix)
        regions = phonenumberutil.COUNTRY_CODE_TO_REGION_CODE[self.country]
        self.valid = "|".join(sorted(_valid_patterns((*regions, name))))
        self._prefix = re.compile(self.prefix)
        self._valid = re.compile(self.valid)

    def may_be_prefixed(self, digits: str) -> bool:
        """Say whether digits may begin with a prefix of the region."""
        return self._prefix.match(digits) is not None

    def may_be_valid(self, digits: str) -> bool:
        """Say False where digits without a prefix are no valid number."""
        return self._valid.fullmatch(digits) is not None

    def is_number(self, part: str) -> bool:
        """Say whether the matcher takes a part for a number."""
        matcher = PhoneNumberMatcher(part, self._name, leniency=self._leniency)
        return matcher._parse_and_verify(part, 0) is not None


class _Recorder(PhoneNumberMatcher):
    """Records which parts of a candidate the matcher tries where none of them is a number."""

    def __init__(self, candidate: str, leniency: int) -> None:
        super().__init__(candidate, None, leniency=leniency)
        # of each: how many characters after its candidate it begins, and what it is
        self.parts: list[tuple[int, str]] = []

    def _parse_and_verify(self, candidate: str, offset: int) -> None:
        self.parts.append((offset, candidate))


def _valid_patterns(regions: Sequence[str]) -> set[str]:
    """Return the patterns that numbers of some regions match, one of which a valid one has to."""
    patterns: set[str] = set()
    for region in regions:
        metadata = PhoneMetadata.metadata_for_region(region, None)
        descriptions = (getattr(metadata, name) for name in TYPES)
        patterns |= {
            f"(?:{description.national_number_pattern})"
            for description in descriptions
            if description is not None and description.national_number_pattern
        }

    return patterns


def _candidate(text: str, index: int) -> tuple[int, str] | None:
    """Return where the next candidate at or after `index` begins, and the candidate; None: none.

    It is what `_PATTERN.search` finds: that pattern is slow at every character that can begin no
    match, so only those are tried that can.
    """
    pattern = phonenumbermatcher._PATTERN
    for beginning in BEGINNING.finditer(text, index):
        if match := pattern.match(text, beginning.start()):
            written = match.group()
            second = phonenumberutil._SECOND_NUMBER_START_PATTERN.search(written)
            return match.start(), written[: second.start()] if second else written

    return None


def _is_in_the_way(character: str) -> bool:
    return bool(
        PhoneNumberMatcher._is_invalid_punctuation_symbol(character)
        or PhoneNumberMatcher._is_latin_letter(character)
    )


def _remember(memory: dict[str, Any], key: str, value: object) -> None:
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = value
