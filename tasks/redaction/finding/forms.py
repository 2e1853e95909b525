"""Words of a text, and what their form says about whether they are names."""

import re
from functools import reduce
from operator import and_

from tasks.redaction.finding.lexicon import FIRST, FREQUENT, WORD, Lexicon
from tasks.redaction.finding.words import word_list

WORDS = re.compile(r"[^\W\d_]+(?:['\u2019\u02bc-][^\W\d_]+)*")
TITLES = word_list("titles")
GREETINGS = word_list("greetings")
FIELDS = word_list("fields")
# words before a name; after the first group whatever follows is one, in any case
CERTAIN = frozenset(
    (("name", "is"), ("call", "me"), ("calls", "me"), ("named",), ("surname", "is"))
)
LIKELY_BEFORE = frozenset(
    (("i", "am"), ("this", "is"), ("called",), ("i'm",), ("i\u2019m",), ("spouse",))
)
ANNOUNCING = FIELDS | {phrase[-1] for phrase in CERTAIN | LIKELY_BEFORE}
LONGEST_WORD = 30
FORMS_KEPT = 100_000


class Form:
    """What a word's form says, whatever its place: computed once per word."""

    __slots__ = (
        "announces",
        "flags",
        "is_capital",
        "is_ordinary",
        "is_upper",
        "lower",
        "may_begin",
        "size",
    )

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


class Word:
    """A word of a text: its place and its form."""

    __slots__ = ("end", "form", "start")

    def __init__(self, start: int, end: int, form: Form) -> None:
        self.start, self.end, self.form = start, end, form


class Forms:
    """Cuts texts into words, whose forms it remembers."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._known: dict[str, Form] = {}

    def words(self, text: str) -> list[Word]:
        """Return the words of a text."""
        known = self._known.get
        return [
            Word(*match.span(), known(match[0]) or self._form(match[0]))
            for match in WORDS.finditer(text)
        ]

    def _form(self, word: str) -> Form:
        if len(self._known) >= FORMS_KEPT:
            self._known.clear()
        form = self._known[word] = Form(word, self._lexicon)
        return form
