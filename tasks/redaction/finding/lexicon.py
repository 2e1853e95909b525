"""What words are: first names, last names, words of the language. Whether "Hunter" is a name depends on all three.

Names are those of the 1990 census of the United States (`names`), with nicknames (`nicknames`); words are the verbs,
adjectives, adverbs and nouns of WordNet that the spaCy pipeline carries for its lemmatizer.
"""

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from tasks.redaction.finding.words import word_list

FIRST, LAST, WORD, NOUN, FREQUENT = 1, 2, 4, 8, 16
FREQUENT_FIRSTS = 400  # of either sex, by frequency
ENDINGS = (
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
# names that are words first: months, virtues, plants, places of common life
AMBIGUOUS = word_list("ambiguous")


@dataclass(frozen=True)
class Lexicon:
    """Flags of every known word, lower case."""

    flags: dict[str, int]

    def of(self, word: str) -> int:
        """Return the flags of a word in lower case; 0 for one that is unknown."""
        return self.flags.get(word, 0)

    def is_first(self, word: str) -> bool:
        """Say whether it is a first name, and not a word first."""
        return self.of(word) & (FIRST | WORD) == FIRST

    def is_name(self, word: str) -> bool:
        """Say whether it is a first or last name, and not a word first."""
        flags = self.of(word)
        return bool(flags & (FIRST | LAST)) and not flags & WORD

    def is_ordinary(self, word: str) -> bool:
        """Say whether it is a word of the language that nobody is called."""
        flags = self.of(word)
        if flags & (FIRST | LAST):
            return bool(flags & WORD) and not flags & FREQUENT
        return bool(flags & (WORD | NOUN)) or self._is_inflected(word)

    def _is_inflected(self, word: str) -> bool:
        return any(
            word.endswith(ending) and self.of(word[: -len(ending)] + stem) & (WORD | NOUN)
            for ending, stem in ENDINGS
        )


@lru_cache(maxsize=2)
def load_lexicon(model: Path) -> Lexicon:
    """Return the lexicon, with the words of the pipeline that lies at `model`; one without WordNet's has few words."""
    flags: dict[str, int] = dict.fromkeys(AMBIGUOUS, WORD)
    for part, words in _wordnet(model):
        _mark(flags, words, NOUN if part == "noun" else WORD)
    folder = files("names")
    for sex in ("male", "female"):
        firsts = _census((folder / f"dist.{sex}.first").read_text(encoding="ascii"))
        _mark(flags, firsts, FIRST)
        _mark(flags, firsts[:FREQUENT_FIRSTS], FREQUENT)
    _mark(flags, _census((folder / "dist.all.last").read_text(encoding="ascii")), LAST)
    rows = csv.DictReader(
        (files("nicknames") / "names.csv").read_text(encoding="utf-8").splitlines()
    )
    _mark(flags, [name for row in rows for name in (row["name1"], row["name2"])], FIRST)
    for word in AMBIGUOUS:
        flags[word] = (flags[word] | WORD) & ~FREQUENT
    return Lexicon(flags)


def nicknames() -> dict[str, frozenset[str]]:
    """Return first name -> what people of that name are called, and the other way round; lower case."""
    known: dict[str, set[str]] = {}
    for row in csv.DictReader(
        (files("nicknames") / "names.csv").read_text(encoding="utf-8").splitlines()
    ):
        one, other = row["name1"], row["name2"]
        known.setdefault(one, set()).add(other)
        known.setdefault(other, set()).add(one)
    return {name: frozenset(others) for name, others in known.items()}


def _mark(flags: dict[str, int], words: Any, flag: int) -> None:
    for word in words:
        flags[word] = flags.get(word, 0) | flag


def _census(text: str) -> list[str]:
    return [line.split(maxsplit=1)[0].lower() for line in text.splitlines()]


def _wordnet(model: Path) -> list[tuple[str, Any]]:
    from spacy.lang.en.stop_words import STOP_WORDS
    from spacy.lookups import Lookups
    from spacy.strings import get_string_id

    found: list[tuple[str, Any]] = [("stop", STOP_WORDS)]
    if (model / "lemmatizer" / "lookups").is_dir():
        lookups = Lookups().from_disk(model / "lemmatizer" / "lookups")
        for name in ("lemma_index", "lemma_exc"):
            table = lookups.get_table(name, {})
            parts = [
                part for part in ("verb", "adj", "adv", "noun") if get_string_id(part) in table
            ]
            found += [(part, table[get_string_id(part)]) for part in parts]
    return found
