"""The finder of the default mode: the fast recogniser of names, patterns with validators, rules for the rest."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tasks.redaction.finding.lexicon import load_lexicon
from tasks.redaction.finding.patterns.plain import Plain, plain
from tasks.redaction.finding.patterns.recognisers import BUILTIN, load_recognisers
from tasks.redaction.finding.patterns.scanner import Scanner
from tasks.redaction.finding.people import PERSON, POSSIBLE, PeopleFinder
from tasks.redaction.finding.places import LOCATION, join_places, named_places
from tasks.redaction.finding.surrogates import blanked, unmasked
from tasks.redaction.ner.names import Labelled, NameFinder, cut, load_pipeline, model_path
from tasks.redaction.spans import Span

# spaCy's labels in Presidio's words; others (numbers, amounts, works of art) are no personal data
LABELS = {
    "PERSON": PERSON,
    "PER": PERSON,
    "GPE": LOCATION,
    "LOC": LOCATION,
    "FAC": LOCATION,
    "NORP": "NRP",
    "ORG": "ORGANIZATION",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
NAME_SCORE = 0.85  # Presidio's
# a match of these leaves nothing to guess: what lies inside is no name and no number of its own
STRONG = frozenset(
    (
        "EMAIL_ADDRESS",
        "URL",
        "IBAN_CODE",
        "CREDIT_CARD",
        "IP_ADDRESS",
        "MAC_ADDRESS",
        "UUID",
        "CRYPTO",
        "US_SSN",
        "US_ITIN",
    )
)
STRONG_SCORE = 0.5
LONGEST_PIECE = 10_000  # characters that are read as one text; a longer text is cut at a line, a sentence or a word


class FastFinder:
    """Find personal data in texts without knowing whose they are."""

    def __init__(
        self,
        model: str,
        entities: frozenset[str] | None,
        min_score: float,
        users: Path | None,
        is_date_wanted: Callable[[str], bool] | None = None,
    ) -> None:
        """Take the spaCy model, the types wanted (None: all), the least score, and a file of further recognisers.

        `is_date_wanted` says of a DATE_TIME's text whether it counts (None: all do).
        """
        self._names = NameFinder(load_pipeline(model))
        self._lexicon = load_lexicon(model_path(model))
        self._people = PeopleFinder(self._lexicon)
        self._scanner = Scanner(load_recognisers(BUILTIN), load_recognisers(users) if users else ())
        self._entities, self._min_score, self._is_date_wanted = entities, min_score, is_date_wanted

    @property
    def recogniser(self) -> str:
        """Which recogniser of names is at work, and why."""
        return self._names.recogniser

    def prove(self, texts: list[str]) -> None:
        """Try the fast recogniser of names on texts of the data; fall back to spaCy's own if they differ."""
        self._names.prove(texts)

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        """Yield the spans of each text, in order; spans of different types may overlap, as in Presidio."""
        pieces = [
            (text[start:end], start, index)
            for index, text in enumerate(texts)
            for start, end in cut(text, LONGEST_PIECE)
        ]
        labelled = self._labelled([piece for piece, _, _ in pieces])
        at = 0
        for index in range(len(texts)):
            found: list[Span] = []
            while at < len(pieces) and pieces[at][2] == index:
                piece, start, _ = pieces[at]
                found += [
                    one.moved(start) if start else one
                    for one in self._found(plain(blanked(piece)), labelled[at])
                ]
                at += 1
            yield found

    def _labelled(self, pieces: list[str]) -> list[list[Labelled]]:
        """Return what the recogniser of names finds; masks that stand in a text are read as something natural."""
        without = [unmasked(piece) for piece in pieces]
        read = [
            piece if one is None else one.text for piece, one in zip(pieces, without, strict=True)
        ]
        found = self._names.find(read)
        for index, one in enumerate(without):
            if one is not None:
                places = [(one.original(start, end), label) for start, end, label in found[index]]
                found[index] = [(*place, label) for place, label in places if place is not None]
        return found

    def _found(self, form: Plain, names: list[Labelled]) -> list[Span]:
        text = form.original
        recognised: dict[str, list[Span]] = {}
        for start, end, label in names:
            if kind := LABELS.get(label):
                recognised.setdefault(kind, []).append(Span(start, end, kind, NAME_SCORE))
        patterned = self._scanner.find(form)
        people = self._people.find(text, recognised.pop(PERSON, []))
        places = recognised.pop(LOCATION, []) + [
            span for span in patterned if span.kind == LOCATION
        ]
        places += named_places(text, self._lexicon)
        others = [span for span in patterned if span.kind != LOCATION]
        guessed = [span for spans in recognised.values() for span in spans]
        joined = join_places(text, [one for one in places if one.score >= self._min_score])
        people = [
            one
            for one in people
            if one.score > POSSIBLE or not _is_part_of_a_place(text, one, joined)
        ]
        spans = [*people, *joined, *others, *guessed]
        wanted = [
            span
            for span in spans
            if span.score >= self._min_score
            and (self._entities is None or span.kind in self._entities)
        ]
        if self._is_date_wanted is not None:
            is_wanted = self._is_date_wanted
            wanted = [
                one
                for one in wanted
                if one.kind != "DATE_TIME" or is_wanted(text[one.start : one.end])
            ]
        return without_contained(wanted)


def _is_part_of_a_place(text: str, name: Span, places: list[Span]) -> bool:
    """Say whether a name that only a list knows is a word of a place: "Marshall Islands", "Austin, Texas".

    `places` are sorted and do not overlap.
    """
    at = bisect_right(places, name.start, key=lambda place: place.start)
    if at and places[at - 1].end >= name.end:
        return places[at - 1].end - places[at - 1].start > name.end - name.start
    return at < len(places) and 0 < places[at].start - name.end <= 2 and text[name.end] == ","


def without_contained(spans: Iterable[Span]) -> list[Span]:
    """Leave out what lies inside a span of the same type, or inside one that leaves nothing to guess; sorted."""
    kept: list[Span] = []
    reach: dict[str, int] = {}  # kind -> how far its spans so far go
    around: list[Span] = []  # strong spans that still go on
    for span in sorted(set(spans), key=_order):
        around = [one for one in around if one.end > span.start]
        if reach.get(span.kind, -1) >= span.end or any(_rules_out(one, span) for one in around):
            continue
        kept.append(span)
        reach[span.kind] = max(span.end, reach.get(span.kind, -1))
        if _is_strong(span):
            around.append(span)
    return kept


def _order(span: Span) -> tuple[int, int, bool, float, str]:
    return span.start, -span.end, not _is_strong(span), -span.score, span.kind


def _is_strong(span: Span) -> bool:
    return span.kind in STRONG and span.score >= STRONG_SCORE


def _rules_out(strong: Span, span: Span) -> bool:
    """Say whether a strong span that begins no later leaves nothing to guess about another one."""
    if strong.kind == span.kind or span.end > strong.end:
        return False
    return (
        not _is_strong(span)
        or strong.end - strong.start > span.end - span.start
        or strong.score > span.score
    )
