"""Spans of personal data in a text: where, of which kind. Merged, then masked once."""

import re
from collections.abc import Iterable
from typing import NamedTuple

# What `mask` leaves behind: kinds of one word by their names, others by their underscore. A word in
# brackets is no mask by itself: "[INFO]" is a log's, and "[MILLER]" is somebody.
MASKED = re.compile(
    r"\[(?:PERSON|LOCATION|ORGANIZATION|CRYPTO|URL|UUID|NRP|AGE|ID|NUMBER|WITHHELD"
    r"|[A-Z]+_[A-Z_]*[A-Z])\]"
)


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


def without_masks(text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans without those that touch a mask, so that a mask is never masked again."""
    # Most texts have no mask, and a regular expression over all of them costs more than this.
    if "[" not in text:
        return tuple(spans)
    masks = [match.span() for match in MASKED.finditer(text)]
    return tuple(
        span
        for span in spans
        if not any(span.start < end and start < span.end for start, end in masks)
    )


def mask(text: str, spans: tuple[Span, ...]) -> str:
    """Return `text` with each span replaced by `[KIND]`; spans are sorted and disjoint."""
    parts: list[str] = []
    position = 0
    for span in spans:
        parts += [text[position : span.start], f"[{span.kind}]"]
        position = span.end
    return "".join([*parts, text[position:]])
