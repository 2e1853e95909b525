"""What may be a mention of somebody in a text: addresses, numbers, full names.

Nothing is decided here: a place is yielded with the keys by which somebody might be known, and most
are nobody's.
"""

import re
import string
from collections.abc import Iterator, Mapping, Set

from tasks.stages.ingest.third_persons.spellings import (
    FEWEST_DIGITS,
    MOST_NAME_WORDS,
    email_keys,
    find_words,
    fold_words,
    name_key,
    number_keys,
    searched_keys,
)

# Characters `start` to `end`, and the key by which somebody may be known.
Mention = tuple[int, int, str]

# From the beginning of a run of such characters only: a long one without `@` is read once.
EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
# Where a text may hold a number at all: five digits, and little between them.
DENSE_DIGITS = re.compile(
    r"\d(?:[A-Za-z]{0,4}[ \u00a0\u202f./()-]{0,3}(?:[A-Z]{4}[ \u00a0])?\d){4,}"
)
# Letters that belong to a number that begins after them: C-10023, KD 4711, GB29.
LETTERS_BEFORE = re.compile(r"(?<![^\W_])[A-Za-z]{1,4}[ ./-]?\Z")
LONGEST_LETTERS = 6  # with what is looked at before them
# Bytes (UTF-8) of no digit: the first digit that is not ASCII is U+0660, and begins with 0xD9.
NO_DIGIT_BYTES = bytes(byte for byte in range(0xD9) if chr(byte) not in string.digits)
BLOCK = re.compile(r"[^\W_]*\d[^\W_]*")
# What may part two blocks of one number; IBANs have a block of letters (GB29 NWBK 6016 …).
GAP = re.compile(r"[ \u00a0\u202f./()-]{1,3}(?:[A-Z]{4}[ \u00a0])?")
MOST_BLOCKS = 9  # of an IBAN
SIGNS_BEFORE = re.compile(r"[(+]{1,2}\Z")
AMOUNT_BEFORE = re.compile(r"[$€£¥]\s?\Z")
AMOUNT_AFTER = re.compile(r"\s?[%€£]|,\d|\.\d")
DATE = re.compile(r"(?:19|20)\d\d([-/.])\d\d\1\d\d|\d\d?([-/.])\d\d?\2(?:19|20)\d\d")

# Between two words of one name: a blank, a line end, a hyphen, an apostrophe, an initial's point.
NAME_GAP = re.compile(r"[\s.,'’`´‐‑-]{1,3}")  # noqa: RUF001 - as people write them
# Given and family names that are words first. A mention wholly in lower case, all of whose words
# are among them ("will price"), is taken for words.
# fmt: off
WORDS_FIRST = frozenset((
    *("art", "bill", "bills", "bond", "brown", "can", "case", "chase", "close", "cook"),
    *("cross", "day", "dean", "drew", "early", "faith", "field", "fields", "flowers", "forest"),
    *("frank", "grace", "grant", "gray", "green", "hall", "hope", "house", "hunt", "hunter"),
    *("joy", "just", "king", "knight", "lane", "law", "long", "love", "mark", "marks", "may"),
    *("mill", "miles", "moody", "more", "north", "page", "park", "parks", "pay", "price"),
    *("rice", "rich", "rob", "rose", "sharp", "short", "small", "spring", "stone", "strong"),
    *("summer", "summers", "thorn", "wall", "walls", "waters", "way", "west", "white", "will"),
    *("wills", "wise", "wood", "woods", "young"),
))
# fmt: on


def find_mentions(text: str, name_pairs: Mapping[str, Set[str]]) -> Iterator[Mention]:
    """Yield every place that may be a mention, once for each key; places overlap.

    Args:
        text: Any text.
        name_pairs: Word of a known full name -> the words that follow it in one. The first follows
            the last: names are written with the family name first, too.
    """
    addresses: list[tuple[int, int]] = []
    if "@" in text or "%40" in text:
        for start, end in _addresses(text):
            addresses.append((start, end))
            for key in email_keys(text[start:end]):
                yield start, end, key

    # Most texts hold too few digits for any number: that is seen fastest in their bytes.
    digits = text.encode("utf-8", "surrogatepass").translate(None, NO_DIGIT_BYTES)
    if len(digits) >= FEWEST_DIGITS:
        for region in DENSE_DIGITS.finditer(text):
            yield from _numbers(text, region)

    if not name_pairs:
        return
    words = fold_words(text)
    firsts = [
        place
        for place, word in enumerate(words)
        if word in name_pairs and _is_followed(words, place, name_pairs[word])
    ]
    if firsts:
        for mention in _names(text, words, firsts, name_pairs):
            # ann.null@example.org is another person's, where nobody here has this address.
            if not any(mention[0] < end and start < mention[1] for start, end in addresses):
                yield mention


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield each place where an address stands, as `EMAIL` finds them, in a text with few."""
    position = 0
    while (sign := _find_sign(text, position)) >= 0:
        # No address has a blank in it: none begins before the last one ahead of the sign.
        blank = text.rfind(" ", position, sign)
        match = EMAIL.search(text, max(position, blank))
        if match is None:
            return
        yield match.span()
        position = match.end()


def _find_sign(text: str, position: int) -> int:
    places = [place for sign in ("@", "%40") if (place := text.find(sign, position)) >= 0]
    return min(places, default=-1)


def _numbers(text: str, region: re.Match[str]) -> Iterator[Mention]:
    """Yield windows over neighbouring blocks of digits: a number may be written in several."""
    first_start = region.start()
    while first_start and text[first_start - 1].isalnum():
        first_start -= 1
    last_end = region.end()
    while last_end < len(text) and text[last_end].isalnum():
        last_end += 1

    blocks = [match.span() for match in BLOCK.finditer(text, first_start, last_end)]
    for index, (start, _) in enumerate(blocks):
        end = start
        for following_start, following_end in blocks[index : index + MOST_BLOCKS]:
            if end > start and not GAP.fullmatch(text, end, following_start):
                break
            end = following_end
            yield from _number(text, start, end)


def _number(text: str, start: int, end: int) -> Iterator[Mention]:
    """Yield a number, alone and with the letters and signs right before it."""
    if end - start < FEWEST_DIGITS:
        return
    is_amount = AMOUNT_BEFORE.search(text, max(0, start - 2), start) or AMOUNT_AFTER.match(
        text, end
    )
    if is_amount or DATE.fullmatch(text, start, end):
        return

    letters = LETTERS_BEFORE.search(text, max(0, start - LONGEST_LETTERS), start)
    if letters:
        for key in number_keys(text[letters.start() : end]):
            yield letters.start(), end, key
    # "+" says that a country code follows.
    signs = SIGNS_BEFORE.search(text, max(0, start - 2), start)
    if signs:
        start = signs.start()
    for key in searched_keys(text[start:end]):
        yield start, end, key


def _is_followed(words: list[str], place: int, followers: Set[str]) -> bool:
    """Say whether a word, or what stands behind initials after it, makes a name of it."""
    for word in words[place + 1 : place + MOST_NAME_WORDS + 1]:
        if word in followers:
            return True
        if len(word) != 1:
            return False
    return False


def _names(
    text: str, folded: list[str], firsts: list[int], name_pairs: Mapping[str, Set[str]]
) -> Iterator[Mention]:
    """Yield runs of words that follow one another in names; with a comma, in both orders."""
    matches = list(find_words(text))
    for first in firsts:
        words = [folded[first]]
        comma = 0  # how many words stand before one
        for place in range(first + 1, min(first + MOST_NAME_WORDS + 1, len(folded))):
            gap = text[matches[place - 1].end() : matches[place].start()]
            if not NAME_GAP.fullmatch(gap):
                break
            if "," in gap:
                comma = len(words)
            if folded[place] not in name_pairs.get(words[-1], ()):
                # John Q. Smith: an initial in the middle is no part of the name that is known.
                if len(folded[place]) == 1:
                    continue
                break

            words.append(folded[place])
            start = matches[first].start()
            end = matches[place].end()
            if text[start:end].islower() and WORDS_FIRST.issuperset(words):
                continue
            yield start, end, name_key(words)
            if comma:
                yield start, end, name_key(words[comma:] + words[:comma])
