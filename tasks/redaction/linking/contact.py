"""One person's e-mail and town in a plain text in lower case.

A place is (start, end) in that text, `end` exclusive. Places may overlap and come in no order.
"""

import re
from collections.abc import Iterator

from tasks.redaction.finding.lexicon import Lexicon

Place = tuple[int, int]
# characters of the part before "@" that stand for the address alone; what is shorter, or has
# neither a digit nor a sign, may be anybody's ("info", "smith")
SHORTEST_LOCAL_PART = 6
# "at", "dot" or a sign: in brackets, as a word, or with a space beside it
WRITTEN_OUT = re.compile(
    r"\s?[(\[{<]\s?(at|dot|@|\.)\s?[)\]}>]\s?|\s{1,4}(at|dot)\s{1,4}|\s([@.])\s?|([@.])\s"
)
# a cheap test for whether any of those is in a text at all
MAY_BE_WRITTEN_OUT = re.compile(r"dot|\sat\s|[(\[{<]\s?(?:at|@)|\s@|@\s|@.*\n")
SIGN = re.compile(r"[\W_]")
SIGNS = {"at": "@", "dot": "."}


def emails(lowered: str, own: str) -> list[Place]:
    """Return where an address stands.

    As it is, in a URL, with its signs written out; and its first part alone, where that is telling.
    """
    local, _, domain = own.partition("@")
    if not local or not domain:
        return []
    # Every form holds the longest word of the address's first part, and most texts do not.
    if max(SIGN.split(local), key=len) not in lowered:
        return []
    places = [*_everywhere(lowered, own), *_everywhere(lowered, own.replace("@", "%40"))]

    # Writing a text again without its signs is slow: only where the domain's first word is there.
    if SIGN.split(domain, maxsplit=1)[0] in lowered and MAY_BE_WRITTEN_OUT.search(lowered):
        places += _written_out(lowered, own)

    if len(local) >= SHORTEST_LOCAL_PART and not local.isalpha():
        places += _everywhere(lowered, local)
    return places


def wholes(text: str, lowered: str, own: str, lexicon: Lexicon) -> list[Place]:
    """Return every place of a value, as a whole.

    In lower case not where it is an ordinary word: towns are called "Reading" and "Mobile".
    """
    is_word = lexicon.is_ordinary(own)
    return [
        (start, end)
        for start, end in _everywhere(lowered, own)
        if not (is_word and text[start].islower())
    ]


def _written_out(lowered: str, own: str) -> list[Place]:
    """Return where the address stands once "at" and "dot" are signs again."""
    chars: list[str] = []
    origin: list[int] = []  # of each of `chars`: its place in the text
    position = 0
    for match in WRITTEN_OUT.finditer(lowered):
        chars += lowered[position : match.start()]
        origin += range(position, match.start())
        sign = next(group for group in match.groups() if group)
        chars.append(SIGNS.get(sign, sign))
        origin.append(match.start())
        position = match.end()

    chars += lowered[position:]
    origin += range(position, len(lowered))
    with_signs = "".join(chars)
    return [(origin[start], origin[end - 1] + 1) for start, end in _everywhere(with_signs, own)]


def _everywhere(lowered: str, value: str) -> Iterator[Place]:
    """Yield every occurrence of `value` that is no part of a longer word; an empty one has none."""
    start = lowered.find(value) if value else -1
    while start >= 0:
        end = start + len(value)
        # a slice, not an index: before the first and after the last character it is empty
        if not lowered[start - 1 : start].isalnum() and not lowered[end : end + 1].isalnum():
            yield start, end
        start = lowered.find(value, start + 1)
