"""What leaked: masks compared with planted answers, and each row's own identifiers searched in its redacted text."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.redaction.spans import Span

MARK = b"\x01"
WORDS = re.compile(r"\S+")


class Ratio(BaseModel):
    """A share with what it is a share of; None where there was nothing to count."""

    model_config = ConfigDict(frozen=True)

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """`count / of`, or None."""
        return self.count / self.of if self.of else None


class Leakage(BaseModel):
    """How much personal data is left, and how much else was taken."""

    model_config = ConfigDict(frozen=True)

    own: Ratio  # planted mentions of the row's own person that are not wholly masked
    third: Ratio  # the same for third persons
    over: Ratio  # words outside every planted span that were masked
    leaked_by_type: dict[str, Ratio]


@dataclass
class LeakageCount:
    """Add up texts one by one."""

    counts: dict[str, list[int]] = field(
        default_factory=lambda: {key: [0, 0] for key in ("self", "other", "over")}
    )
    by_type: dict[str, list[int]] = field(default_factory=dict)

    def add(self, text: str, gold_json: str, spans: tuple[Span, ...]) -> None:
        """Compare one text's masks with its planted spans."""
        gold: list[dict[str, Any]] = json.loads(gold_json)
        masked = _marked(text, ((span.start, span.end) for span in spans))
        planted = _marked(text, ((one["start"], one["end"]) for one in gold))
        for one in gold:
            is_leaked = not _is_covered(text, one["start"], one["end"], masked)
            for tally in (self.counts[one["owner"]], self.by_type.setdefault(one["type"], [0, 0])):
                tally[0] += is_leaked
                tally[1] += 1
        over = self.counts["over"]
        for word in WORDS.finditer(text):
            start, end = word.span()
            if planted.find(MARK, start, end) < 0:
                over[0] += masked.find(MARK, start, end) >= 0
                over[1] += 1

    def add_count(self, other: "LeakageCount") -> None:
        """Add what was counted elsewhere."""
        for mine, theirs in ((self.counts, other.counts), (self.by_type, other.by_type)):
            for key, (count, of) in theirs.items():
                tally = mine.setdefault(key, [0, 0])
                tally[0] += count
                tally[1] += of

    def measured(self) -> Leakage:
        """Return what was counted."""
        ratios = {key: Ratio(count=count, of=of) for key, (count, of) in self.counts.items()}
        kinds = {
            kind: Ratio(count=count, of=of) for kind, (count, of) in sorted(self.by_type.items())
        }
        return Leakage(
            own=ratios["self"], third=ratios["other"], over=ratios["over"], leaked_by_type=kinds
        )


def surviving(redacted: str, person: Mapping[str, str]) -> int:
    """Return how many of the row's own identifiers still stand, whole, in its redacted text."""
    lowered = redacted.casefold()
    return sum(
        1
        for kind, value in person.items()
        if value and kind != "city" and value.casefold() in lowered
    )


def _marked(text: str, places: Iterable[tuple[int, int]]) -> bytearray:
    """Return one byte a character of `text`, marked where it lies in one of `places`."""
    marks = bytearray(len(text))
    for start, end in places:
        marks[start:end] = MARK * (end - start)
    return marks


def _is_covered(text: str, start: int, end: int, masked: bytearray) -> bool:
    """Say whether every letter and digit of `text[start:end]` lies under a mask."""
    if masked.count(MARK, start, end) == end - start:
        return True
    return all(masked[index] for index in range(start, end) if text[index].isalnum())
