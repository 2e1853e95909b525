"""Words of a text, and what their form says about whether they are names."""

import re
from functools import reduce
from itertools import accumulate, repeat
from operator import and_
from typing import NamedTuple

from tasks.redaction.finding.lexicon import FIRST, FREQUENT, WORD, Lexicon
from tasks.redaction.finding.words import ENGLISH, Vocabulary

# letters of any script, with hyphens and apostrophes (straight, typographic, modifier) inside
WORDS = re.compile(r"[^\W\d_]+(?:['\u2019\u02bc-][^\W\d_]+)*")
# The same where words lose a vowel before others: the one letter before the apostrophe is a word.
ELIDED_WORDS = re.compile(r"[^\W\d_]+(?:(?:(?<!\b[cdjlmnstCDJLMNST])['\u2019\u02bc]|-)[^\W\d_]+)*")
LONGEST_WORD = 30  # letters; what is longer is data, not a name
REMEMBERED_FORMS = 100_000  # then all are forgotten, so that memory stays bounded


class WordForm:
    """What a word's form says, whatever its place; computed once per word.

    Attributes:
        lower: The word in lower case.
        flags: What the lexicon knows of it (`lexicon.FIRST` and so on).
        size: Its length in characters.
        is_capital: Its first letter is a capital.
        is_upper: All its letters are capitals.
        is_ordinary: It is a word of the language that nobody is called.
        vocabulary: The words of the language that the rules know.
        is_title: It stands before names.
        is_particle: It stands inside names.
        announces: A name may follow ("named", "borrower:").
        may_begin: A name may begin with it, so that the rules have to look at it at all.
    """

    # Slots: hundreds of thousands of forms are kept, and the rules read them for every word.
    __slots__ = (
        "announces",
        "flags",
        "is_capital",
        "is_ordinary",
        "is_particle",
        "is_title",
        "is_upper",
        "lower",
        "may_begin",
        "size",
        "vocabulary",
    )

    def __init__(self, text: str, lexicon: Lexicon, vocabulary: Vocabulary = ENGLISH) -> None:
        self.lower = text.lower()
        self.flags = flags = _flags(self.lower, lexicon)
        self.size = len(text)
        self.is_capital = text[0].isupper()
        self.is_upper = text.isupper()
        self.is_ordinary = lexicon.is_ordinary(self.lower)
        self.vocabulary = vocabulary
        self.is_title = self.lower in vocabulary.titles
        self.is_particle = self.lower in vocabulary.particles
        self.announces = self.lower in vocabulary.announcing

        # In lower case only a frequent given name is worth a look: rare ones are words more often.
        is_given_name = flags & (FIRST | WORD) == FIRST
        is_listed = is_given_name and (self.is_capital or bool(flags & FREQUENT))
        is_unusual = self.is_capital and (not self.is_ordinary or bool(flags & FIRST))
        is_introducing = self.is_title or self.lower in vocabulary.greetings
        is_telling = self.is_capital and vocabulary.has_long_names
        is_initial = self.is_capital and self.size == 1
        self.may_begin = is_introducing or is_listed or is_unusual or is_telling or is_initial

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


class Word(NamedTuple):
    """A word of a text: its place (`end` is exclusive) and its form.

    A tuple: a text has dozens, and tuples are made without a call of Python's for each.
    """

    start: int
    end: int
    form: WordForm


class _Forms(dict[str, WordForm]):
    """Word -> its form, made when it is first asked for."""

    def __init__(self, lexicon: Lexicon, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._lexicon = lexicon
        self._vocabulary = vocabulary

    def __missing__(self, word: str) -> WordForm:
        if len(self) >= REMEMBERED_FORMS:
            self.clear()
        form = WordForm(word, self._lexicon, self._vocabulary)
        self[word] = form
        return form


class WordCutter:
    """Cuts texts into words, and remembers the forms of the words that it has met."""

    def __init__(self, lexicon: Lexicon, vocabulary: Vocabulary = ENGLISH) -> None:
        pattern = ELIDED_WORDS if vocabulary.is_elided else WORDS
        self._pattern = re.compile(f"({pattern.pattern})")
        self.forms = _Forms(lexicon, vocabulary)

    def words(self, text: str) -> list[Word]:
        """Return the words of a text, in order."""
        # Splitting gives gap, word, gap … at the speed of C: most texts have fifty words or more.
        parts = self._pattern.split(text)
        ends = list(accumulate(map(len, parts)))
        forms = map(self.forms.__getitem__, parts[1::2])
        places = zip(ends[::2], ends[1::2], forms, strict=False)  # the last gap has no word
        return list(map(tuple.__new__, repeat(Word), places))
