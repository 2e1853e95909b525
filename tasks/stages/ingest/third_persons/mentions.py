"""What may be a mention of somebody in a text: addresses, numbers, full names.

Nothing is decided here: a place is yielded with the keys by which somebody might be known, and most
are nobody's.
"""

import re
from collections.abc import Iterator, Mapping, Set
from itertools import pairwise

from tasks.stages.ingest.third_persons.spellings import (
    ASCII_WORD,
    FEWEST_DIGITS,
    MOST_NAME_WORDS,
    WORD,
    email_keys,
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
        for match in EMAIL.finditer(text):
            addresses.append(match.span())
            for key in email_keys(match.group()):
                yield match.start(), match.end(), key

    for region in DENSE_DIGITS.finditer(text):
        yield from _numbers(text, region)

    # Most words are followed by none that makes a name of them: only then places are counted.
    words = fold_words(text)
    if any(
        first in name_pairs and (second in name_pairs[first] or len(second) == 1)
        for first, second in pairwise(words)
    ):
        for mention in _names(text, words, name_pairs):
            # ann.null@example.org is another person's, where nobody here has this address.
            if not any(mention[0] < end and start < mention[1] for start, end in addresses):
                yield mention


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


def _names(text: str, folded: list[str], name_pairs: Mapping[str, Set[str]]) -> Iterator[Mention]:
    """Yield runs of words that follow one another in names; with a comma, in both orders."""
    matches = list((ASCII_WORD if text.isascii() else WORD).finditer(text))
    for first, word in enumerate(folded):
        if word not in name_pairs:
            continue

        words = [word]
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
