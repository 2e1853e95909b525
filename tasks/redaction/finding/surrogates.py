"""Texts that hold masks already, as the recogniser of names should read them.

"Ms. [PERSON]" is a sight that no recogniser was trained on: it sees names beside masks where there
are none, and redacting twice would mask more than redacting once. So each mask is replaced by a
surrogate, something natural of its kind, and what is recognised is mapped back.
"""

import re
from dataclasses import dataclass

from tasks.redaction.spans import MASKED

# Kind of a mask -> surrogate: common, so that the recogniser is sure of them, and nobody's
# (fictional number, reserved domain).
SURROGATES = {
    "LOCATION": "Boston",
    "OWN_CITY": "Boston",
    "OWN_STREET": "12 Main Street",
    "PHONE_NUMBER": "617-555-0100",
    "OWN_PHONE": "617-555-0100",
    "EMAIL_ADDRESS": "info@example.com",
    "OWN_EMAIL": "info@example.com",
    "PERSON": "Mary Smith",
    "OWN_NAME": "Mary Smith",
}
OTHER_SURROGATE = "1234"  # of every other kind
BLANK = "\x00"  # no rule and no pattern knows it
BESIDE = 3  # characters; as near to a mask as this counts as beside it


@dataclass(frozen=True)
class UnmaskedText:
    """A text with surrogates in place of its masks, and where the pieces between them stood."""

    text: str
    # start in `text`, end in `text`, start in the original; one more piece than there are masks
    pieces: tuple[tuple[int, int, int], ...]

    def original(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the original's place of `text[start:end]`.

        None where it touches a surrogate or stands beside one: what stands beside a mask stood
        there before it was masked, and was no name then.
        """
        last = len(self.pieces) - 1
        for number, (piece_start, piece_end, original_start) in enumerate(self.pieces):
            low = piece_start + (BESIDE if number else 0)
            high = piece_end - (BESIDE if number < last else 0)
            if low <= start and end <= high:
                shift = original_start - piece_start
                return start + shift, end + shift

        return None


def blank_masks(text: str, masks: re.Pattern[str] = MASKED) -> str:
    """Return a text of the same length in which each mask is a run of `BLANK`."""
    if "[" not in text:
        return text
    return masks.sub(lambda match: BLANK * len(match.group()), text)


def replace_masks(text: str, masks: re.Pattern[str] = MASKED) -> UnmaskedText | None:
    """Return a text with surrogates for its masks; None where it has none."""
    if "[" not in text or not masks.search(text):
        return None

    parts: list[str] = []
    pieces: list[tuple[int, int, int]] = []
    position = 0  # in the original
    length = 0  # of what is written so far
    for match in masks.finditer(text):
        piece = text[position : match.start()]
        pieces.append((length, length + len(piece), position))
        surrogate = SURROGATES.get(match.group()[1:-1], OTHER_SURROGATE)
        parts += [piece, surrogate]
        length += len(piece) + len(surrogate)
        position = match.end()

    pieces.append((length, length + len(text) - position, position))
    return UnmaskedText("".join([*parts, text[position:]]), tuple(pieces))
