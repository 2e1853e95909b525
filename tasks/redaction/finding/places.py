"""Places in texts: what the recogniser and the patterns found, put together to whole addresses."""

import re

from tasks.redaction.finding.lexicon import Lexicon
from tasks.redaction.spans import Span

LOCATION = "LOCATION"
# How sure a capitalised unknown word after "in" makes: above the usual `min_score` of 0.35, below
# whatever a list or the recogniser confirms.
UNLISTED_PLACE = 0.4

# what may stand between two parts of one address; `\\n` is a line end that somebody wrote out
BETWEEN_PARTS = re.compile(
    r"(?:[\s,;.()\\/#-]|\\n|\b(?:in|and|near|apt|no)\b){1,12}", re.IGNORECASE
)
# A post code beside a place: digits, or digits and letters as in the Netherlands. Percentages and
# decimals are none.
CODE_AFTER = re.compile(
    r"(?:[\s,.-]|\\n){1,6}(?:[A-Z]{1,2}-)?\d{3,6}(?:-\d{3,4})?(?:\s[A-Z]{2})?(?![\w%]|[.,]\d)"
)
CODE_BEFORE = re.compile(r"(?<![\w.,$-])(?:[A-Z]{1,2}-)?\d{4,6}(?:\s[A-Z]{2})?(?:[\s,]|\\n){1,3}$")
LONGEST_CODE_BEFORE = 12  # characters: as far before a place as a post code is looked for

# what stands before the number that an address begins with: "H.No. 75", "Flat 3", "Studio 74b"
UNIT_BEFORE = re.compile(
    r"(?<![\w.])(?:h\.?\s?no|no|nr|apt|apartment|flat|unit|suite|studio|room|plot|house|door)"
    r"\.?\s{0,2}$",
    re.IGNORECASE,
)
LONGEST_UNIT = 12  # characters before an address in which it is looked for

# up to four capitalised words, with particles between them: "in Stratford upon Avon"
AFTER_PREPOSITION = re.compile(
    r"\b(?:in|near|outside|around|downtown)\s"
    r"([^\W\d_][\w'\u2019-]*"
    r"(?:\s(?:(?:sur|do|da|de|del|la|el|am|an|der|upon|on|las|los)\s){0,2}"
    r"[^\W\d_a-z][\w'\u2019-]*){0,3})"
)


def named_places(text: str, lexicon: Lexicon) -> list[Span]:
    """Return capitalised words after "in" or "near" that are neither words nor given names."""
    spans = []
    for match in AFTER_PREPOSITION.finditer(text):
        first_word = match[1].split()[0]
        lowered = first_word.lower()
        # all capitals are abbreviations ("in USD"), two letters are too little to tell
        is_named = first_word[0].isupper() and not first_word.isupper() and len(first_word) > 2
        if is_named and not lexicon.is_ordinary(lowered) and not lexicon.is_first(lowered):
            spans.append(Span(*match.span(1), LOCATION, UNLISTED_PLACE))
    return spans


def join_places(text: str, spans: list[Span]) -> list[Span]:
    """Return places with the post codes beside them, the parts of one address as one span.

    The result is sorted, and no two of its spans overlap.
    """
    joined: list[Span] = []
    for span in (_with_post_code(text, span) for span in sorted(spans)):
        previous = joined[-1] if joined else None
        if previous and _belong_together(text, previous, span):
            joined[-1] = Span(
                previous.start,
                max(previous.end, span.end),
                LOCATION,
                max(previous.score, span.score),
            )
        else:
            joined.append(span)

    return joined


def _with_post_code(text: str, span: Span) -> Span:
    """Return a place with the post code after it, or else with the one before it.

    Of an address that begins with a number, with the word that says of what: "Flat 3".
    """
    start = span.start
    end = after.end() if (after := CODE_AFTER.match(text, span.end)) else span.end
    if text[start].isdigit():
        unit = UNIT_BEFORE.search(text, max(0, start - LONGEST_UNIT), start)
        if unit:
            return Span(unit.start(), end, LOCATION, span.score)
    if after:
        return Span(start, end, LOCATION, span.score)

    if before := CODE_BEFORE.search(text, max(0, start - LONGEST_CODE_BEFORE), start):
        start = before.start()
    return Span(start, span.end, LOCATION, span.score)


def _belong_together(text: str, previous: Span, span: Span) -> bool:
    """Say whether two neighbouring places are parts of one address.

    They are if they overlap, or if only punctuation parts them and there is a number in one of
    them: without a number it is a list of cities, and each counts for itself.
    """
    if span.start <= previous.end:
        return True
    if not BETWEEN_PARTS.fullmatch(text, previous.end, span.start):
        return False
    return any(char.isdigit() for char in text[previous.start : span.end])
