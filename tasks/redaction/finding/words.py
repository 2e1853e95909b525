"""Lists of words, kept as data in YAML files, so that a list can be mended without code."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tasks.formats.yaml_file import read_yaml

ENGLISH_WORDS = Path(__file__).with_name("words.yaml")

Phrase = tuple[str, ...]  # word by word, in lower case


@cache
def word_list(name: str, path: Path = ENGLISH_WORDS) -> frozenset[str]:
    """Return one list of words, in lower case.

    Raises:
        KeyError: There is no list of that name.
    """
    return frozenset(read_yaml(path)[name].split())


@dataclass(frozen=True)
class Vocabulary:
    """The words of one language that the rules for names know by what they do; in lower case.

    Attributes:
        titles: Stand before a name ("Mr").
        abbreviated_titles: Those of them that do so in lower case too.
        particles: Stand inside a name ("van").
        greetings: A capitalised word after one is a name ("dear").
        fields: Labels of a form, after which a name follows ("owner:").
        certain_phrases: Whatever follows is a name, in any case ("my name is john").
        likely_phrases: What follows has to be written like a name ("I am Ann").
        common_nouns: Capitalised words that are no surname behind a given name ("Anna Geld").
        is_elided: Words lose a vowel before others ("d'Olivier" is two words).
        has_capital_nouns: Every noun has a capital, so that one says little.
        has_long_names: Titles come in rows, and particles begin surnames ("Frau Dr. von Heide").
    """

    titles: frozenset[str]
    abbreviated_titles: frozenset[str]
    particles: frozenset[str]
    greetings: frozenset[str]
    fields: frozenset[str]
    certain_phrases: frozenset[Phrase]
    likely_phrases: frozenset[Phrase]
    common_nouns: frozenset[str] = frozenset()
    is_elided: bool = False
    has_capital_nouns: bool = False
    has_long_names: bool = False

    @property
    def tells_names_by_capitals(self) -> bool:
        """Say whether a capital inside a sentence is a name's, or near enough."""
        return self.has_long_names and not self.has_capital_nouns

    @cached_property
    def announcing(self) -> frozenset[str]:
        """The words after which a name may follow."""
        phrases = self.certain_phrases | self.likely_phrases
        return self.fields | {phrase[-1] for phrase in phrases}


ENGLISH = Vocabulary(
    titles=word_list("titles"),
    abbreviated_titles=word_list("abbreviated_titles"),
    particles=word_list("particles"),
    greetings=word_list("greetings"),
    fields=word_list("fields"),
    certain_phrases=frozenset(
        (("name", "is"), ("call", "me"), ("calls", "me"), ("named",), ("surname", "is"))
    ),
    likely_phrases=frozenset(
        (("i", "am"), ("this", "is"), ("called",), ("i'm",), ("i\u2019m",), ("spouse",))
    ),
)
