"""What leaked: masks compared with planted answers, and each row's own identifiers searched in its redacted text."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.redact.spans import Span


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

    counts: dict[str, list[int]] = field(default_factory=lambda: {key: [0, 0] for key in ("self", "other", "over")})
    by_type: dict[str, list[int]] = field(default_factory=dict)

    def add(self, text: str, gold_json: str, spans: tuple[Span, ...]) -> None:
        """Compare one text's masks with its planted spans."""
        gold: list[dict[str, Any]] = json.loads(gold_json)
        for planted in gold:
            start, end = planted["start"], planted["end"]
            is_leaked = not _covered(text, start, end, spans)
            for tally in (self.counts[planted["owner"]], self.by_type.setdefault(planted["type"], [0, 0])):
                tally[0] += is_leaked
                tally[1] += 1
        for start, end in _words(text):
            if any(planted["start"] < end and start < planted["end"] for planted in gold):
                continue
            self.counts["over"][0] += any(span.start < end and start < span.end for span in spans)
            self.counts["over"][1] += 1

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
        kinds = {kind: Ratio(count=count, of=of) for kind, (count, of) in sorted(self.by_type.items())}
        return Leakage(own=ratios["self"], third=ratios["other"], over=ratios["over"], leaked_by_type=kinds)


def surviving(redacted: str, person: Mapping[str, str]) -> int:
    """Return how many of the row's own identifiers still stand, whole, in its redacted text."""
    lowered = redacted.casefold()
    return sum(1 for kind, value in person.items() if value and kind != "city" and value.casefold() in lowered)


def _covered(text: str, start: int, end: int, spans: Iterable[Span]) -> bool:
    """Say whether every letter and digit of `text[start:end]` lies under a mask."""
    masked = [(span.start, span.end) for span in spans if span.start < end and start < span.end]
    return all(
        any(low <= position < high for low, high in masked)
        for position in range(start, end)
        if text[position].isalnum()
    )


def _words(text: str) -> Iterable[tuple[int, int]]:
    at = 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        yield start, at
