"""Spans of personal data in a text: where, of which kind. Merged, then masked once."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

# What masks are made of: the kinds of our own recognisers, and what `ingest` writes. A closed list,
# but for row link's, which begin alike: words in brackets are no mask by their form. "[INFO]" is a
# log's, and "[MILLER]" and "[JOHN_MILLER]" are somebody.
MASK_KINDS = frozenset(
    (
        *("PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME", "BIRTH_DATE", "AGE"),
        *("EMAIL_ADDRESS", "PHONE_NUMBER", "URL", "IP_ADDRESS", "MAC_ADDRESS", "USER_NAME"),
        *("CREDIT_CARD", "IBAN_CODE", "CRYPTO", "US_BANK_NUMBER", "US_SSN", "US_ITIN"),
        *("US_DRIVER_LICENSE", "US_PASSPORT", "UK_NHS", "MEDICAL_LICENSE", "UUID", "ID"),
        *("NUMBER", "WITHHELD"),
    )
)


@lru_cache(maxsize=16)
def masks_of(kinds: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of masks of our own kinds, and of `kinds`: those of others' recognisers.

    Whoever lets others' recognisers find something has to know their masks too, or it would mask
    them again.
    """
    every_kind = "|".join(map(re.escape, sorted(MASK_KINDS | kinds)))
    return re.compile(rf"\[(?:OWN_[A-Z_]*[A-Z]|{every_kind})\]")


MASKED = masks_of(frozenset())


class Span(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text hold personal data of `kind`.

    A tuple: a text has dozens of spans before they are merged, all of them made, compared and
    hashed.
    """

    start: int
    end: int
    kind: str
    score: float = 1.0  # how sure the finder is, 0 to 1

    def moved(self, by: int) -> "Span":
        """Return the span as it lies in a text that begins `by` characters earlier."""
        return Span(self.start + by, self.end + by, self.kind, self.score)


def merge(*spans_by_finder: Iterable[Span]) -> tuple[Span, ...]:
    """Return the union of all spans: sorted, disjoint, none empty.

    Where some overlap, the kind is that of the first finder: row link comes first, because it knows
    whose data it is.
    """
    ranked = sorted(
        (span, rank)
        for rank, spans in enumerate(spans_by_finder)
        for span in spans
        if span.end > span.start
    )

    merged: list[tuple[Span, int]] = []  # a span, and the rank of the finder that gave its kind
    for span, rank in ranked:
        # Overlapping spans become one mask: two masks in one place would leave the letters between
        # their ends, or mask a mask.
        if merged and span.start < merged[-1][0].end:
            previous, best_rank = merged[-1]
            kind = span.kind if rank < best_rank else previous.kind
            union = Span(previous.start, max(previous.end, span.end), kind)
            merged[-1] = (union, min(rank, best_rank))
        else:
            merged.append((span, rank))
    return tuple(span for span, _ in merged)


def without_masks(
    text: str, spans: Iterable[Span], masks: re.Pattern[str] = MASKED
) -> tuple[Span, ...]:
    """Return spans without those that touch a mask, so that a mask is never masked again."""
    # Most texts have no mask, and a regular expression over all of them costs more than this.
    if "[" not in text:
        return tuple(spans)
    places = [match.span() for match in masks.finditer(text)]
    return tuple(
        span
        for span in spans
        if not any(span.start < end and start < span.end for start, end in places)
    )


def mask(text: str, spans: tuple[Span, ...]) -> str:
    """Return `text` with each span replaced by `[KIND]`; spans are sorted and disjoint."""
    parts: list[str] = []
    position = 0
    for span in spans:
        parts += [text[position : span.start], f"[{span.kind}]"]
        position = span.end
    return "".join([*parts, text[position:]])
