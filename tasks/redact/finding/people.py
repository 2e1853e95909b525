"""People in texts, beyond what the recogniser of names sees: titles, lists of names, "Surname, Given", any case.

The recogniser was trained on well-written news. People write "JOHN SMITH", "john smith", "Smith, John", "Mr. Ng".
"""

import re
from bisect import bisect_left
from functools import reduce
from operator import and_

from tasks.redact.finding.lexicon import FIRST, FREQUENT, LAST, NOUN, WORD, Lexicon
from tasks.redact.finding.words import word_list
from tasks.redact.spans import Span

WORDS = re.compile(r"[^\W\d_]+(?:['\u2019\u02bc-][^\W\d_]+)*")
PERSON = "PERSON"
TITLES = word_list("titles")
ABBREVIATED = word_list("abbreviated_titles")
PARTICLES = word_list("particles")
GREETINGS = word_list("greetings")
# words before a name; after the first group whatever follows is one, in any case
CERTAIN = frozenset((("name", "is"), ("call", "me"), ("calls", "me"), ("named",), ("surname", "is")))
LIKELY_BEFORE = frozenset((("i", "am"), ("this", "is"), ("called",), ("i'm",), ("i\u2019m",), ("spouse",)))
FIELDS = word_list("fields")
FIELD_GAP = re.compile(r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?")
PHRASE_GAP = re.compile(r"[:,]?\s{1,4}")
LONGEST_WORD = 30
ANNOUNCING = FIELDS | {phrase[-1] for phrase in CERTAIN | LIKELY_BEFORE}
FORMS_KEPT = 100_000
GAP = re.compile(r"[ \t\u00a0]{1,3}|[ \t]?\n[ \t]{0,3}|\.[ \t]{0,2}")
BLANKS = re.compile(r"[ \t\u00a0]{1,2}")
AFTER_GREETING = re.compile(r"[,:]?\s{1,3}")
COMMA = re.compile(r"[ \t]?,[ \t\n]{0,3}")
LONGEST_NAME = 5  # words
SURE, LIKELY, POSSIBLE = 0.85, 0.7, 0.5


class _Form:
    """What a word's form says, whatever its place: computed once per word."""

    __slots__ = ("announces", "flags", "is_capital", "is_ordinary", "is_upper", "lower", "may_begin", "size")

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.lower = text.lower()
        self.flags = flags = _flags(self.lower, lexicon)
        self.is_capital, self.is_upper, self.size = text[0].isupper(), text.isupper(), len(text)
        self.is_ordinary = lexicon.is_ordinary(self.lower)
        self.announces = self.lower in ANNOUNCING
        is_listed = flags & (FIRST | WORD) == FIRST and (self.is_capital or bool(flags & FREQUENT))
        is_unusual = self.is_capital and (not self.is_ordinary or bool(flags & FIRST))
        self.may_begin = self.lower in TITLES or self.lower in GREETINGS or is_listed or is_unusual

    @property
    def may_be_name(self) -> bool:
        """Say whether it is written like a name and is no ordinary word."""
        return self.is_capital and 1 < self.size <= LONGEST_WORD and not self.is_ordinary


def _flags(word: str, lexicon: Lexicon) -> int:
    """Return a word's flags; of one with hyphens those that all its parts have ("Ernst-Otto")."""
    flags = lexicon.of(word)
    if flags or "-" not in word:
        return flags
    return reduce(and_, (lexicon.of(part) for part in word.split("-")))


class _Word:
    """A word of a text: its place and its form."""

    __slots__ = ("end", "form", "start")

    def __init__(self, start: int, end: int, form: _Form) -> None:
        self.start, self.end, self.form = start, end, form


class PeopleFinder:
    """Finds names of people by rules, and mends what the recogniser found."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._forms: dict[str, _Form] = {}

    def find(self, text: str, recognised: list[Span]) -> list[Span]:
        """Return the spans of people: the recogniser's, mended, and those that rules find."""
        known = self._forms.get
        words = [_Word(*match.span(), known(match[0]) or self._form(match[0])) for match in WORDS.finditer(text)]
        mended = [mended for span in recognised if (mended := self._mended(text, span)) is not None]
        found = [*mended, *self._by_rules(text, words)]
        found += self._extended(text, words, found)
        return found + _again(words, found) if found else found

    def _form(self, word: str) -> _Form:
        if len(self._forms) >= FORMS_KEPT:
            self._forms.clear()
        form = self._forms[word] = _Form(word, self._lexicon)
        return form

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

    def _by_rules(self, text: str, words: list[_Word]) -> list[Span]:
        found = []
        free, is_announced = 0, False
        for index, word in enumerate(words):
            if (word.form.may_begin or is_announced) and index >= free:
                span, used = self._at(text, words, index)
                free = index + used
                if span is not None:
                    found.append(span)
            is_announced = word.form.announces
        return found

    def _at(self, text: str, words: list[_Word], index: int) -> tuple[Span | None, int]:
        """Return the name that begins at a word or is announced by it, and how many words that takes."""
        word = words[index]
        if word.form.lower in TITLES and index + 1 < len(words):
            last = self._last_after_title(text, words, index)
            if last > index:
                return Span(words[index + 1].start, words[last].end, PERSON, SURE), last - index + 1
        if word.form.lower in GREETINGS and index + 1 < len(words):
            following = words[index + 1]
            is_near = AFTER_GREETING.fullmatch(text[word.end : following.start]) is not None
            if is_near and following.form.may_be_name:
                last = self._run(text, words, index + 1)
                return Span(following.start, words[last].end, PERSON, LIKELY), last - index + 1
        if self._is_introduced(text, words, index):
            last = self._run(text, words, index) if word.form.is_capital else self._lower_run(text, words, index)
            return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1
        return self._listed(text, words, index)

    def _listed(self, text: str, words: list[_Word], index: int) -> tuple[Span | None, int]:
        word = words[index]
        following = words[index + 1] if index + 1 < len(words) else None
        gap = text[word.end : following.start] if following else ""
        if following and COMMA.fullmatch(gap) and word.form.is_capital and following.form.is_capital:
            is_pair = following.form.flags & FIRST and (word.form.flags & LAST or not word.form.flags)
            is_given = not following.form.flags & WORD or bool(following.form.flags & FREQUENT)
            if is_pair and is_given and not word.form.is_ordinary:
                last = self._run(text, words, index + 1, most=2)
                return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1
            if word.form.flags & LAST and not following.form.flags and word.form.may_be_name:
                return Span(word.start, following.end, PERSON, POSSIBLE), 2
        if following and GAP.fullmatch(gap):
            if word.form.size == 1 and word.form.is_capital and gap.startswith(".") and following.form.is_capital:
                last = self._run(text, words, index + 1)
                surname = words[last]
                if surname.form.size > 1 and (surname.form.flags & LAST or not surname.form.is_ordinary):
                    return Span(word.start, surname.end, PERSON, LIKELY), last - index + 1
            if not gap.startswith(".") and self._is_full_name(word, following):
                last = self._run(text, words, index + 1) if word.form.is_capital else index + 1
                return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1
            if "\n" not in gap and not gap.startswith(".") and _are_unknown(word, following):
                last = self._run(text, words, index + 1)
                return Span(word.start, words[last].end, PERSON, POSSIBLE), last - index + 1
        is_alone = word.form.is_capital and word.form.flags & (FIRST | WORD) == FIRST and word.form.size > 2
        if (
            is_alone
            and (word.form.flags & FREQUENT or not word.form.flags & NOUN)
            and not (word.form.is_upper and word.form.size < 4)
        ):
            return Span(word.start, word.end, PERSON, POSSIBLE), 1
        if not word.form.is_capital and word.form.flags & (FIRST | WORD | NOUN | FREQUENT) == FIRST | FREQUENT:
            return Span(word.start, word.end, PERSON, POSSIBLE), 1
        return None, 1

    def _is_full_name(self, first: _Word, last: _Word) -> bool:
        """Say whether two words are a first and a last name, both written alike."""
        one, two = first.form, last.form
        if two.size < 2 or one.is_capital != two.is_capital or one.is_upper != two.is_upper or not one.flags & FIRST:
            return False
        if not one.is_capital:
            is_first = one.flags & (FIRST | WORD | FREQUENT) == FIRST | FREQUENT
            return is_first and two.flags & (LAST | WORD) == LAST and not one.flags & two.flags & NOUN
        if one.flags & WORD:  # "Mason Gray", "Randy Moon": both are words, but nobody writes those in capitals
            return bool(two.flags & LAST) and two.size > 2 and not (one.is_upper and two.flags & WORD)
        return bool(two.flags & LAST and not two.flags & WORD) or not two.is_ordinary

    def _last_after_title(self, text: str, words: list[_Word], index: int) -> int:
        """Return the last word of the name after a title; the title itself where no name follows."""
        title, following = words[index], words[index + 1]
        gap = text[title.end : following.start]
        if not GAP.fullmatch(gap) or (
            title.form.lower not in ABBREVIATED and not title.form.is_capital and not following.form.is_capital
        ):
            return index
        if following.form.is_capital:
            return self._run(text, words, index + 1)
        is_name = title.form.lower in ABBREVIATED and following.form.size > 1 and not following.form.is_ordinary
        if not is_name:
            return index
        more = index + 2
        if (
            more < len(words)
            and GAP.fullmatch(text[following.end : words[more].start])
            and words[more].form.flags & (LAST | WORD) == LAST
        ):
            return more
        return index + 1

    def _run(self, text: str, words: list[_Word], index: int, most: int = LONGEST_NAME) -> int:
        """Return the last of the capitalised words (and particles between them) that go on from a word."""
        last = index
        at = index + 1
        while at < len(words) and at - index < most:
            gap = text[words[at - 1].end : words[at].start]
            is_initial = words[at - 1].form.size == 1 and gap.startswith(".")
            if not (BLANKS.fullmatch(gap) or (is_initial and GAP.fullmatch(gap))):
                break
            word = words[at]
            if word.form.is_capital and not self._ends_a_name(word, words[last]):
                last = at
            elif word.form.lower not in PARTICLES or word.form.lower in ("o",):
                break
            at += 1
        return last

    def _ends_a_name(self, word: _Word, before: _Word) -> bool:
        """Say whether a capitalised word is no part of the name before it: an ordinary word, or written differently."""
        if word.form.size == 1:
            return False
        if word.form.is_upper and word.form.size > 2 and not before.form.is_upper:
            return True
        return word.form.is_ordinary and not word.form.flags & LAST

    def _is_introduced(self, text: str, words: list[_Word], index: int) -> bool:
        """Say whether the words before one say that it is a name."""
        word = words[index]
        if index == 0 or word.form.size < 2:
            return False
        gap = text[words[index - 1].end : word.start]
        if words[index - 1].form.lower in FIELDS and FIELD_GAP.fullmatch(gap):
            return word.form.may_be_name or bool(word.form.is_capital and word.form.flags & FIRST)
        if not PHRASE_GAP.fullmatch(gap):
            return False
        before = {tuple(one.form.lower for one in words[max(0, index - size) : index]) for size in (1, 2)}
        if before & CERTAIN:
            return bool(word.form.is_capital and word.form.flags & FIRST) or not word.form.is_ordinary
        return bool(before & LIKELY_BEFORE) and word.form.may_be_name

    def _lower_run(self, text: str, words: list[_Word], index: int) -> int:
        """Return the last word of a name in lower case that begins at a word."""
        if index + 1 == len(words):
            return index
        following = words[index + 1]
        is_near = BLANKS.fullmatch(text[words[index].end : following.start]) is not None
        is_name = following.form.flags & (LAST | WORD) == LAST or not following.form.is_ordinary
        return index + 1 if is_near and is_name and not following.form.is_capital else index

    def _extended(self, text: str, words: list[_Word], found: list[Span]) -> list[Span]:
        """Return names with the capitalised words and particles that follow them: "Donald van der Voet"."""
        starts = [word.start for word in words]
        longer = []
        for span in found:
            inside = bisect_left(starts, span.end) - 1
            if inside < 0 or words[inside].start < span.start or words[inside].end > span.end:
                continue
            last = self._run(text, words, inside, most=4)
            if any(_goes_with_a_name(word) for word in words[inside + 1 : last + 1]):
                longer.append(Span(span.start, words[last].end, PERSON, span.score))
        return longer


def _are_unknown(first: _Word, last: _Word) -> bool:
    """Say whether two words look like a name of which no list knows both parts: capitals, and no ordinary words."""
    is_written_so = all(one.form.may_be_name and not one.form.is_upper and one.form.size > 2 for one in (first, last))
    return is_written_so and not (first.form.flags & NOUN and last.form.flags & NOUN)


def _goes_with_a_name(word: _Word) -> bool:
    form = word.form
    return form.lower in PARTICLES or form.size == 1 or form.flags & (LAST | WORD) == LAST


def _has_title(text: str, start: int) -> bool:
    before = WORDS.findall(text[max(0, start - 12) : start])
    return bool(before) and before[-1].lower() in TITLES


def _again(words: list[_Word], found: list[Span]) -> list[Span]:
    """Return the other places where a name that was found stands again, alone and written like a name."""
    inside = _covered(words, found)
    known = {
        word.form.lower
        for word, is_inside in zip(words, inside, strict=True)
        if is_inside and word.form.size > 2 and word.form.lower not in TITLES and not word.form.is_ordinary
    }
    return [
        Span(word.start, word.end, PERSON, POSSIBLE)
        for word, is_inside in zip(words, inside, strict=True)
        if not is_inside and word.form.is_capital and word.form.lower in known
    ]


def _covered(words: list[_Word], found: list[Span]) -> list[bool]:
    """Say of each word whether it lies in one of the spans."""
    starts = [word.start for word in words]
    inside = [False] * len(words)
    for span in found:
        index = bisect_left(starts, span.start)
        while index < len(words) and words[index].end <= span.end:
            inside[index] = True
            index += 1
    return inside
