"""Search texts until nothing more is found, so that masking them again changes nothing.

The recogniser of names reads a mask in place of the name, and then sees another sentence: in one
text of two hundred it finds something more beside a mask.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable

from tasks.redaction.spans import Span, mask, merge

# From the texts' places in the caller's list, and the texts: what is found in each, sorted,
# disjoint, and clear of masks.
Search = Callable[[list[int], list[str]], Iterable[tuple[Span, ...]]]


def search_until_stable(texts: list[str], search: Search) -> list[tuple[Span, ...]]:
    """Return what is found in each text, by as many searches as it takes, at its original places.

    It ends: what changes has fewer characters outside masks each time.
    """
    spans = list(search(list(range(len(texts))), texts))
    changing = [number for number, found in enumerate(spans) if found]
    while changing:
        masked = [mask(texts[number], spans[number]) for number in changing]
        # Only texts in which something was found are searched again: one that did not change gives
        # the same answer.
        further = list(search(changing, masked))
        for number, found in zip(changing, further, strict=True):
            spans[number] = merge(spans[number], _at_origin(spans[number], found))
        changing = [number for number, found in zip(changing, further, strict=True) if found]

    return spans


def _at_origin(masked: tuple[Span, ...], found: tuple[Span, ...]) -> list[Span]:
    """Return spans found in a masked text as they lie in the text before it was masked.

    `masked` are the spans that were masked; none of `found` touches one of their masks.
    """
    ends: list[int] = []  # of each mask, in the masked text
    shifts = [0]  # what the text before was longer by, up to each mask's end
    for span in masked:
        mask_length = len(f"[{span.kind}]")
        ends.append(span.start - shifts[-1] + mask_length)
        # How much further right the original goes on from here: what was masked less the mask's own
        # length.
        shifts.append(shifts[-1] + span.end - span.start - mask_length)

    return [span.moved(shifts[bisect_right(ends, span.start)]) for span in found]
