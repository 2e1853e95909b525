"""One person's street in a plain text in lower case: whole, or its name with or without a number.

Number before the name or after it, flat or floor behind it, kind of street in full or short:
"462 John Fork Apt. 845", "Lukesingel 1", "84, avenue de Mahe". A place is (start, end), `end`
exclusive.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from tasks.redaction.finding.words import word_list

Place = tuple[int, int]
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
GAP = r"[^\w\n]{0,4}\n?[^\w\n]{0,2}"  # between two words of one address; a line may end there
FEWEST_LETTERS_ALONE = 4  # of a name of two words that counts without its number


def streets(lowered: str, own: str) -> list[Place]:
    """Return where a street stands; both are plain and in lower case.

    A name of one word counts only beside the house's number: "Broadway" is everybody's.
    """
    name, _ = _name_and_number(own)
    # the cheap test first, without the kind of street, which may be short
    if not name or max(name[:-1] or name, key=len) not in lowered:
        return []
    return [match.span() for form in _forms(own) for match in form.finditer(lowered)]


@lru_cache(maxsize=1024)
def _forms(own: str) -> tuple[re.Pattern[str], ...]:
    """Return what an address is looked for by: as a whole, and by its name."""
    name, number = _name_and_number(own)
    words = [re.escape(word) for word in WORDS.findall(own)]
    whole = _bounded(GAP.join(words))

    *before, kind = name
    long = LONG_KINDS.get(kind, kind)
    endings = {kind, long, *KINDS_OF_STREETS.get(long, ())}
    spelled = GAP.join(map(re.escape, before))
    spelled += (GAP if before else "") + f"(?:{'|'.join(map(re.escape, sorted(endings)))})\\b"
    forms = [whole]
    if number:
        digits = re.escape(number)
        forms.append(_bounded(f"(?:{digits}{GAP}{spelled}|{spelled}{GAP}{digits})"))
        if before:  # "at 870 Travis": with its number a street needs no kind
            forms.append(_bounded(digits + GAP + GAP.join(map(re.escape, before))))
    if len(name) > 1 and sum(map(len, name)) > FEWEST_LETTERS_ALONE:
        forms.append(_bounded(spelled))
    return tuple(forms)


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
    return any(map(str.isdigit, word))


def _bounded(pattern: str) -> re.Pattern[str]:
    """Return a pattern that matches no part of a word."""
    return re.compile(rf"(?<![^\W_]){pattern}(?![^\W_])")
