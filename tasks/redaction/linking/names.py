"""One person's names in a plain text: in any order and case, nicknames, initials, one letter wrong.

A place is (start, end) in the plain text, `end` exclusive. `lowered` is always that text in lower
case, of the same length. A part of a name is a word of it: "ann-marie", "o'neil".
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from tasks.redaction.finding.lexicon import FIRST, LAST, Lexicon

Place = tuple[int, int]
PARTS = re.compile(r"[a-z]+(?:['-][a-z]+)*")
SHORTEST_WORD = 2  # a one-letter name is no evidence of anybody
SHORTEST_INEXACT = 5  # letters of a name that may be written with one wrong
SHORTEST_RUN_TOGETHER = 3  # letters of a family name in a user name
LONGEST_INITIALS = 12  # characters before a family name in which initials are looked for
SUFFIXES = frozenset(
    ("jr", "sr", "ii", "iii", "iv", "md", "phd", "esq", "mr", "mrs", "ms", "dr", "prof")
)
INITIAL_AFTER = re.compile(r",\s?([A-Za-z])\.?(?![A-Za-z])")
# one initial, or two with full stops, right before a family name
INITIALS = (
    re.compile(r"(?<![A-Za-z])[A-Za-z]\.?\s$|(?<![A-Za-z])[A-Za-z]\.$"),
    re.compile(r"(?<![A-Za-z])(?:[A-Za-z]\.\s?){2}$"),
)


def mentions(
    text: str, lowered: str, name: str, lexicon: Lexicon, nicknames: Mapping[str, frozenset[str]]
) -> list[Place]:
    """Return where a text mentions a name; `name` is in lower case. Sorted and disjoint.

    In lower case a part of a name that is also a word ("will", "grant") counts only beside another
    part of the name.
    """
    parts = [
        part for part in PARTS.findall(name) if len(part) >= SHORTEST_WORD and part not in SUFFIXES
    ]

    # First pass: candidates, and whether each is sure by itself.
    is_sure_by_place: dict[Place, bool] = {}
    parts_there = [part for part in parts if part in lowered]
    for part in parts_there:
        for start, end in _whole_words(lowered, part):
            is_word = lexicon.is_ordinary(lowered[start:end])
            is_sure_by_place[start, end] = not text[start].islower() or not is_word
    _, _, after_first = name.partition(" ")
    for phrase in (name, after_first) if " " in after_first else (name,):
        if phrase in lowered:
            is_sure_by_place |= dict.fromkeys(_whole_words(lowered, phrase), True)
    for part in parts:
        if len(part) >= SHORTEST_INEXACT:
            is_sure_by_place |= dict.fromkeys(_inexact(text, lowered, part, lexicon), True)

    for nickname in _nicknames_of(parts, nicknames):
        if nickname not in lowered:
            continue
        is_word = lexicon.is_ordinary(nickname)
        for start, end in _whole_words(lowered, nickname):
            # "Bill was paid": at the beginning of a sentence a capital says nothing
            is_plain_word = is_word and _begins_sentence(text, start)
            is_sure_by_place.setdefault(
                (start, end), not text[start].islower() and not is_plain_word
            )

    # Second pass: what is not sure by itself counts beside another part of the name.
    sure_places = [
        place
        for place, is_sure in is_sure_by_place.items()
        if is_sure or _has_neighbour(text, place, is_sure_by_place)
    ]
    initials = _initials(text, lowered, parts, sure_places)
    return _join(text, {*sure_places, *initials, *_run_together(lowered, parts)})


def _join(text: str, places: set[Place]) -> list[Place]:
    """Return places, sorted; those that only a space, a comma or a full stop parts are one.

    "Lee, A." is one mention.
    """
    joined: list[Place] = []
    for start, end in sorted(places):
        if joined and (
            start <= joined[-1][1] or text[joined[-1][1] : start] in (" ", ", ", ",", ". ", ".")
        ):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))

    return joined


def _nicknames_of(parts: list[str], nicknames: Mapping[str, frozenset[str]]) -> list[str]:
    """Return what a person's given names are shortened to; a family name is not, unless alone."""
    short_names: set[str] = set()
    for part in parts[:-1] or parts:
        short_names |= nicknames.get(part, frozenset())
    return sorted(short_names - set(parts))


def _whole_words(lowered: str, word: str) -> Iterator[Place]:
    """Yield where `word` stands with no letter beside it."""
    start = lowered.find(word)
    while start >= 0:
        end = start + len(word)
        # a slice, not an index: before the first and after the last character it is empty
        if not lowered[start - 1 : start].isalpha() and not lowered[end : end + 1].isalpha():
            yield start, end
        start = lowered.find(word, start + 1)


def _inexact(text: str, lowered: str, part: str, lexicon: Lexicon) -> Iterator[Place]:
    """Yield capitalised words that differ from `part` by one letter, or by two exchanged.

    One letter is more, less or another. Of two halves one is then written right, so only words
    around a half have to be compared. What is a name itself ("Roberta") is somebody else.
    """
    middle = len(part) // 2
    for half in (part[:middle], part[middle:]):
        position = lowered.find(half)
        while position >= 0:
            start = position
            end = position + len(half)
            while start and lowered[start - 1].isalpha():
                start -= 1
            while end < len(lowered) and lowered[end].isalpha():
                end += 1

            word = lowered[start:end]
            has_length = abs(len(word) - len(part)) <= 1
            is_near = word != part and has_length and _differs_by_one(word, part)
            if is_near and not text[start].islower():
                flags = lexicon.of(word)
                if not flags & (FIRST | LAST) and not lexicon.is_ordinary(word):
                    yield start, end
            position = lowered.find(half, end)


def _differs_by_one(word: str, name: str) -> bool:
    """Say whether one letter changed, added, left out, or exchanged with the next makes them equal.

    The Damerau-Levenshtein distance is then one at most.
    """
    first = 0  # the first place in which they differ
    while first < min(len(word), len(name)) and word[first] == name[first]:
        first += 1

    is_changed = word[first + 1 :] == name[first + 1 :]
    is_added = word[first + 1 :] == name[first:]
    is_left_out = word[first:] == name[first + 1 :]
    if is_changed or is_added or is_left_out:
        return True
    is_swapped = word[first : first + 2] == name[first : first + 2][::-1]
    return is_swapped and word[first + 2 :] == name[first + 2 :]


def _begins_sentence(text: str, start: int) -> bool:
    """Say whether a word at `start` is the first of a sentence, a line or an item of a list."""
    before = text[:start].rstrip(" \"'(")
    return not before or before[-1] in ".!?:\n-"


def _has_neighbour(text: str, place: Place, places: Mapping[Place, bool]) -> bool:
    """Say whether another part of the name stands beside the one at `place`."""
    start, end = place
    gaps = [
        (end, low) if low >= end else (high, start) for low, high in places if (low, high) != place
    ]
    return any(0 < high - low <= 2 and not text[low:high].strip(" ,.\n-") for low, high in gaps)


def _initials(
    text: str, lowered: str, parts: list[str], sure_places: list[Place]
) -> Iterator[Place]:
    """Yield initials beside the family name, and both initials with full stops.

    "A. O'Neil", "O'Neil, A.", "A.O."
    """
    if len(parts) < 2:
        return

    given_initials = {part[0] for part in parts[:-1]}
    for start, end in sure_places:
        if not lowered[start:end].endswith(parts[-1]):
            continue
        for form in INITIALS:
            before = form.search(text, max(0, start - LONGEST_INITIALS), start)
            if before is None:
                continue
            letters = [char for char in before.group().lower() if char.isalpha()]
            # "a" in lower case is the article
            if letters[0] in given_initials and before.group().strip() != "a":
                yield before.start(), start
        after = INITIAL_AFTER.match(text, end)
        if after and after.group(1).lower() in given_initials:
            yield after.start(1), after.end()

    first_initial = parts[0][0].upper()
    last_initial = parts[-1][0].upper()
    if f"{first_initial}." in text:
        for match in _dotted(first_initial, last_initial).finditer(text):
            yield match.span()


@lru_cache(maxsize=1024)  # more than there are pairs of letters: compiling is slow
def _dotted(first_initial: str, last_initial: str) -> re.Pattern[str]:
    """Return the pattern of two initials with full stops, and nothing that makes them longer."""
    return re.compile(
        rf"(?<![A-Za-z.]){re.escape(first_initial)}\.\s?{re.escape(last_initial)}\.(?![A-Za-z])"
    )


def _run_together(lowered: str, parts: list[str]) -> Iterator[Place]:
    """Yield names run together as in user names and handles, with digits after them.

    "annlee", "ann_lee", "alee22"; an initial only before a family name of four letters or more.
    """
    if len(parts) < 2:
        return
    given_name = parts[0].replace("-", "").replace("'", "")
    family = parts[-1].replace("-", "").replace("'", "")
    if len(family) < SHORTEST_RUN_TOGETHER:
        return

    position = lowered.find(family)  # where the family name begins
    while position >= 0:
        # before it: the given name, the given name and a sign, an initial
        for start in (position - len(given_name), position - len(given_name) - 1, position - 1):
            before = lowered[max(start, 0) : position].rstrip("._-")
            is_initial = (
                before == given_name[0]
                and start == position - 1
                and len(family) > SHORTEST_RUN_TOGETHER
            )
            if start < 0 or (before != given_name and not is_initial):
                continue

            end = position + len(family)
            while end < len(lowered) and lowered[end].isdigit():
                end += 1
            has_letter_after = lowered[end : end + 1].isalpha()
            if not lowered[start - 1 : start].isalnum() and not has_letter_after:
                yield start, end
        position = lowered.find(family, position + 1)
