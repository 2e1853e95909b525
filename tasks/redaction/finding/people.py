"""People in texts, beyond what the recogniser of names sees.

The recogniser was trained on well-written news. People write "JOHN SMITH", "john smith",
"Smith, John", "Mr. Ng". So its names are mended, rules add others (`naming.py`), names are extended
by the words that go with them, and a name that was found once is found again.
"""

import re
from bisect import bisect_left

from tasks.redaction.finding.forms import LONGEST_WORD, WORDS, Word, WordCutter, WordForm
from tasks.redaction.finding.lexicon import FIRST, LAST, NOUN, WORD, Lexicon
from tasks.redaction.finding.naming import (
    ENTRY_BEFORE,
    PERSON,
    POSSIBLE,
    last_word_of_name,
    match_name,
)
from tasks.redaction.finding.words import ENGLISH, Vocabulary
from tasks.redaction.spans import Span

__all__ = ["PERSON", "POSSIBLE", "PeopleFinder"]

LONGEST_TITLE = 12  # characters before a name in which a title is looked for
# the other half of "Surname, Given", and where the entry that it makes ends
CAPITALISED = r"(?-i:(?=[^\W\d_a-z])[^\W\d_][^\W\d_'\u2019-]*(?:['\u2019-][^\W\d_]+){0,2})"
ENTRY_AFTER = re.compile(r"[ \t]{0,3}(?:[;\r\n\t|<)]|$)")
GIVEN_AFTER = re.compile(rf",[ \t]{{1,2}}({CAPITALISED}){ENTRY_AFTER.pattern}")
SURNAME_BEFORE = re.compile(rf"(?:^|[\n\t:;|>(])[ \t]{{0,3}}({CAPITALISED}),[ \t]{{1,2}}$")
LONGEST_SURNAME = LONGEST_WORD + 6  # characters before a name in which its surname is looked for
# what is joined to a name, as in the names of users and files
JOINED_AFTER = re.compile(rf"([_.])([^\W\d_]{{2,{LONGEST_WORD}}})")
JOINED_BEFORE = re.compile(rf"(?<![^\W\d])([^\W\d_]{{2,{LONGEST_WORD}}})([_.])$")
LONGEST_JOINED = LONGEST_WORD + 2  # characters before a name in which the word is looked for
WORDS_ADDED = 4  # at most, by which a name is extended, counting the word that it ends in


class PeopleFinder:
    """Finds names of people by rules, and mends what the recogniser found."""

    def __init__(self, lexicon: Lexicon, vocabulary: Vocabulary = ENGLISH) -> None:
        self._lexicon = lexicon
        self._titles = vocabulary.titles
        self._cutter = WordCutter(lexicon, vocabulary)

    def words(self, text: str) -> list[Word]:
        """Return the words of a text, in order."""
        return self._cutter.words(text)

    def find(self, text: str, recognised: list[Span]) -> list[Span]:
        """Return the spans of people: the recogniser's, mended, and those that rules find.

        Spans may overlap and are in no order.
        """
        words = self._cutter.words(text)
        spans = [mended for span in recognised if (mended := self._mend(text, span)) is not None]
        spans += self._find_by_rules(text, words)
        if not spans:
            return spans

        starts = [word.start for word in words]
        spans += self._extend(text, words, starts, spans)
        spans += _find_again(words, starts, spans)
        spans = [self._whole_handle(text, span) for span in spans]
        return spans + [entry for span in spans if (entry := self._whole_entry(text, span))]

    def _mend(self, text: str, span: Span) -> Span | None:
        """Cut titles and possessives off; None where only ordinary words are left."""
        places = [match.span() for match in WORDS.finditer(text, span.start, span.end)]
        forms = [self._cutter.forms[text[start:end]] for start, end in places]
        first = 0  # the first word that counts
        while first < len(forms) and forms[first].is_title:
            first += 1
        if first == len(forms) or any(form.size > LONGEST_WORD for form in forms[first:]):
            return None

        # After a title even an ordinary word is a name: "Mr. Page".
        is_titled = places[first][0] > span.start or self._has_title(text, span.start)
        while first + 1 < len(forms) and self._is_role(forms[first]):
            first += 1
        if not is_titled and all(form.is_ordinary for form in forms[first:]):
            return None

        start = places[first][0]
        end = places[-1][1]
        if text[end - 2 : end] in ("'s", "\u2019s"):
            end -= 2
        # A user name such as "jsmith 42" is no name without its digits; they are no words.
        if any(map(str.isdigit, text[start:end])):
            end = max(end, span.end)
        return Span(start, end, PERSON, span.score)

    def _whole_entry(self, text: str, span: Span) -> Span | None:
        """Return "Surname, Given", alone in an entry of a list or a header, of which one is known.

        None: the name is no part of one. An ordinary word is none either: "Ann Lee, Manager".
        """
        given = GIVEN_AFTER.match(text, span.end)
        if given and ENTRY_BEFORE.search(text, 0, span.start):
            form = self._cutter.forms[given[1]]
            is_name = not form.is_ordinary or bool(form.flags & FIRST)
            return Span(span.start, given.end(1), PERSON, span.score) if is_name else None

        surname = SURNAME_BEFORE.search(text, max(0, span.start - LONGEST_SURNAME), span.start)
        if surname and ENTRY_AFTER.match(text, span.end):
            form = self._cutter.forms[surname[1]]
            is_name = not form.is_ordinary or bool(form.flags & LAST)
            if is_name and form.lower not in form.vocabulary.greetings and form.size > 1:
                return Span(surname.start(1), span.end, PERSON, span.score)
        return None

    def _whole_handle(self, text: str, span: Span) -> Span:
        """Return a name with what is written into one word with it: "PATRICIA_MILLER", "Lee.Ann".

        A full stop joins only what is no ordinary word: a blank is often left out between two
        sentences.
        """
        start, end = span.start, span.end
        while match := JOINED_AFTER.match(text, end):
            if match[1] == "." and self._cutter.forms[match[2]].is_ordinary:
                break
            end = match.end()
        while match := JOINED_BEFORE.search(text, max(0, start - LONGEST_JOINED), start):
            if match[2] == "." and self._cutter.forms[match[1]].is_ordinary:
                break
            start = match.start()
        return span if (start, end) == span[:2] else Span(start, end, span.kind, span.score)

    def _is_role(self, form: WordForm) -> bool:
        """Say whether a word before a name is none itself: "Patient Jane Roe"."""
        flags = self._lexicon.of(form.lower)
        if form.size == 1:
            return False  # an initial, of which lists know that it is a word
        return bool(flags & (WORD | NOUN)) and not flags & (FIRST | LAST)

    def _has_title(self, text: str, start: int) -> bool:
        words_before = WORDS.findall(text[max(0, start - LONGEST_TITLE) : start])
        return bool(words_before) and words_before[-1].lower() in self._titles

    def _find_by_rules(self, text: str, words: list[Word]) -> list[Span]:
        spans = []
        free = 0  # the first word that no name has taken yet
        is_announced = False  # by the word before
        for index, word in enumerate(words):
            if (word.form.may_begin or is_announced) and index >= free:
                span, words_used = match_name(text, words, index)
                free = index + words_used
                if span is not None:
                    spans.append(span)
            is_announced = word.form.announces

        return spans

    def _extend(
        self, text: str, words: list[Word], starts: list[int], names: list[Span]
    ) -> list[Span]:
        """Return names with the capitalised words that follow them: "Donald van der Voet".

        Only where a particle, an initial or a listed family name is among those words.
        """
        longer = []
        for name in names:
            inside = bisect_left(starts, name.end) - 1  # the name's last word
            if inside < 0 or words[inside].start < name.start or words[inside].end > name.end:
                continue
            last = last_word_of_name(text, words, inside, most_words=WORDS_ADDED)
            if any(_goes_with_a_name(word) for word in words[inside + 1 : last + 1]):
                longer.append(Span(name.start, words[last].end, PERSON, name.score))

        return longer


def _goes_with_a_name(word: Word) -> bool:
    form = word.form
    return form.is_particle or form.size == 1 or form.flags & (LAST | WORD) == LAST


def _find_again(words: list[Word], starts: list[int], names: list[Span]) -> list[Span]:
    """Return the other places where a word of a name stands alone, written like a name."""
    inside = _words_inside(words, starts, names)
    forms = [words[number].form for number in inside]
    words_of_names = {
        form.lower for form in forms if form.size > 2 and not form.is_title and not form.is_ordinary
    }
    if not words_of_names:
        return []

    return [
        Span(word.start, word.end, PERSON, POSSIBLE)
        for number, word in enumerate(words)
        if word.form.is_capital and word.form.lower in words_of_names and number not in inside
    ]


def _words_inside(words: list[Word], starts: list[int], spans: list[Span]) -> set[int]:
    """Return the numbers of the words that lie wholly in one of the spans."""
    covered: set[int] = set()
    for span in spans:
        number = bisect_left(starts, span.start)
        while number < len(words) and words[number].end <= span.end:
            covered.add(number)
            number += 1
    return covered
