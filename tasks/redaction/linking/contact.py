"""One person's e-mail, street and town in a plain text in lower case."""

import re
from collections.abc import Iterator

from tasks.redaction.finding.lexicon import Lexicon

Place = tuple[int, int]
SHORTEST_LOCAL_PART = (
    6  # characters; shorter ones, or ones without a digit or a sign, may be anybody's
)
WRITTEN_OUT = re.compile(
    r"\s?[(\[{<]\s?(at|dot|@|\.)\s?[)\]}>]\s?|\s{1,4}(at|dot)\s{1,4}|\s([@.])\s?|([@.])\s"
)
MAY_BE_WRITTEN_OUT = re.compile(r"dot|\sat\s|[(\[{<]\s?(?:at|@)|\s@|@\s|@.*\n")
SIGN = re.compile(r"[\W_]")
SIGNS = {"at": "@", "dot": "."}
KINDS_OF_STREETS = {
    "street": ("st", "str"), "avenue": ("ave", "av"), "road": ("rd",), "boulevard": ("blvd",), "lane": ("ln",),
    "drive": ("dr",), "court": ("ct",), "place": ("pl",), "terrace": ("ter", "terr"), "circle": ("cir",),
    "square": ("sq",), "parkway": ("pkwy",), "highway": ("hwy",), "trail": ("trl",), "crescent": ("cres",),
}  # fmt: skip
LONG_KINDS = {short: long for long, shorts in KINDS_OF_STREETS.items() for short in shorts}


def emails(lowered: str, own: str) -> list[Place]:
    """Return where an address stands: as it is, in a URL, with its signs written out; and its first part alone."""
    local, _, domain = own.partition("@")
    if not local or not domain:
        return []
    found = [*_everywhere(lowered, own), *_everywhere(lowered, own.replace("@", "%40"))]
    parts = max(SIGN.split(local), key=len), SIGN.split(domain, maxsplit=1)[0]
    if all(part in lowered for part in parts) and MAY_BE_WRITTEN_OUT.search(lowered):
        found += _written_out(lowered, own)
    is_telling = len(local) >= SHORTEST_LOCAL_PART and not local.isalpha()
    return found + (list(_everywhere(lowered, local)) if is_telling else [])


def streets(lowered: str, own: str) -> list[Place]:
    """Return where a street stands: with or without its number, its kind written in full or short."""
    words = own.replace(".", " ").replace(",", " ").split()
    name = [word for index, word in enumerate(words) if index or not word[0].isdigit()]
    number = " ".join(words[: len(words) - len(name)])
    found: list[Place] = []
    if not name:
        return found
    kind = LONG_KINDS.get(name[-1], name[-1])
    endings = (kind, *KINDS_OF_STREETS.get(kind, ()))
    for ending in endings:
        street = " ".join([*name[:-1], ending])
        found += _everywhere(lowered, street)
        if number:
            found += _everywhere(lowered, f"{number} {street}") or []
    if number and len(name) > 1:
        found += _everywhere(lowered, " ".join([number, *name[:-1]]))
    return [_with_number(lowered, place, number) for place in found]


def wholes(text: str, lowered: str, own: str, lexicon: Lexicon) -> list[Place]:
    """Return every place of a value; in lower case not where it is an ordinary word ("reading", "mobile")."""
    is_word = lexicon.is_ordinary(own)
    return [
        (start, end)
        for start, end in _everywhere(lowered, own)
        if not (is_word and text[start].islower())
    ]


def _with_number(lowered: str, place: Place, number: str) -> Place:
    start, end = place
    before = f"{number} " if number else ""
    return (start - len(before), end) if before and lowered[:start].endswith(before) else place


def _written_out(lowered: str, own: str) -> list[Place]:
    """Return where the address stands once "at" and "dot" are signs again."""
    chars: list[str] = []
    origin: list[int] = []
    at = 0
    for match in WRITTEN_OUT.finditer(lowered):
        chars += lowered[at : match.start()]
        origin += range(at, match.start())
        sign = next(group for group in match.groups() if group)
        chars.append(SIGNS.get(sign, sign))
        origin.append(match.start())
        at = match.end()
    chars += lowered[at:]
    origin += range(at, len(lowered))
    written = "".join(chars)
    return [(origin[start], origin[end - 1] + 1) for start, end in _everywhere(written, own)]


def _everywhere(lowered: str, wanted: str) -> Iterator[Place]:
    """Yield every occurrence of `wanted` that is no part of a longer word."""
    at = lowered.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if not lowered[at - 1 : at].isalnum() and not lowered[end : end + 1].isalnum():
            yield at, end
        at = lowered.find(wanted, at + 1)
