"""People in texts, beyond what the recogniser of names sees: titles, lists of names, "Surname, Given", any case.

The recogniser was trained on well-written news. People write "JOHN SMITH", "john smith", "Smith, John", "Mr. Ng".
"""

from bisect import bisect_left

from tasks.redaction.finding.forms import LONGEST_WORD, TITLES, WORDS, Forms, Word
from tasks.redaction.finding.lexicon import FIRST, LAST, NOUN, WORD, Lexicon
from tasks.redaction.finding.naming import PARTICLES, PERSON, POSSIBLE, at, run
from tasks.redaction.spans import Span

__all__ = ["PERSON", "POSSIBLE", "PeopleFinder"]


class PeopleFinder:
    """Finds names of people by rules, and mends what the recogniser found."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._forms = Forms(lexicon)

    def find(self, text: str, recognised: list[Span]) -> list[Span]:
        """Return the spans of people: the recogniser's, mended, and those that rules find."""
        words = self._forms.words(text)
        mended = [mended for span in recognised if (mended := self._mended(text, span)) is not None]
        found = [*mended, *self._by_rules(text, words)]
        found += self._extended(text, words, found)
        return found + _again(words, found) if found else found

    def _mended(self, text: str, span: Span) -> Span | None:
        """Cut titles and possessives off; leave out what consists of ordinary words only."""
        words = list(WORDS.finditer(text, span.start, span.end))
        while words and words[0].group().lower() in TITLES:
            words = words[1:]
        if not words or any(len(word.group()) > LONGEST_WORD for word in words):
            return None
        is_titled = words[0].start() > span.start or _has_title(text, span.start)
        while len(words) > 1 and self._is_role(words[0].group()):
            words = words[1:]
        if not is_titled and all(self._lexicon.is_ordinary(word.group().lower()) for word in words):
            return None
        end = words[-1].end()
        if text[end - 2 : end] in ("'s", "\u2019s"):
            end -= 2
        if any(char.isdigit() for char in text[words[0].start() : end]):
            end = max(end, span.end)
        return Span(words[0].start(), end, PERSON, span.score)

    def _is_role(self, word: str) -> bool:
        """Say whether a word before a name is none itself: "Patient Jane Roe"."""
        flags = self._lexicon.of(word.lower())
        return bool(flags & (WORD | NOUN)) and not flags & (FIRST | LAST)

    def _by_rules(self, text: str, words: list[Word]) -> list[Span]:
        found = []
        free, is_announced = 0, False
        for index, word in enumerate(words):
            if (word.form.may_begin or is_announced) and index >= free:
                span, used = at(text, words, index)
                free = index + used
                if span is not None:
                    found.append(span)
            is_announced = word.form.announces
        return found

    def _extended(self, text: str, words: list[Word], found: list[Span]) -> list[Span]:
        """Return names with the capitalised words and particles that follow them: "Donald van der Voet"."""
        starts = [word.start for word in words]
        longer = []
        for span in found:
            inside = bisect_left(starts, span.end) - 1
            if inside < 0 or words[inside].start < span.start or words[inside].end > span.end:
                continue
            last = run(text, words, inside, most=4)
            if any(_goes_with_a_name(word) for word in words[inside + 1 : last + 1]):
                longer.append(Span(span.start, words[last].end, PERSON, span.score))
        return longer


def _goes_with_a_name(word: Word) -> bool:
    form = word.form
    return form.lower in PARTICLES or form.size == 1 or form.flags & (LAST | WORD) == LAST


def _has_title(text: str, start: int) -> bool:
    before = WORDS.findall(text[max(0, start - 12) : start])
    return bool(before) and before[-1].lower() in TITLES


def _again(words: list[Word], found: list[Span]) -> list[Span]:
    """Return the other places where a name that was found stands again, alone and written like a name."""
    inside = _covered(words, found)
    known = {
        word.form.lower
        for word, is_inside in zip(words, inside, strict=True)
        if is_inside
        and word.form.size > 2
        and word.form.lower not in TITLES
        and not word.form.is_ordinary
    }
    return [
        Span(word.start, word.end, PERSON, POSSIBLE)
        for word, is_inside in zip(words, inside, strict=True)
        if not is_inside and word.form.is_capital and word.form.lower in known
    ]


def _covered(words: list[Word], found: list[Span]) -> list[bool]:
    """Say of each word whether it lies in one of the spans."""
    starts = [word.start for word in words]
    inside = [False] * len(words)
    for span in found:
        index = bisect_left(starts, span.start)
        while index < len(words) and words[index].end <= span.end:
            inside[index] = True
            index += 1
    return inside
