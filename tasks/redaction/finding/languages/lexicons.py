"""What words are in German, French and Spanish.

Given and family names are those of Faker's locales, and the census's where the language has no such
word; words are the inflected forms of the dictionaries that `simplemma` carries. German's keep
their capitals: what is written small there is a verb or an adjective, the rest are nouns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from tasks.errors import ConfigError
from tasks.redaction.finding.lexicon import (
    FIRST,
    FREQUENT,
    LAST,
    NOUN,
    WORD,
    Lexicon,
)

LONGEST_PARTICLE = 3  # letters: "de", "del"


@dataclass(frozen=True)
class DictionaryLexicon(Lexicon):
    """The flags of names, and of whatever word a dictionary has; computed when asked."""

    dictionary: Mapping[str, str]
    ambiguous: frozenset[str]

    def of(self, word: str) -> int:
        """Return the flags of a word; 0 for one that neither a list nor the dictionary knows."""
        flags = self.flags.get(word, 0)
        if word in self.ambiguous:
            return (flags | WORD) & ~FREQUENT
        if word in self.dictionary:
            # "Pierre" is a name, and "la pierre" is none; "Klein" is one of the frequent surnames.
            return flags | (NOUN if flags & FIRST else WORD)
        return flags | NOUN if word.capitalize() in self.dictionary else flags

    def is_ordinary(self, word: str) -> bool:
        """Say whether it is a word of the language that nobody is called.

        Inflected forms are in the dictionary, so none is derived here.
        """
        flags = self.of(word)
        if flags & (FIRST | LAST):
            return bool(flags & WORD) and not flags & FREQUENT
        return bool(flags & (WORD | NOUN))


@lru_cache(maxsize=3)
def load_language_lexicon(
    language: str, locales: tuple[str, ...], ambiguous: frozenset[str]
) -> DictionaryLexicon:
    """Return the lexicon of a language other than English; takes a second or two.

    Raises:
        ConfigError: The package that carries the dictionaries is not installed.
    """
    dictionary = _dictionary(language)
    flags: dict[str, int] = {}
    for locale in locales:
        provider: Any = import_module(f"faker.providers.person.{locale}").Provider
        for names, flag in ((_given_names(provider), FIRST), (provider.last_names, LAST)):
            parts = (part for part in _parts(names) if not _is_particle(part, dictionary))
            _mark(flags, parts, flag | FREQUENT)

    # People from elsewhere, where their names are no words here.
    census = files("names")
    for name, flag in (("male.first", FIRST), ("female.first", FIRST), ("all.last", LAST)):
        text = (census / f"dist.{name}").read_text(encoding="ascii")
        listed = (line.split(maxsplit=1)[0].lower() for line in text.splitlines())
        _mark(
            flags,
            (word for word in listed if not {word, word.capitalize()} & dictionary.keys()),
            flag,
        )
    return DictionaryLexicon(flags, dictionary, ambiguous)


def _given_names(provider: Any) -> Iterable[str]:
    """Return a locale's given names; some list them by sex alone."""
    for attribute in ("first_names_female", "first_names_male", "first_names"):
        names = getattr(provider, attribute, ())
        # of some locales one of them is a property, made of the others
        yield from names if isinstance(names, Iterable) else ()


def _parts(names: Iterable[str]) -> Iterable[str]:
    """Yield names in lower case, and of those of several words each ("De la Cruz", "Jean-Luc")."""
    for name in names:
        yield from name.lower().replace("-", " ").split()


def _is_particle(part: str, dictionary: Mapping[str, str]) -> bool:
    """Say whether a part of a name is one that many names share, and the language's texts too."""
    return len(part) < 2 or (len(part) <= LONGEST_PARTICLE and part in dictionary)


def _mark(flags: dict[str, int], names: Iterable[str], flag: int) -> None:
    for name in names:
        flags[name] = flags.get(name, 0) | flag


def _dictionary(language: str) -> Mapping[str, str]:
    try:
        from simplemma.strategies.dictionaries.dictionary_factory import DefaultDictionaryFactory
    except ImportError as error:
        raise ConfigError(
            "redact.language",
            expected="the dictionaries of configs/languages.lock",
            found="none installed",
            remedy=(
                "Install them: `.venv/bin/python -m pip install --no-deps -r "
                "configs/languages.lock`. English needs none."
            ),
        ) from error

    dictionary: Mapping[str, str] = DefaultDictionaryFactory().get_dictionary(language)
    return dictionary
