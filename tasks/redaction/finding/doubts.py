"""Which passages of a text the second recogniser is asked about: those that leave something open.

It takes longer than everything else together, and most sentences hold nothing that could be a name
or a place, or only what is found already. What decides is the passage and what was found in it:
never other texts.
"""

import re
from collections.abc import Iterable

from tasks.redaction.finding.forms import Word
from tasks.redaction.finding.lexicon import FIRST, FREQUENT, NOUN, Lexicon
from tasks.redaction.finding.words import word_list
from tasks.redaction.spans import MASKED

# The end of a sentence, or an empty line. Not after a short word: "St.", "No.", "J.".
PASSAGE_END = re.compile(r"(?<=[a-z]{3}[.!?])[ \t\r\n]+(?=[^a-z\s])|\n[ \t\r]*\n\s*")
LAST_WORD = re.compile(r"([^\W\d_]+)[.!?]\s*$")
ABBREVIATIONS = word_list("abbreviations")
LONGEST_ABBREVIATION = 14  # characters before the end of a passage, blanks included
SHORTEST_PASSAGE = 40  # characters; a shorter one is read with the next: alone it says too little

# "I'm", "What's", and what messages are full of; no list of words has them, and they name nobody
SHORTENED = word_list("shortened")
BEFORE_HANDLES = ("@", "#", "_", "/")  # a handle, a tag, a part of a link: patterns' business
LONGEST_OPENING = 4  # characters between the end of a sentence and the next word


def passages(text: str) -> list[tuple[int, int]]:
    """Return a text's passages as (start, end), in order and without gaps."""
    ends = [match.end() for match in PASSAGE_END.finditer(text) if _is_end(text, match)]
    cut: list[tuple[int, int]] = []
    start = 0
    for end in (*ends, len(text)):
        if end - start >= SHORTEST_PASSAGE or (end == len(text) and end > start):
            cut.append((start, end))
            start = end
    return cut


def doubtful_passages(
    text: str,
    words: list[Word],
    explained: Iterable[tuple[int, int]],
    lexicon: Lexicon,
    masks: re.Pattern[str] = MASKED,
) -> list[tuple[int, int]]:
    """Return the passages in which a word may be a name or a place that nothing explains.

    `words` are all of the text's, in order; `explained` are the places of what was found already.
    """
    marks = bytearray(len(text))
    for start, end in (*explained, *(match.span() for match in masks.finditer(text))):
        marks[start:end] = b"\x01" * (end - start)

    doubtful: list[tuple[int, int]] = []
    number = 0
    for start, end in passages(text):
        first = number
        is_doubtful = False
        while number < len(words) and words[number].start < end:
            word = words[number]
            is_doubtful = is_doubtful or (
                not marks[word.start]
                and _is_doubtful(text, word, lexicon, is_first=number == first)
            )
            number += 1
        if is_doubtful:
            doubtful.append((start, end))
    return doubtful


def _is_doubtful(text: str, word: Word, lexicon: Lexicon, *, is_first: bool) -> bool:
    """Say whether a word may be a name or part of an address."""
    form = word.form
    if form.size == 1 or form.is_title:
        return False
    plain = form.lower.replace("\u2019", "'")
    if plain in SHORTENED or text[word.start - 1 : word.start] in BEFORE_HANDLES:
        return False

    is_ordinary = form.is_ordinary or lexicon.is_ordinary(plain.removesuffix("'s"))
    if form.is_capital:
        return not is_ordinary or not (is_first or _begins_sentence(text, word.start))
    # in lower case only what lists know as a given name and nothing else, and what they cannot know
    is_given_name = bool(form.flags & FREQUENT) or form.flags & (FIRST | NOUN) == FIRST
    return not is_ordinary and (is_given_name or not plain.isascii())


def _begins_sentence(text: str, start: int) -> bool:
    """Say whether nothing but signs stands between a word and the end of a sentence or a label."""
    before = text[max(0, start - LONGEST_OPENING) : start].rstrip(" \"'(*>-")
    return before[-1:] in (".", "!", "?", ":", "\n", "")


def _is_end(text: str, match: re.Match[str]) -> bool:
    """Say whether a passage ends here, and not only an abbreviation."""
    before = LAST_WORD.search(text, max(0, match.start() - LONGEST_ABBREVIATION), match.start())
    return before is None or before[1].lower() not in ABBREVIATIONS
