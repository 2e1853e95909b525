"""What of a text is sent, and where in the text lies what a detector found in it.

A detector that others run is a second opinion. It gets a text as the local finder and row link have
masked it, unless the use case says otherwise: what they found already has no need to leave. Its
spans are added to theirs and take nothing away.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from tasks.redaction.cloud.pace import Pace
from tasks.redaction.cloud.params import ComprehendParams, GoogleDlpParams, service_name
from tasks.redaction.spans import MASKED, Span, mask, merge

ServiceParams = TypeVar("ServiceParams", bound=GoogleDlpParams | ComprehendParams)


class Detector(Protocol):
    """Finds personal data in texts, on somebody else's machines."""

    @property
    def name(self) -> str:
        """Which service it is, and where: as it stands in reports."""

    @property
    def sends(self) -> Literal["masked", "whole"]:
        """What of a text it gets."""

    def billed_units(self, text: str) -> int:
        """Return for how much a text is billed, in the service's own unit."""

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each text, in order; a text is never empty.

        Raises:
            ServiceError: Not every text was inspected whole. What was found so far is dropped: a
                part of an answer would pass for all of it.
        """


class DeclaredService(Generic[ServiceParams]):
    """What a detector says of itself by what the use case declares, and how fast it may ask."""

    def __init__(self, params: ServiceParams) -> None:
        self._params: ServiceParams = params
        self._pace = Pace(params.requests_per_minute)

    @property
    def name(self) -> str:
        """Which service it is, and where."""
        return service_name(self._params)

    @property
    def sends(self) -> Literal["masked", "whole"]:
        """What of a text it gets."""
        return self._params.sends

    def billed_units(self, text: str) -> int:
        """Return for how much a text is billed, in the service's own unit."""
        return self._params.billed_units(text)


@dataclass(frozen=True)
class SentText:
    """A text as it is sent.

    Attributes:
        text: What is sent.
        stretches: Of what stands in the original as well, outside masks: (start in what is sent,
            start in the original, length), in order.
    """

    text: str
    stretches: tuple[tuple[int, int, int], ...]

    @property
    def says_something(self) -> bool:
        """Whether anything is left outside masks that could be about somebody."""
        return any(
            character.isalnum()
            for start, _, length in self.stretches
            for character in self.text[start : start + length]
        )

    def original(self, span: Span) -> Iterator[Span]:
        """Yield where a span of what was sent lies in the original, without what masks hide.

        A detector may take a mask and the word after it for one name: the word is masked alone.
        """
        for sent, original, length in self.stretches:
            start = max(span.start, sent)
            end = min(span.end, sent + length)
            if start < end:
                yield Span(start, end, span.kind, span.score).moved(original - sent)


def to_send(text: str, spans: tuple[Span, ...], sends: Literal["masked", "whole"]) -> SentText:
    """Return what of a text is sent; `spans` are sorted, disjoint, and found already."""
    hidden = spans if sends == "masked" else ()

    # Masks that are put in here, and masks that stood there before: (start, end, length as sent).
    masks = [(span.start, span.end, len(f"[{span.kind}]")) for span in hidden]
    masks += [(*match.span(), len(match[0])) for match in MASKED.finditer(text)]
    stretches: list[tuple[int, int, int]] = []
    original = 0
    sent = 0
    # The last one, of no length, closes what stands behind the last mask.
    for start, end, length in (*sorted(masks), (len(text), len(text), 0)):
        if start > original:
            stretches.append((sent, original, start - original))
        sent += start - original + length
        original = end
    return SentText(mask(text, hidden), tuple(stretches))


class SecondOpinion:
    """Asks detectors about texts that were looked at here already."""

    def __init__(
        self, detectors: Sequence[Detector], is_wanted: Callable[[str, Span], bool]
    ) -> None:
        """Take the detectors in the order in which they are asked: each sees what is left.

        Args:
            detectors: None is asked where there is none.
            is_wanted: Says of a text and a span of it whether the span is to be masked.
        """
        self._detectors = tuple(detectors)
        self._is_wanted = is_wanted

    def add(
        self, texts: Sequence[str], spans_by_text: Sequence[tuple[Span, ...]]
    ) -> tuple[list[tuple[Span, ...]], dict[str, Counter[str]]]:
        """Return each text's spans with those that the detectors add, and what was sent to whom.

        Spans that come in are sorted and disjoint, and so are those that come out. Of what was sent
        `texts`, their `bytes` and the `units` that are billed are counted.

        Raises:
            ServiceError: A detector has not inspected every text whole.
        """
        united = list(spans_by_text)
        sent: dict[str, Counter[str]] = {}
        for detector in self._detectors:
            by_place = {
                place: outgoing
                for place, text in enumerate(texts)
                if (outgoing := to_send(text, united[place], detector.sends)).says_something
            }
            # The same text is sent once: reminders and templates are there again and again.
            distinct = list(dict.fromkeys(outgoing.text for outgoing in by_place.values()))
            found_in = dict(zip(distinct, detector.find(distinct), strict=True)) if distinct else {}
            for place, outgoing in by_place.items():
                added = [
                    span
                    for detected in found_in[outgoing.text]
                    for span in outgoing.original(detected)
                    if self._is_wanted(texts[place], span)
                ]
                # A union: a detector that is wrong, or lies, can hide more and reveal nothing.
                united[place] = merge(united[place], added)
            sent[detector.name] = Counter(
                texts=len(distinct),
                bytes=sum(len(text.encode()) for text in distinct),
                units=sum(map(detector.billed_units, distinct)),
            )

        return united, sent
