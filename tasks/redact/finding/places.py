"""Places in texts: what the recogniser and the patterns found, put together to whole addresses."""

import re

from tasks.redact.spans import Span

LOCATION = "LOCATION"
BETWEEN = re.compile(r"(?:[\s,;.()\\/#-]|\\n|\b(?:in|and|near|apt|no)\b){1,12}", re.IGNORECASE)
# a post code beside a place: digits, or letters and digits as in the Netherlands and the United Kingdom
CODE_AFTER = re.compile(r"(?:[\s,.-]|\\n){1,6}(?:[A-Z]{1,2}-?)?\d{3,6}(?:-\d{3,4})?(?:\s[A-Z]{2})?(?![\w%]|[.,]\d)")
CODE_BEFORE = re.compile(r"(?<![\w.,$-])(?:[A-Z]{1,2}-)?\d{4,6}(?:\s[A-Z]{2})?(?:[\s,]|\\n){1,3}$")
HOUSE_AFTER = re.compile(r"\s\d{1,5}\s?[A-Za-z]?(?![\w%.,]\d|\w|\s(?:percent|years|months|days|people|times))")


def join_places(text: str, spans: list[Span]) -> list[Span]:
    """Return the places with post codes beside them, and those that only punctuation parts as one."""
    widened = [_widened(text, span) for span in sorted(spans)]
    joined: list[Span] = []
    for span in widened:
        last = joined[-1] if joined else None
        if last and (
            span.start <= last.end or (BETWEEN.fullmatch(text, last.end, span.start) and _is_address(text, last, span))
        ):
            joined[-1] = Span(last.start, max(last.end, span.end), LOCATION, max(last.score, span.score))
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
