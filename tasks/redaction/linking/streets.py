"""One person's street in a plain text in lower case: whole, or its name with or without a number.

Number before the name or after it, flat or floor behind it, kind of street in full or short:
"462 John Fork Apt. 845", "Lukesingel 1", "84, avenue de Mahe". A place is (start, end), `end`
exclusive.
"""

import re
from collections.abc import Iterator

from tasks.redaction.finding.words import word_list

Place = tuple[int, int]
# An address's words in order, with little between them; a tuple stands for any one of its words,
# which are kinds of streets.
Writing = tuple[str | tuple[str, ...], ...]
KINDS_OF_STREETS = {
    "street": ("st", "str"),
    "avenue": ("ave", "av"),
    "road": ("rd",),
    "boulevard": ("blvd",),
    "lane": ("ln",),
    "drive": ("dr",),
    "court": ("ct",),
    "place": ("pl",),
    "terrace": ("ter", "terr"),
    "circle": ("cir",),
    "square": ("sq",),
    "parkway": ("pkwy",),
    "highway": ("hwy",),
    "trail": ("trl",),
    "crescent": ("cres",),
}
LONG_KINDS = {short: long for long, shorts in KINDS_OF_STREETS.items() for short in shorts}
# before or after the number of a flat, a floor or a house
UNITS = word_list("units")
WORDS = re.compile(r"[^\W_]+(?:['/-][^\W_]+)*")
# between two words of one address; a line may end there
GAP = re.compile(r"[^\w\n]{0,4}\n?[^\w\n]{0,2}")
WORD_SIGN = re.compile(r"\w")
FEWEST_LETTERS_ALONE = 4  # of a name of two words that counts without its number


def streets(lowered: str, own: str) -> list[Place]:
    """Return where a street stands; both are plain and in lower case.

    A name of one word counts only beside the house's number: "Broadway" is everybody's.
    """
    name, number = _name_and_number(own)
    # the cheap test first, without the kind of street, which may be short
    if not name or max(name[:-1] or name, key=len) not in lowered:
        return []

    return [
        place
        for writings in _forms(WORDS.findall(own), name, number)
        for place in _everywhere(lowered, writings)
    ]


def _forms(words: list[str], name: list[str], number: str) -> Iterator[tuple[Writing, ...]]:
    """Yield what an address is looked for by: as a whole, and by its name.

    Of the writings of one form, what one finds is not looked into by the next.
    """
    *before, kind = name
    long = LONG_KINDS.get(kind, kind)
    kinds = tuple({kind, long, *KINDS_OF_STREETS.get(long, ())})
    spelled: Writing = (*before, kinds)

    yield (tuple(words),)
    if number:
        yield (number, *spelled), (*spelled, number)
        if before:  # "at 870 Travis": with its number a street needs no kind
            yield ((number, *before),)
    if len(name) > 1 and sum(map(len, name)) > FEWEST_LETTERS_ALONE:
        yield (spelled,)


def _everywhere(lowered: str, writings: tuple[Writing, ...]) -> Iterator[Place]:
    """Yield where an address stands in one of some writings; places do not overlap."""
    # By hand, not by a pattern: every row has a street of its own, and compiling patterns for it
    # takes longer than everything else that is looked for in the row.
    starts = {
        (start, rank)
        for rank, writing in enumerate(writings)
        for first in ((writing[0],) if isinstance(writing[0], str) else writing[0])
        for start in _occurrences(lowered, first)
    }
    free = 0  # the first character that no place has taken
    for start, rank in sorted(starts):
        if start < free or _is_alphanumeric(lowered, start - 1):
            continue
        end = _end(lowered, start, writings[rank])
        if end is not None and not _is_alphanumeric(lowered, end):
            yield start, end
            free = end


def _occurrences(lowered: str, word: str) -> Iterator[int]:
    start = lowered.find(word)
    while start >= 0:
        yield start
        start = lowered.find(word, start + 1)


def _end(lowered: str, start: int, writing: Writing) -> int | None:
    """Return where a writing that begins at `start` ends; None: it does not stand there."""
    end = start
    for position, part in enumerate(writing):
        if position:
            gap = GAP.match(lowered, end)
            end = end if gap is None else gap.end()
        if isinstance(part, str):
            if not lowered.startswith(part, end):
                return None
            end += len(part)
            continue

        # one of the kinds of streets, as a whole word: no two of them can be
        ends = (end + len(kind) for kind in part if lowered.startswith(kind, end))
        whole = next((place for place in ends if not WORD_SIGN.match(lowered, place)), None)
        if whole is None:
            return None
        end = whole
    return end


def _is_alphanumeric(lowered: str, index: int) -> bool:
    return 0 <= index < len(lowered) and lowered[index].isalnum()


def _name_and_number(own: str) -> tuple[list[str], str]:
    """Return an address's longest run of words without digits and units, and the number beside it.

    The number is empty where there is none.
    """
    words = WORDS.findall(own)
    runs = list(_runs(words))
    if not runs:
        return [], ""
    start, end = max(runs, key=lambda run: (run[1] - run[0], -run[0]))

    beside = [
        word for word in (*words[start - 1 : start], *words[end : end + 1]) if _has_digit(word)
    ]
    return words[start:end], beside[0] if beside else ""


def _runs(words: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the runs of words that are neither numbers nor units, as (start, end)."""
    start = 0
    for index, word in enumerate((*words, "1")):
        if _has_digit(word) or word in UNITS:
            if index > start:
                yield start, index
            start = index + 1


def _has_digit(word: str) -> bool:
    # the quick test first: nearly all words are letters alone
    return not word.isalpha() and any(map(str.isdigit, word))
