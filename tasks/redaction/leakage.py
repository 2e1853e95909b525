"""What leaked: masks against planted answers, and each row's own identifiers in its masked text."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from tasks.errors import DataError
from tasks.formats.strict_json import parse_json
from tasks.redaction.finding.cleaning import INVISIBLE_CHARS
from tasks.redaction.spans import MASKED, Span

MARK = b"\x01"
OWNERS = ("self", "other")
PLANTED_KEYS = ("start", "end", "owner", "type")
WORDS = re.compile(r"\S+")
# Letters and digits that an identifier needs to be looked for in a redacted text, and a name.
FEWEST_SIGNS = 4
FEWEST_LETTERS = 2
NUMBER_SIGNS = re.compile(rf"(?:[\W_]*[^\W_]){{{FEWEST_SIGNS}}}")
NAME_SIGNS = re.compile(rf"(?:[\W_]*[^\W_]){{{FEWEST_LETTERS}}}")
# Digits that a value needs to be looked for in any spacing, and what may stand between its signs.
FEWEST_DIGITS = 7
SPACING = r"[\s().,/-]{0,4}"
SIGN = re.compile(r"[^\W_]")
NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
ODD_BLANKS = ("  ", "\n", "\t", "\r")  # of an ASCII text
NO_NUMBERS = ("name", "email", "street")


class Ratio(BaseModel):
    """A share with what it is a share of."""

    model_config = ConfigDict(frozen=True)

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """`count / of`; None where there was nothing to count."""
        return self.count / self.of if self.of else None


class Leakage(BaseModel):
    """How much personal data is left, and how much else was taken.

    Attributes:
        own: Planted mentions of the row's own person that are not wholly masked.
        third: The same for third persons.
        over: Words outside every planted span that were masked.
        leaked_by_type: Type of planted span -> those that are not wholly masked.
    """

    model_config = ConfigDict(frozen=True)

    own: Ratio
    third: Ratio
    over: Ratio
    leaked_by_type: dict[str, Ratio]


@dataclass
class LeakageCount:
    """Counts of texts, added up one by one; each count is a list of how many, and of how many."""

    # "self" and "other" are what planted answers call the owner of a span
    counts: dict[str, list[int]] = field(
        default_factory=lambda: {key: [0, 0] for key in (*OWNERS, "over")}
    )
    by_type: dict[str, list[int]] = field(default_factory=dict)

    def add(
        self,
        text: str,
        answer: str,
        spans: tuple[Span, ...],
        masks: re.Pattern[str] = MASKED,
    ) -> None:
        """Compare one text's masks with its planted spans, `answer`: a JSON list of them.

        A mask that stands there already (ingest masks known third persons) covers what was planted,
        and is none of this stage's.

        Raises:
            DataError: The answer is no list of spans within the text. None is passed over: what is
                not compared would count as masked.
        """
        planted = _read_planted(answer, len(text))
        earlier_masks = [match.span() for match in masks.finditer(text)]
        masked_places = [*earlier_masks, *((span.start, span.end) for span in spans)]
        planted_places = [*earlier_masks, *((span.start, span.end) for span in planted)]
        masked_marks = _mark(text, masked_places)
        planted_marks = _mark(text, planted_places)

        for span in planted:
            is_leaked = not _is_covered(text, span.start, span.end, masked_marks)
            by_owner = self.counts[span.owner]
            by_type = self.by_type.setdefault(span.kind, [0, 0])
            for count in (by_owner, by_type):
                count[0] += is_leaked
                count[1] += 1

        over = self.counts["over"]
        for word in WORDS.finditer(text):
            start, end = word.span()
            # A word that touches a planted span is neither: masking it is right, and counting it as
            # harmless would punish that.
            if planted_marks.find(MARK, start, end) < 0:
                over[0] += masked_marks.find(MARK, start, end) >= 0
                over[1] += 1

    def add_count(self, other: "LeakageCount") -> None:
        """Add what was counted elsewhere."""
        _add_counts(self.counts, other.counts)
        _add_counts(self.by_type, other.by_type)

    def measured(self) -> Leakage:
        """Return what was counted."""
        ratios = {key: Ratio(count=count, of=total) for key, (count, total) in self.counts.items()}
        by_type = {
            kind: Ratio(count=count, of=total)
            for kind, (count, total) in sorted(self.by_type.items())
        }
        return Leakage(
            own=ratios["self"], third=ratios["other"], over=ratios["over"], leaked_by_type=by_type
        )


class _Planted(NamedTuple):
    """One planted span: what is personal data by the word of whoever made the data."""

    start: int
    end: int
    owner: str
    kind: str


def _read_planted(answer: str, length: int) -> list[_Planted]:
    """Return the planted spans of a text of so many characters."""
    try:
        values = parse_json(answer)
        spans = [_Planted(*map(item.__getitem__, PLANTED_KEYS)) for item in values]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _no_answer("another form") from None

    # Of an object without members the loop above has found nothing wrong.
    if not isinstance(values, list):
        raise _no_answer("another form")
    for span in spans:
        # An empty one would count as found in every text.
        are_places = type(span.start) is int and type(span.end) is int
        if not are_places or not 0 <= span.start < span.end <= length:
            raise _no_answer("a place outside its text, or an empty one")
        if span.owner not in OWNERS or not isinstance(span.kind, str):
            raise _no_answer("another owner, or a type that is no text")
    return spans


def _no_answer(found: str) -> DataError:
    return DataError(
        "a column of role `gold`",
        expected="planted answers: a JSON list of `start`, `end`, `type` and `owner` (self, other)",
        found=found,
        remedy="Mend the answers, or leave the column out.",
    )


class Survivors(NamedTuple):
    """What of a row's own identifiers stands in its redacted text."""

    standing: int
    too_short: int  # not looked for: of so few signs that they would stand anywhere by chance


def surviving(redacted: str, person: Iterable[tuple[str, str]]) -> Survivors:
    """Return how many of the row's own identifiers still stand, whole, in its redacted text.

    By word: the surname Li is not in "application". A name of one word counts where it is not in
    lower case, or in lower case in the row too: "will" is a word, and Will a person. Towns do not
    count: they are named in texts without being about anybody. Composed letters and those with an
    accent of their own are the same, so is any white space, and numbers count in any spacing.
    """
    text = _in_one_spelling(redacted)
    lowered = text.casefold()
    digits = _digits(text)
    standing = 0
    too_short = 0
    for kind, value in person:
        if kind == "city" or not value.strip():
            continue
        sought = _in_one_spelling(value)
        if not (NAME_SIGNS if kind == "name" else NUMBER_SIGNS).match(sought):
            too_short += 1
        # The cheap test first: nearly every value is not there at all.
        elif sought.casefold() in lowered and _stands_as_word(text, sought, is_name=kind == "name"):
            standing += 1
        elif kind not in NO_NUMBERS:
            own_digits = _digits(sought)
            # A pattern for each value takes long to compile: only where its digits are there.
            if len(own_digits) >= FEWEST_DIGITS and own_digits in digits:
                standing += _stands_in_any_spacing(lowered, sought.casefold())

    return Survivors(standing, too_short)


def _stands_as_word(text: str, sought: str, *, is_name: bool) -> bool:
    """Say whether a value stands in a text with no letter or digit beside it."""
    needs_capital = is_name and sought.isalpha() and not sought.islower()
    # Both in folded case: "Strauß" is written "STRAUSS" in capitals, and no flag of `re` knows.
    folded = text.casefold()
    pattern = rf"(?<![^\W_]){re.escape(sought.casefold())}(?![^\W_])"
    return any(
        not (needs_capital and _as_written(text, folded, match).islower())
        for match in re.finditer(pattern, folded)
    )


def _stands_in_any_spacing(folded: str, sought: str) -> bool:
    """Say whether the letters and digits of a number stand in a text, little between them."""
    signs = SIGN.findall(sought)
    pattern = rf"(?<![^\W_]){SPACING.join(map(re.escape, signs))}(?![^\W_])"
    return re.search(pattern, folded) is not None


def _in_one_spelling(text: str) -> str:
    """Return a text with composed letters, single blanks, and without what nobody sees."""
    # Both cheap tests first: most texts are in it already, and every row's is asked.
    if not text.isascii():
        text = unicodedata.normalize("NFKC", INVISIBLE_CHARS.sub("", text))
    elif not any(blank in text for blank in ODD_BLANKS):
        return text.strip()
    return " ".join(text.split())


def _digits(text: str) -> str:
    return text.encode("ascii", "ignore").translate(None, NO_DIGITS).decode("ascii")


def _as_written(text: str, folded: str, match: re.Match[str]) -> str:
    """Return what stands in `text` where `match` lies in `folded`, the same in folded case."""
    # Folding makes no text shorter, so that equal length is equal places.
    if len(text) == len(folded):
        return text[match.start() : match.end()]

    ends = accumulate(len(character.casefold()) for character in text)
    return "".join(
        character
        for character, end in zip(text, ends, strict=True)
        if match.start() < end <= match.end()
    )


def _add_counts(counts: dict[str, list[int]], others: dict[str, list[int]]) -> None:
    for key, (count, total) in others.items():
        own = counts.setdefault(key, [0, 0])
        own[0] += count
        own[1] += total


def _mark(text: str, places: Iterable[tuple[int, int]]) -> bytearray:
    """Return one byte a character of `text`, marked where it lies in one of `places`.

    Bytes, because `find` and `count` then run over a text at the speed of C.
    """
    marks = bytearray(len(text))
    for start, end in places:
        marks[start:end] = MARK * (end - start)
    return marks


def _is_covered(text: str, start: int, end: int, marks: bytearray) -> bool:
    """Say whether every letter and digit of `text[start:end]` is marked; signs do not matter."""
    # The whole of it is the usual case, and `count` is C.
    if marks.count(MARK, start, end) == end - start:
        return True
    # Half a name is a leak. Commas and blanks that a mask leaves between its parts say nothing.
    return all(marks[index] for index in range(start, end) if text[index].isalnum())
