"""Towns by name: those that telephone area codes are called after (`phonenumbers`), and some more.

A town that is a word or somebody's name too ("Essen", "Hagen") counts only behind a postal code, or
a preposition that leads to a place; there an unknown word with a capital counts too. Other towns
count wherever they stand with a capital.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tasks.redaction.finding.lexicon import FIRST, LAST, WORD, Lexicon
from tasks.redaction.finding.places import LOCATION, UNLISTED_PLACE
from tasks.redaction.spans import Span

LISTED = 0.7
LONGEST_TOWN_WORDS = 5
FEWEST_LETTERS = 3
LONGEST_ABBREVIATION = 4  # letters, all capitals: "in USD"
WORD_OF_TOWN = re.compile(r"[^\W\d_]+(?:['\u2019.-][^\W\d_]+)*")
# A postal code, with its country, that ends where a town begins. Four digits may be a year.
CODE_BEFORE = re.compile(
    r"(?<![\w.,/-])(?:(?:[A-Z]{1,2}[ -])?\d{5},?|[A-Z]{1,2}[ -]\d{4}|(?!19|20)\d{4})[ \n]$"
)
LONGEST_CODE = 11
NO_TOWN = re.compile(r"[\d(/,]")  # in what an area code is called after: several, or a region
# Of two words the first is a town by itself, and the second says which, but for these.
PARTS_OF_TOWNS = frozenset(
    (
        *("bad", "sankt", "st.", "neu", "alt", "klein", "ober", "unter", "hohen", "markt", "stadt"),
        *("la", "le", "les", "los", "las", "el", "san", "santa", "saint", "sainte"),
    )
)


@dataclass(frozen=True)
class TownFinder:
    """Finds listed towns, and words with a capital behind a preposition of place.

    Attributes:
        towns: Their names in lower case.
        lexicon: What words are otherwise.
        prepositions: Lead to a place; in lower case.
        particles: Stand inside the names of places ("Chiclana de la Frontera").
    """

    towns: frozenset[str]
    lexicon: Lexicon
    prepositions: frozenset[str]
    particles: frozenset[str]

    def find(self, text: str) -> list[Span]:
        """Return the places, in order; no two overlap."""
        words = [match.span() for match in WORD_OF_TOWN.finditer(text)]
        spans: list[Span] = []
        index = 0
        while index < len(words):
            start = words[index][0]
            if not text[start].isupper():
                index += 1
                continue
            count = self._listed(text, words, index)
            is_led = self._is_led(text, words, index)
            name = text[start : words[index + max(count, 1) - 1][1]]
            is_place = count > 0 and (is_led or not self._is_more(name))
            if is_place or (is_led and self._is_unknown(name)):
                last = self._last_word(text, words, index + max(count, 1) - 1)
                score = LISTED if is_place else UNLISTED_PLACE
                spans.append(Span(start, words[last][1], LOCATION, score))
                index = last
            index += 1

        return spans

    def _listed(self, text: str, words: list[tuple[int, int]], index: int) -> int:
        """Return of how many words the longest listed town is that begins here; 0: of none."""
        start = words[index][0]
        for count in range(min(LONGEST_TOWN_WORDS, len(words) - index), 0, -1):
            name = text[start : words[index + count - 1][1]].lower()
            if name in self.towns:
                return count
        return 0

    def _last_word(self, text: str, words: list[tuple[int, int]], last: int) -> int:
        """Return the last word of a place that goes on from word `last`.

        Unknown words with a capital, and any behind particles: "Mota del Cuervo".
        """
        for position in range(last + 1, min(last + LONGEST_TOWN_WORDS, len(words))):
            if text[words[position - 1][1] : words[position][0]] != " ":
                break
            word = text[slice(*words[position])]
            if word.lower() in self.particles:
                continue  # "IM" has capitals in a town that is written so
            is_behind_particle = position - 1 > last
            if not word[0].isupper() or not (is_behind_particle or self._is_unknown(word)):
                break
            last = position

        return last

    def _is_led(self, text: str, words: list[tuple[int, int]], index: int) -> bool:
        """Say whether what stands before a word leads to a place: a code or a preposition."""
        start = words[index][0]
        if CODE_BEFORE.search(text, max(0, start - LONGEST_CODE), start):
            return True
        if index == 0:
            return False
        before_start, before_end = words[index - 1]
        is_near = text[before_end:start] == " "
        return is_near and text[before_start:before_end].lower() in self.prepositions

    def _is_more(self, name: str) -> bool:
        """Say whether a town's name is a word or a name of people too, or too short to tell."""
        lowered = name.lower()
        is_known = bool(self.lexicon.of(lowered) & (FIRST | LAST | WORD))
        is_abbreviation = name.isupper() and len(name) <= LONGEST_ABBREVIATION
        return is_known or len(name) <= FEWEST_LETTERS or is_abbreviation

    def _is_unknown(self, word: str) -> bool:
        lowered = word.lower()
        least = LONGEST_ABBREVIATION + 1 if word.isupper() else FEWEST_LETTERS
        return word[0].isupper() and len(word) >= least and not self.lexicon.of(lowered)


@lru_cache(maxsize=3)
def load_towns(language: str, codes: tuple[str, ...], more: frozenset[str]) -> frozenset[str]:
    """Return the names of towns in lower case, by the area codes of some countries.

    Args:
        language: The language that the names are wanted in.
        codes: Of the countries ("49"); of a country the names in another language are left out.
        more: Names that are listed besides; blanks in them are written as `_`.
    """
    from phonenumbers.geodata import GEOCODE_DATA

    towns = {name.replace("_", " ") for name in more}
    for prefix, names in GEOCODE_DATA.items():
        if prefix.startswith(codes) and (name := names.get(language)):
            towns |= set(_names_in(name))
    return frozenset(towns)


def _names_in(area: str) -> Iterator[str]:
    """Yield the town that an area code is called after, with and without what tells it apart."""
    if NO_TOWN.search(area):
        area = NO_TOWN.split(area, maxsplit=1)[0].strip()
    lowered = area.lower()
    if len(lowered) >= FEWEST_LETTERS:
        yield lowered
    town, _, region = lowered.partition(" ")
    if region and " " not in region and town not in PARTS_OF_TOWNS:
        yield town  # "Halle Saale"
