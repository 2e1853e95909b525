"""Changes to a file's bytes: ranges that go, and what stands there instead."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Edit:
    """One range that is replaced; by nothing, where a whole record goes."""

    start: int
    end: int
    text: bytes = b""


def merge_edits(edits: Iterable[Edit]) -> list[Edit]:
    """Return edits in order, without those that begin within another: the longer one stands."""
    merged: list[Edit] = []
    last_end = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if edit.start >= last_end:
            merged.append(edit)
        elif edit.end > last_end:
            # Two values overlap: what is masked reaches to the end of the second.
            merged[-1] = Edit(merged[-1].start, edit.end, merged[-1].text)
        last_end = max(last_end, edit.end)

    return merged


def apply_edits(content: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the content with every edit made; all other bytes are as they were."""
    parts: list[bytes] = []
    last_end = 0
    for edit in merge_edits(edits):
        parts += (content[last_end : edit.start], edit.text)
        last_end = edit.end
    return b"".join((*parts, content[last_end:]))
