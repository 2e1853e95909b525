"""Texts that hold masks already, as the recogniser of names should read them: with something natural in their place.

"Ms. [PERSON]" is a sight that no recogniser was trained on: it sees names beside masks where there are none, and
redacting twice would mask more than redacting once.
"""

from dataclasses import dataclass

from tasks.redaction.spans import MASKED

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
OTHER = "1234"
BLANK = "\x00"
BESIDE = 3  # characters


@dataclass(frozen=True)
class Unmasked:
    """A text with surrogates, and where each piece between them stood."""

    text: str
    pieces: tuple[
        tuple[int, int, int], ...
    ]  # start in `text`, end in `text`, start in the original

    def original(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the original's place of `text[start:end]`; None where it touches a surrogate or stands beside one.

        What stands beside a mask stood there before it was masked, and was no name then.
        """
        last = len(self.pieces) - 1
        for index, (low, high, begin) in enumerate(self.pieces):
            if low + (BESIDE if index else 0) <= start and end <= high - (
                BESIDE if index < last else 0
            ):
                return start - low + begin, end - low + begin
        return None


def blanked(text: str) -> str:
    """Return a text with its masks as long runs of a sign that no rule and no pattern knows."""
    return MASKED.sub(lambda match: BLANK * len(match.group()), text) if "[" in text else text


def unmasked(text: str) -> Unmasked | None:
    """Return a text with surrogates for its masks; None where it has none."""
    if "[" not in text or not MASKED.search(text):
        return None
    parts: list[str] = []
    pieces: list[tuple[int, int, int]] = []
    at = length = 0
    for match in MASKED.finditer(text):
        kept = text[at : match.start()]
        pieces.append((length, length + len(kept), at))
        surrogate = SURROGATES.get(match.group()[1:-1], OTHER)
        parts += [kept, surrogate]
        length += len(kept) + len(surrogate)
        at = match.end()
    pieces.append((length, length + len(text) - at, at))
    return Unmasked("".join([*parts, text[at:]]), tuple(pieces))
