"""One person's names in a plain text: in any order and case, nicknames, initials, one letter wrong."""

import re
from collections.abc import Iterator, Mapping

from tasks.redaction.finding.lexicon import FIRST, LAST, Lexicon

Place = tuple[int, int]
PARTS = re.compile(r"[a-z]+(?:['-][a-z]+)*")
SHORTEST_WORD = 2  # a one-letter name is no evidence of anybody
SHORTEST_INEXACT = 5  # letters of a name that may be written with one wrong
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
    """Return where a text mentions a name; `lowered` is the text and `name` the name in lower case.

    In lower case a part of a name that is also a word ("will", "grant") counts only beside another part of the name.
    """
    parts = [
        part for part in PARTS.findall(name) if len(part) >= SHORTEST_WORD and part not in SUFFIXES
    ]
    found = {
        place: True for part in parts for place in _words(lowered, part)
    }  # place -> is it sure by itself
    for (start, end), _ in list(found.items()):
        found[start, end] = not text[start].islower() or not lexicon.is_ordinary(lowered[start:end])
    _, _, after_first = name.partition(" ")
    for several in (name, after_first) if " " in after_first else (name,):
        found |= dict.fromkeys(_words(lowered, several), True)
    for part in parts:
        found |= dict.fromkeys(_inexact(text, lowered, part, lexicon), True)
    for nickname in _nicknames(parts, nicknames):
        for place in _words(lowered, nickname):
            is_word = lexicon.is_ordinary(nickname)
            found.setdefault(
                place,
                not text[place[0]].islower() and not (is_word and _begins_sentence(text, place[0])),
            )
    sure = [
        place for place, is_sure in found.items() if is_sure or _has_neighbour(text, place, found)
    ]
    return _joined(
        text, {*sure, *_initials(text, lowered, parts, sure), *_run_together(lowered, parts)}
    )


def _joined(text: str, places: set[Place]) -> list[Place]:
    """Return places with those that only a space, a comma or a full stop parts as one: "Lee, A." is one mention."""
    joined: list[Place] = []
    for start, end in sorted(places):
        if joined and (
            start <= joined[-1][1] or text[joined[-1][1] : start] in (" ", ", ", ",", ". ", ".")
        ):
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _nicknames(parts: list[str], nicknames: Mapping[str, frozenset[str]]) -> list[str]:
    """Return what the first of a person's names is shortened to; a family name is not."""
    known: set[str] = set()
    for part in parts[:-1] or parts:
        known |= nicknames.get(part, frozenset())
    return sorted(known - set(parts))


def _words(lowered: str, word: str) -> Iterator[Place]:
    """Yield where `word` stands as a whole word."""
    at = lowered.find(word)
    while at >= 0:
        end = at + len(word)
        if not lowered[at - 1 : at].isalpha() and not lowered[end : end + 1].isalpha():
            yield at, end
        at = lowered.find(word, at + 1)


def _inexact(text: str, lowered: str, part: str, lexicon: Lexicon) -> Iterator[Place]:
    """Yield capitalised words that differ from `part` by one letter more, less, other, or by two exchanged.

    Of two halves one is then written right, so only words around a half have to be compared. What is a name itself
    ("Roberta") is somebody else.
    """
    if len(part) < SHORTEST_INEXACT:
        return
    middle = len(part) // 2
    for half in (part[:middle], part[middle:]):
        at = lowered.find(half)
        while at >= 0:
            start, end = at, at + len(half)
            while start and lowered[start - 1].isalpha():
                start -= 1
            while end < len(lowered) and lowered[end].isalpha():
                end += 1
            word = lowered[start:end]
            is_near = (
                word != part and abs(len(word) - len(part)) <= 1 and _differs_by_one(word, part)
            )
            is_another = bool(lexicon.of(word) & (FIRST | LAST)) or lexicon.is_ordinary(word)
            if is_near and not text[start].islower() and not is_another:
                yield start, end
            at = lowered.find(half, end)


def _differs_by_one(one: str, other: str) -> bool:
    at = 0
    while at < min(len(one), len(other)) and one[at] == other[at]:
        at += 1
    if (
        one[at + 1 :] == other[at + 1 :]
        or one[at + 1 :] == other[at:]
        or one[at:] == other[at + 1 :]
    ):
        return True
    return one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]


def _begins_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \"'(")
    return not before or before[-1] in ".!?:\n-"


def _has_neighbour(text: str, place: Place, found: Mapping[Place, bool]) -> bool:
    """Say whether another part of the name stands beside one."""
    start, end = place
    gaps = [
        (end, low) if low >= end else (high, start) for low, high in found if (low, high) != place
    ]
    return any(0 < high - low <= 2 and not text[low:high].strip(" ,.\n-") for low, high in gaps)


def _initials(text: str, lowered: str, parts: list[str], sure: list[Place]) -> Iterator[Place]:
    """Yield initials beside the family name ("A. O'Neil", "O'Neil, A."), and both with full stops ("A.O.")."""
    if len(parts) < 2:
        return
    firsts = {part[0] for part in parts[:-1]}
    for start, end in sure:
        if not lowered[start:end].endswith(parts[-1]):
            continue
        for before in filter(
            None, (one.search(text, max(0, start - 12), start) for one in INITIALS)
        ):
            letters = [char for char in before.group().lower() if char.isalpha()]
            if letters[0] in firsts and before.group().strip() != "a":
                yield before.start(), start
        match = INITIAL_AFTER.match(text, end)
        if match and match.group(1).lower() in firsts:
            yield match.start(1), match.end()
    dotted = rf"(?<![A-Za-z.]){re.escape(parts[0][0].upper())}\.\s?{re.escape(parts[-1][0].upper())}\.(?![A-Za-z])"
    if f"{parts[0][0].upper()}." in text:
        for match in re.finditer(dotted, text):
            yield match.span()


def _run_together(lowered: str, parts: list[str]) -> Iterator[Place]:
    """Yield names run together as in user names and handles: "annlee", "ann_lee", "alee", with digits after them."""
    if len(parts) < 2:
        return
    first, last = (part.replace("-", "").replace("'", "") for part in (parts[0], parts[-1]))
    if len(last) < 3:
        return
    at = lowered.find(last)
    while at >= 0:
        for start in (at - len(first), at - len(first) - 1, at - 1):
            joined = lowered[max(start, 0) : at].rstrip("._-")
            if (
                start >= 0
                and joined in (first, first[0])
                and (joined == first or (start == at - 1 and len(last) > 3))
            ):
                end = at + len(last)
                while end < len(lowered) and lowered[end].isdigit():
                    end += 1
                is_whole = (
                    not lowered[start - 1 : start].isalnum()
                    and not lowered[end : end + 1].isalpha()
                )
                if is_whole and (joined == first or lowered[start] == first[0]):
                    yield start, end
        at = lowered.find(last, at + 1)
