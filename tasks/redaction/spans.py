"""Spans of personal data in a text: where, of which type. Found by several finders, merged, masked once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MASKED = re.compile(r"\[[A-Z_]+\]")


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of a text hold personal data of `kind`."""

    start: int
    end: int
    kind: str
    score: float = 1.0  # how sure the finder is

    def moved(self, by: int) -> "Span":
        """Return the span of a text that begins `by` characters earlier."""
        return Span(self.start + by, self.end + by, self.kind, self.score)


def merge(*found: Iterable[Span]) -> tuple[Span, ...]:
    """Return the union of all spans, in order; where some overlap, the kind is that of the first finder given."""
    merged: list[tuple[Span, int]] = []
    ranked = sorted(
        (span, rank) for rank, spans in enumerate(found) for span in spans if span.end > span.start
    )
    for span, rank in ranked:
        if merged and span.start < merged[-1][0].end:
            last, best = merged[-1]
            kind = span.kind if rank < best else last.kind
            merged[-1] = (Span(last.start, max(last.end, span.end), kind), min(rank, best))
        else:
            merged.append((span, rank))
    return tuple(span for span, _ in merged)


def without_masks(text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Leave out what is already a mask, so that redacting twice changes nothing."""
    masks = [match.span() for match in MASKED.finditer(text)]
    return tuple(
        span
        for span in spans
        if not any(span.start < end and start < span.end for start, end in masks)
    )


def mask(text: str, spans: tuple[Span, ...]) -> str:
    """Return `text` with each span replaced by `[KIND]`."""
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], f"[{span.kind}]"]
        at = span.end
    return "".join([*parts, text[at:]])
