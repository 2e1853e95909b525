"""Places in texts: what the recogniser and the patterns found, put together to whole addresses."""

import re

from tasks.redaction.finding.lexicon import Lexicon
from tasks.redaction.spans import Span

LOCATION = "LOCATION"
BETWEEN = re.compile(r"(?:[\s,;.()\\/#-]|\\n|\b(?:in|and|near|apt|no)\b){1,12}", re.IGNORECASE)
# a post code beside a place: digits, or letters and digits as in the Netherlands and the United Kingdom
CODE_AFTER = re.compile(
    r"(?:[\s,.-]|\\n){1,6}(?:[A-Z]{1,2}-?)?\d{3,6}(?:-\d{3,4})?(?:\s[A-Z]{2})?(?![\w%]|[.,]\d)"
)
CODE_BEFORE = re.compile(r"(?<![\w.,$-])(?:[A-Z]{1,2}-)?\d{4,6}(?:\s[A-Z]{2})?(?:[\s,]|\\n){1,3}$")
HOUSE_AFTER = re.compile(
    r"\s\d{1,5}\s?[A-Za-z]?(?![\w%.,]\d|\w|\s(?:percent|years|months|days|people|times))"
)

AFTER_PREPOSITION = re.compile(
    r"\b(?:in|near|outside|around|downtown)\s"
    r"([^\W\d_][\w'\u2019-]*(?:\s(?:(?:sur|do|da|de|del|la|el|am|an|der|upon|on|las|los)\s){0,2}[^\W\d_a-z][\w'\u2019-]*){0,3})"
)
POSSIBLE = 0.4


def named_places(text: str, lexicon: Lexicon) -> list[Span]:
    """Return capitalised words after "in" or "near" that are neither words of the language nor given names."""
    found = []
    for match in AFTER_PREPOSITION.finditer(text):
        first = match[1].split()[0]
        word = first.lower()
        is_named = first[0].isupper() and not first.isupper() and len(first) > 2
        if is_named and not lexicon.is_ordinary(word) and not lexicon.is_first(word):
            found.append(Span(*match.span(1), LOCATION, POSSIBLE))
    return found


def join_places(text: str, spans: list[Span]) -> list[Span]:
    """Return the places with post codes beside them, and those that only punctuation parts as one."""
    widened = [_widened(text, span) for span in sorted(spans)]
    joined: list[Span] = []
    for span in widened:
        last = joined[-1] if joined else None
        if last and (
            span.start <= last.end
            or (BETWEEN.fullmatch(text, last.end, span.start) and _is_address(text, last, span))
        ):
            joined[-1] = Span(
                last.start, max(last.end, span.end), LOCATION, max(last.score, span.score)
            )
        else:
            joined.append(span)
    return joined


def _widened(text: str, span: Span) -> Span:
    start, end = span.start, span.end
    if match := CODE_AFTER.match(text, end):
        end = match.end()
    elif (match := CODE_BEFORE.search(text, max(0, start - 12), start)) is not None:
        start = match.start()
    return Span(start, end, LOCATION, span.score)


def _is_address(text: str, one: Span, other: Span) -> bool:
    """Say whether one of two neighbouring places has a number in it: parts of an address, not a list of cities."""
    return any(char.isdigit() for char in text[one.start : other.end])
