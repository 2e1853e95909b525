"""What words are: given names, family names, words of the language. "Hunter" is all three.

Names are those of the 1990 census of the United States (package `names`), with nicknames (package
`nicknames`). Words are the verbs, adjectives, adverbs and nouns of WordNet that the spaCy pipeline
carries for its lemmatizer.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from tasks.redaction.finding.words import word_list
from tasks.redaction.ner.candidates import NOUN as NOUN_HINT
from tasks.redaction.ner.candidates import OPENING, QUIET, TELLING

# Bits of a word's flags. Plain integers, not an enum: they are tested for every word of every text.
FIRST = 1  # somebody's given name
LAST = 2  # somebody's family name
WORD = 4  # a verb, an adjective, an adverb, a stop word, or listed as ambiguous
NOUN = 8  # a noun; kept apart, because WordNet's nouns hold thousands of names
FREQUENT = 16  # among the most frequent given names

FREQUENT_NAMES = 400  # of either sex, by the census's order, which is by frequency

# endings of inflected words, and what stands in their place in the dictionary
INFLECTIONS = (
    ("ies", "y"),
    ("es", ""),
    ("s", ""),
    ("ing", ""),
    ("ing", "e"),
    ("ed", ""),
    ("d", ""),
    ("er", ""),
    ("ly", ""),
)
# what the tokenizer cuts off words
CONTRACTIONS = frozenset(("n't", "'s", "'ll", "'re", "'ve", "'d", "'m", "'em"))
PARTICLES = word_list("particles")
# names that are words first: months, virtues, plants, places of common life
AMBIGUOUS = word_list("ambiguous")


@dataclass(frozen=True)
class Lexicon:
    """Flags of every listed word; all questions are about words in lower case."""

    flags: dict[str, int]

    def of(self, word: str) -> int:
        """Return the flags of a word; 0 for one that no list knows."""
        return self.flags.get(word, 0)

    def is_first(self, word: str) -> bool:
        """Say whether it is a given name, and not a word first."""
        return self.of(word) & (FIRST | WORD) == FIRST

    def is_name(self, word: str) -> bool:
        """Say whether it is a given or family name, and not a word first."""
        flags = self.of(word)
        return bool(flags & (FIRST | LAST)) and not flags & WORD

    def is_ordinary(self, word: str) -> bool:
        """Say whether it is a word of the language that nobody is called.

        What is both a word and a name is ordinary unless the name is frequent; a noun alone does
        not make a name ordinary.
        """
        flags = self.of(word)
        if flags & (FIRST | LAST):
            return bool(flags & WORD) and not flags & FREQUENT
        return bool(flags & (WORD | NOUN)) or self._is_inflected(word)

    def hint(self, word: str) -> int:
        """Say whether a token of a text may be a name or part of one (`ner/candidates.py`)."""
        if word == "I" or not any(map(str.isalpha, word)):
            return QUIET  # nobody is called "I", "," or "42"
        plain = word.lower().replace("\u2019", "'")
        if plain in CONTRACTIONS:
            return QUIET
        if not plain.isalpha() or not plain.isascii() or plain in PARTICLES:
            return TELLING

        flags = self.of(plain)
        if word.islower():
            if flags & (FIRST | LAST) and not self.is_ordinary(plain):
                return TELLING
            if flags & NOUN:
                return NOUN_HINT
            return QUIET if flags or self._is_inflected(plain) else TELLING
        # What is no more than a noun has a capital where it is a name.
        is_word = flags & WORD or (not flags and self._is_inflected(plain, WORD))
        is_nobody = is_word and not flags & (FIRST | LAST)
        if not is_nobody or plain[1:] != word[1:]:
            return TELLING
        return NOUN_HINT if flags & NOUN else OPENING

    def _is_inflected(self, word: str, kinds: int = WORD | NOUN) -> bool:
        return any(
            word.endswith(ending) and self.of(word[: -len(ending)] + stem) & kinds
            for ending, stem in INFLECTIONS
        )


@lru_cache(maxsize=2)
def load_lexicon(model: Path) -> Lexicon:
    """Return the lexicon, with the words of the spaCy pipeline that lies at `model`.

    Without a pipeline there, or without WordNet's tables in it, only stop words and the ambiguous
    names are words; more would then be taken for names, never fewer.
    """
    flags: dict[str, int] = dict.fromkeys(AMBIGUOUS, WORD)
    for part_of_speech, words in _dictionary(model):
        _mark(flags, words, NOUN if part_of_speech == "noun" else WORD)

    census = files("names")
    for sex in ("male", "female"):
        given_names = _census_names((census / f"dist.{sex}.first").read_text(encoding="ascii"))
        _mark(flags, given_names, FIRST)
        _mark(flags, given_names[:FREQUENT_NAMES], FREQUENT)
    family_names = _census_names((census / "dist.all.last").read_text(encoding="ascii"))
    _mark(flags, family_names, LAST)
    # The census writes "OBRIEN", and the dictionary knows "O'Brien" from a dish and no name.
    for name in family_names:
        if name[0] in "od":
            flags[f"{name[0]}'{name[1:]}"] = LAST
    _mark(flags, (name for pair in _nickname_pairs() for name in pair), FIRST)

    # Last, because the census counts "May" and "Grace" among the frequent names.
    for word in AMBIGUOUS:
        flags[word] = (flags[word] | WORD) & ~FREQUENT
    return Lexicon(flags)


def nicknames() -> dict[str, frozenset[str]]:
    """Return given name -> what people of that name are called, both ways round; lower case."""
    by_name: dict[str, set[str]] = {}
    for name, nickname in _nickname_pairs():
        by_name.setdefault(name, set()).add(nickname)
        by_name.setdefault(nickname, set()).add(name)
    return {name: frozenset(others) for name, others in by_name.items()}


def _nickname_pairs() -> list[tuple[str, str]]:
    text = (files("nicknames") / "names.csv").read_text(encoding="utf-8")
    return [(row["name1"], row["name2"]) for row in csv.DictReader(text.splitlines())]


def _mark(flags: dict[str, int], words: Iterable[str], flag: int) -> None:
    for word in words:
        flags[word] = flags.get(word, 0) | flag


def _census_names(text: str) -> list[str]:
    """Return the names of a file of the census: one a line, before its frequency and rank."""
    return [line.split(maxsplit=1)[0].lower() for line in text.splitlines()]


def _dictionary(model: Path) -> list[tuple[str, Iterable[str]]]:
    """Return (part of speech, words) of spaCy's stop words and of the pipeline's WordNet tables."""
    from spacy.lang.en.stop_words import STOP_WORDS
    from spacy.lookups import Lookups
    from spacy.strings import get_string_id

    listed: list[tuple[str, Iterable[str]]] = [("stop", STOP_WORDS)]
    if not (model / "lemmatizer" / "lookups").is_dir():
        return listed

    lookups = Lookups().from_disk(model / "lemmatizer" / "lookups")
    # the dictionary's words, and the irregular forms of some ("went")
    for name in ("lemma_index", "lemma_exc"):
        table = lookups.get_table(name, {})
        for part_of_speech in ("verb", "adj", "adv", "noun"):
            key = get_string_id(part_of_speech)
            if key in table:
                listed.append((part_of_speech, table[key]))
    return listed
