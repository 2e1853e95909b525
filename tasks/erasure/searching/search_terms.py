"""What a person may be found by in plain text, and what of it identifies them.

A value is searched in every spelling (`spellings`) and counts where it stands alone
(`boundaries`). Whether a hit identifies depends on who else carries the value:

1. A value that nobody else carries identifies wherever it stands.
2. A value that others carry too is ambiguous: alone it identifies nobody.
3. Ambiguous values of one person beside each other identify if they are of two kinds, and nobody
   else is known to carry all of them. Beside each other is: in one line, `RECORD_BYTES` apart,
   without another address between them; in binary data without a control character.
4. What very many people share (`common_values`: a town, a day) is looked for beside an ambiguous
   value only.

For example, of two people called Ann Quarantine the name alone is ambiguous; the name beside the
day of birth of one of them is hers.
"""

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from tasks.erasure.searching.automata import Automaton, build_automata
from tasks.erasure.searching.boundaries import may_be_two_names, stands_alone
from tasks.erasure.searching.common_values import SHARED_KINDS, is_common
from tasks.erasure.searching.spellings import (
    EMAIL,
    INVISIBLE,
    NAME_KINDS,
    NUMBER_KINDS,
    fold,
    patterns_of,
)

__all__ = ["EMAIL", "MASK", "Match", "PersonalValue", "SearchTerms"]

# Shorter values ("Li", "Ann") stand in everybody's texts. They are counted, not searched.
SHORTEST_CHARACTERS = 5
TOO_SHORT = (
    f"values of theirs with fewer than {SHORTEST_CHARACTERS} characters were not searched for: "
    "they stand in other people's texts, too"
)
# As far apart two values of one record may stand in a line.
RECORD_BYTES = 400
# What ends a record: a line end, in binary data the lengths and marks between two values, and an
# address: if it was theirs it would be a match, and what stands behind it may be somebody else's.
RECORD_END = re.compile(rb"[\x00-\x08\n\x0e-\x1b]|[\w+-](?:@|%40|&#64;|\\u0040)[\w-]+\.[\w-]")
# Kinds that this house gives to one person: whether others carry them need not be asked.
UNIQUE_KINDS = ("key id", "pseudonym", "identifier", EMAIL)

MASK = b"[erased]"
# More than one only where a mask has ended a word; bounded for whoever is called as the mask is.
MOST_MASKINGS = 4

# The bytes of `spellings.INVISIBLE`.
INVISIBLE_BYTES = re.compile(
    rb"\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0\xa6-\xa9]|\xd8\x9c|\xef\xbb\xbf|\xc2\xad"
)


@dataclass(frozen=True)
class PersonalValue:
    """One value of a person: what it is (a column's kind), its text, and whose it is."""

    kind: str
    text: str
    person: str = ""  # the pseudonym; equal for values that belong together
    is_mentioned: bool = False  # it stands in a text about them: it may be somebody else's


# Which of the values that are searched for each other person carries, a set for each of them.
FindCarriers = Callable[["SearchTerms"], Collection[frozenset[PersonalValue]]]


@dataclass(frozen=True)
class Match:
    """Where a value stands in some bytes, of which kind it is, and whether others carry it too."""

    start: int
    end: int
    kind: str
    is_ambiguous: bool = False
    # What it may be: never shown.
    values: tuple[PersonalValue, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True)
class SearchTerms:
    """Everything to search for, in memory only; a report names a match's kind, never its text."""

    values: tuple[PersonalValue, ...] = field(repr=False)
    too_short: int  # values that are not searched for; `TOO_SHORT` says so
    ambiguous: frozenset[PersonalValue] = field(default=frozenset(), repr=False)
    find_carriers: FindCarriers | None = field(default=None, repr=False, compare=False)
    # What looking for these terms gave, by digest: git, a checkout, DVC's cache and the state
    # folder hold the same contents several times. In memory only, as the terms are.
    remembered: dict[bytes, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        values: Iterable[PersonalValue],
        ambiguous: Iterable[PersonalValue] = (),
        find_carriers: FindCarriers | None = None,
    ) -> "SearchTerms":
        """Return the terms of values.

        Args:
            values: What the people may be found by.
            ambiguous: Which of them others carry too, as far as that is known beforehand.
            find_carriers: Returns what others carry. It is called once, at the first match that
                only its answer decides: most erasures never ask.
        """
        known: list[PersonalValue] = []
        too_short = 0
        # Sorted, so that of two kinds with one spelling the same wins in every run.
        for value in sorted(set(values), key=lambda value: (value.kind, value.text, value.person)):
            if _measure(value) >= SHORTEST_CHARACTERS:
                known.append(value)
            elif value.kind not in SHARED_KINDS:
                too_short += 1

        common = {value for value in known if is_common(value.kind, value.text)}
        return cls(tuple(known), too_short, frozenset({*ambiguous, *common}), find_carriers)

    def __bool__(self) -> bool:
        return bool(self.values)

    def find(self, content: bytes) -> Iterator[Match]:
        """Yield every match that stands alone, and beside ambiguous ones what corroborates them."""
        invisible: list[int] = []
        yield from self._find_visible(content, invisible)

        # A value with something invisible in it: read again without that, around it only.
        for start, end in _windows_around(invisible, len(content)):
            window = content[start:end]
            for match in self._find_visible(INVISIBLE_BYTES.sub(b"", window), []):
                placed = _place_in(match, window, start)
                if INVISIBLE_BYTES.search(content, placed.start, placed.end):
                    yield placed

    def identifies(self, matches: Iterable[Match]) -> bool:
        """Say whether the matches of one record identify one of the people."""
        ambiguous: list[Match] = []
        for match in matches:
            if not match.is_ambiguous:
                return True
            ambiguous.append(match)
        return len(ambiguous) > 1 and self._corroborate(ambiguous)

    def select(self, matches: Collection[Match]) -> list[Match]:
        """Return, in order, what of the matches of one record is theirs; nothing if none is.

        Of an ambiguous kind it is the nearest to a match that identifies: in a line about two
        people of one name only one of the two is theirs.
        """
        return _select_theirs(matches) if self.identifies(matches) else []

    def has_match(self, content: bytes) -> bool:
        """Say whether anything there identifies one of the people."""
        ambiguous: list[Match] = []
        for match in self.find(content):
            if not match.is_ambiguous:
                return True
            ambiguous.append(match)
        return any(self.identifies(record) for record in _split_records(content, ambiguous))

    def has_ambiguous(self, content: bytes) -> bool:
        """Say whether anything there may be one of the people, or somebody else."""
        records = _split_records(content, list(self.find(content)))
        return any(not self.identifies(record) for record in records)

    def find_carried(self, cells: bytes) -> Iterator[tuple[int, PersonalValue]]:
        """Yield every value that stands alone in other people's cells, and where.

        For those who answer what others carry: nothing is asked here about that.
        """
        for automaton in (*self._automata, *self._corroborating_automata):
            place = 0
            while (hit := automaton.search(cells, place, len(cells))) is not None:
                alone = _find_alone(automaton, cells, *hit)
                place = alone[0] if alone else hit[0] + 1
                if alone:
                    yield from ((hit[0], value) for value in alone[1])

    def sift_rows(self, rows: Sequence[bytes]) -> list[bytes]:
        """Return the rows in whose bytes a value may be, whatever stands around it there.

        What `find_carried` finds in a cell begins at a hit in the row that holds the cell.
        """
        starts = list(accumulate(map(len, rows), initial=0))
        content = b"".join(rows)
        numbers = set()
        for automaton in (*self._automata, *self._corroborating_automata):
            place = 0
            while (hit := automaton.search(content, place, len(content))) is not None:
                number = bisect_right(starts, hit[0]) - 1
                numbers.add(number)
                place = starts[number + 1]

        return [rows[number] for number in sorted(numbers)]

    def has_bytes(self, content: bytes) -> bool:
        """Say whether any value is there, even as a part of a longer word.

        For raw database files, where nothing separates one value from the next.
        """
        invisible: list[int] = []
        for automaton in self._automata:
            place = 0
            while (hit := automaton.search(content, place, len(content))) is not None:
                if not INVISIBLE_BYTES.fullmatch(content, *hit):
                    return True
                invisible.append(hit[0])
                place = hit[1]

        return any(
            automaton.search(visible, 0, len(visible))
            for start, end in _windows_around(invisible, len(content))
            for visible in [INVISIBLE_BYTES.sub(b"", content[start:end])]
            for automaton in self._automata
        )

    def mask(self, content: bytes) -> tuple[bytes, int]:
        """Return `content` with every match replaced that identifies, and how many there were.

        What is ambiguous stays, unless it is the nearest of its kind to a match that identifies.
        A mask ends the word before it: an address that went on (`ann@example.org.Ann Lee`) stands
        alone then, and is masked, too.
        """
        masked = 0
        for _ in range(MOST_MASKINGS):
            content, count = self._mask_once(content)
            masked += count
            if not count:
                break

        return content, masked

    def _mask_once(self, content: bytes) -> tuple[bytes, int]:
        parts: list[bytes] = []
        last_end = 0
        masked = 0
        for record in _split_records(content, list(self.find(content))):
            for match in self.select(record):
                # A name within an address that was masked already.
                if match.start < last_end:
                    continue
                parts += [content[last_end : match.start], MASK]
                last_end = match.end
                masked += 1

        return b"".join([*parts, content[last_end:]]), masked

    def mask_name(self, text: str) -> str:
        """Return a name or path for a report, without any value, also within a longer word."""
        content = INVISIBLE_BYTES.sub(b"", text.encode("utf-8", errors="surrogatepass"))
        for automaton in self._automata:
            content = automaton.replace_all(content, MASK)
        return content.decode("utf-8", errors="replace")

    def _find_visible(self, content: bytes, invisible: list[int]) -> Iterator[Match]:
        """Yield matches as the bytes are; note where invisible characters stand."""
        ambiguous: list[Match] = []
        for match in self._find_by(self._automata, content, 0, len(content), invisible):
            yield match
            if match.is_ambiguous:
                ambiguous.append(match)
        if not ambiguous or not self._corroborating_automata:
            return

        automata = self._corroborating_automata
        places = [match.start for match in ambiguous]
        for start, end in _windows_around(places, len(content)):
            yield from self._find_by(automata, content, start, end, [])

    def _find_by(
        self,
        automata: list[Automaton[PersonalValue]],
        content: bytes,
        start: int,
        end: int,
        invisible: list[int],
    ) -> Iterator[Match]:
        for automaton in automata:
            place = start
            while (hit := automaton.search(content, place, end)) is not None:
                if INVISIBLE_BYTES.fullmatch(content, *hit):
                    invisible.append(hit[0])
                    place = hit[1]
                    continue
                match = self._match_of(automaton, content, *hit)
                place = match.end if match else hit[0] + 1
                if match:
                    yield match

    def _match_of(
        self, automaton: Automaton[PersonalValue], content: bytes, start: int, end: int
    ) -> Match | None:
        """Return the longest value that begins at a hit and stands alone there."""
        alone = _find_alone(automaton, content, start, end)
        if alone is None:
            return None
        match = self._describe(start, *alone)
        is_list = match.kind in NAME_KINDS and may_be_two_names(content, match.start, match.end)
        return replace(match, is_ambiguous=True) if is_list else match

    def _describe(self, start: int, end: int, values: list[PersonalValue]) -> Match:
        unique = [value for value in values if not self._is_ambiguous(value)]
        kinds = [value.kind for value in unique or values]
        return Match(start, end, min(kinds), not unique, tuple(values))

    def _is_ambiguous(self, value: PersonalValue) -> bool:
        if value.kind in SHARED_KINDS or value in self.ambiguous:
            return True
        if value.kind in UNIQUE_KINDS and not value.is_mentioned:
            return False
        return value in self._carried_values

    def _corroborate(self, ambiguous: list[Match]) -> bool:
        """Say whether ambiguous matches are of two kinds, and nobody else carries all of them."""
        if all(not match.values for match in ambiguous):
            return len({match.kind for match in ambiguous}) > 1

        together: dict[str, set[PersonalValue]] = {}
        for match in ambiguous:
            for value in match.values:
                together.setdefault(value.person, set()).add(value)
        return any(
            len({value.kind for value in values}) > 1
            and not {value.kind for value in values} <= set(SHARED_KINDS)
            and not any(values <= carried for carried in self._carriers)
            for values in together.values()
        )

    @cached_property
    def has_accents(self) -> bool:
        """Whether a value has other letters than those of ASCII: then charsets differ about it."""
        return any(not value.text.isascii() for value in self.values)

    @cached_property
    def _carriers(self) -> Collection[frozenset[PersonalValue]]:
        return self.find_carriers(self) if self.find_carriers else ()

    @cached_property
    def _carried_values(self) -> frozenset[PersonalValue]:
        return frozenset().union(*self._carriers)

    @cached_property
    def _automata(self) -> list[Automaton[PersonalValue]]:
        return _automata_of(value for value in self.values if value.kind not in SHARED_KINDS)

    @cached_property
    def _corroborating_automata(self) -> list[Automaton[PersonalValue]]:
        return _automata_of(value for value in self.values if value.kind in SHARED_KINDS)


def _select_theirs(record: Collection[Match]) -> list[Match]:
    """Return of a record that identifies what is theirs, in order."""
    anchors = [match for match in record if not match.is_ambiguous]
    if not anchors:
        # Of a name and a day, what there is less of says which of the others it belongs to.
        counts = Counter(match.kind for match in record)
        rarest = min(counts, key=lambda kind: (counts[kind], kind))
        anchors = [match for match in record if match.kind == rarest]

    theirs = set(anchors)
    groups: dict[tuple[str, tuple[PersonalValue, ...]], list[Match]] = {}
    for anchor in anchors:
        groups.setdefault((anchor.kind, anchor.values), []).append(anchor)

    # Of each person one value says where they stand: the one that stands there most often, and of
    # those the nearest. Behind an account the next name may be the next person's.
    best: dict[tuple[frozenset[str], str], tuple[int, int, list[Match]]] = {}
    for (anchor_kind, values), same in groups.items():
        people = frozenset(value.person for value in values)
        for kind in {match.kind for match in record} - {anchor_kind}:
            others = [match for match in record if match.kind == kind]
            pairs = [pair for anchor in same if (pair := _find_nearest(anchor, others))]
            if not pairs:
                continue
            total = sum(distance for distance, _ in pairs)
            rank = (-len(same), total, [match for _, match in pairs])
            known = best.get((people, kind))
            if known is None or rank[:2] < known[:2]:
                best[people, kind] = rank
    for _, _, nearest in best.values():
        theirs.update(nearest)
    return sorted(theirs, key=lambda match: (match.start, match.end))


def _find_nearest(anchor: Match, others: Collection[Match]) -> tuple[int, Match] | None:
    """Return the nearest match that may be of the anchor's person, and how far away it is."""
    distances = [
        (_distance(match, anchor), match) for match in others if _belong_together(match, anchor)
    ]
    return min(distances, key=lambda pair: pair[0], default=None)


def _belong_together(match: Match, anchor: Match) -> bool:
    """Say whether two matches may be of one person."""
    people = {value.person for value in anchor.values}
    return not people or not match.values or any(value.person in people for value in match.values)


def _distance(match: Match, anchor: Match) -> int:
    """Return how many bytes lie between two matches; of what overlaps, fewer than none."""
    return max(match.start - anchor.end, anchor.start - match.end)


def _find_alone(
    automaton: Automaton[PersonalValue], content: bytes, start: int, end: int
) -> tuple[int, list[PersonalValue]] | None:
    """Return where the longest value ends that begins at a hit and stands alone, and its owners."""
    longest: int | None = end
    while longest is not None:
        values = [
            value
            for value in automaton.values_of(content[start:longest])
            if stands_alone(content, start, longest, value.kind)
        ]
        if values:
            return longest, values
        longest = automaton.match_end(content, start, longest - 1)

    return None


def _automata_of(values: Iterable[PersonalValue]) -> list[Automaton[PersonalValue]]:
    patterns: dict[bytes, list[PersonalValue]] = {}
    for value in values:
        for pattern in patterns_of(value.kind, value.text):
            patterns.setdefault(pattern, []).append(value)
    if not patterns:
        return []

    # In the same pass: to look for what is invisible by itself would double the time of a search.
    return build_automata({rb"(?-i:%b)" % INVISIBLE_BYTES.pattern: [], **patterns})


def _measure(value: PersonalValue) -> int:
    """Return how many characters a value has; one of Chinese, Japanese or Korean tells as two."""
    text = fold(INVISIBLE.sub("", value.text).strip())
    if value.kind in NUMBER_KINDS:
        text = "".join(char for char in text if char.isalnum())
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def is_beside(content: bytes, end: int, start: int) -> bool:
    """Say whether what ends in one place and what starts in another may stand in one record."""
    return start - end <= RECORD_BYTES and RECORD_END.search(content, end, start) is None


def _split_records(content: bytes, matches: list[Match]) -> Iterator[list[Match]]:
    """Yield the matches that stand beside each other: in one line, and not far apart."""
    matches.sort(key=lambda match: (match.start, match.end))
    record = matches[:1]
    for before, after in pairwise(matches):
        if not is_beside(content, before.end, after.start):
            yield record
            record = []
        record.append(after)
    if record:
        yield record


def _windows_around(places: list[int], length: int) -> list[tuple[int, int]]:
    """Return what lies around some places, `RECORD_BYTES` to each side; what overlaps, as one."""
    windows: list[tuple[int, int]] = []
    for place in sorted(places):
        start = max(0, place - RECORD_BYTES)
        if windows and start <= windows[-1][1]:
            start = windows.pop()[0]
        windows.append((start, min(length, place + RECORD_BYTES)))
    return windows


def _place_in(match: Match, window: bytes, start: int) -> Match:
    """Return where a match of a window stands that was read without what is invisible."""
    left_out = 0
    places: list[int] = []
    shifts: list[int] = []
    for hit in INVISIBLE_BYTES.finditer(window):
        left_out += len(hit[0])
        places.append(hit.end() - left_out)
        shifts.append(left_out)

    def origin(place: int) -> int:
        index = bisect_right(places, place)
        return start + place + (shifts[index - 1] if index else 0)

    # The end belongs to the last character, whatever invisible follows it.
    return replace(match, start=origin(match.start), end=origin(match.end - 1) + 1)
