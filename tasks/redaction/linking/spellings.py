"""How German, French and Spanish write one person's values: streets, dates, umlauts.

English ways are those of `contact.py` and `numbers.py`; what is here is looked for besides. Texts
and values come in their plain form and in lower case ("ü" is "u", "ß" is "s"), so that accents make
no difference. A place is (start, end) in that text, `end` exclusive.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

Place = tuple[int, int]
# German words without their letters, and with one letter for two: "Müller", "Mueller", "Muller"
WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
PAIRS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("ss", "s"))
POST_CODE = re.compile(r"(?<![\w.,/-])(?:[a-z]{1,2}[ -])?\d{4,5},? $")
LONGEST_POST_CODE = 10
WORD = re.compile(r"[a-z']+")
NUMBER = re.compile(r"\d{1,4}(?:\s?[a-h])?(?![a-z])")
FEWEST_LETTERS = 4  # of a street's name without kind and number; a shorter one is anybody's


@dataclass(frozen=True)
class Spelling:
    """The ways of one language.

    Attributes:
        months: In their order; plain and in lower case.
        kinds_of_streets: In full and short, each set of words that stand for one another.
        has_umlauts: "ä" may be written "ae", and "ß" "ss".
    """

    months: tuple[str, ...]
    kinds_of_streets: tuple[tuple[str, ...], ...]
    has_umlauts: bool = False

    def variants(self, value: str, own: str) -> Iterable[str]:
        """Return other spellings of a value; `own` is its plain form, and both in lower case."""
        if not self.has_umlauts:
            return ()
        contracted = own
        for pair, letter in PAIRS:
            contracted = contracted.replace(pair, letter)
        expanded = value.translate(WRITTEN_OUT)
        return {other for other in (contracted, expanded) if other.isascii()} - {own}

    def streets(self, lowered: str, own: str) -> Iterator[Place]:
        """Yield where a street stands: its number before, behind or not there, its kind short."""
        pattern = self._street_pattern(own)
        if pattern is not None:
            yield from (match.span() for match in re.finditer(pattern, lowered))

    def _street_pattern(self, own: str) -> str | None:
        number = NUMBER.search(own)
        words = WORD.findall(NUMBER.sub(" ", own, count=1))
        alternatives = [self._alternatives(word) for word in words]
        kinds = {kind for kinds in self.kinds_of_streets for kind in kinds}
        if sum(len(word) for word in words if word not in kinds) < FEWEST_LETTERS:
            return None

        core = r"[\s.,'/-]{1,3}".join(
            re.escape(word) if other is None else other
            for word, other in zip(words, alternatives, strict=True)
        )
        if number is None:
            return rf"(?<![a-z]){core}(?![a-z])"
        digits = re.escape(number.group())
        return (
            rf"(?<![a-z\d])(?:{digits},?\s)?{core}(?![a-z])"
            rf"(?:[.,]{{0,2}}\s?(?:n[o\x7f]?[.\x7f]{{0,2}}\s?)?{digits}(?![a-z\d]))?"
        )

    def _alternatives(self, word: str) -> str | None:
        """Return a pattern for the ways to write a street's kind; None for any other word.

        German's is the end of a word: "Hauptstr", "Hauptstrasse".
        """
        for kinds in self.kinds_of_streets:
            ways = "|".join(re.escape(kind) for kind in kinds)
            if word in kinds:
                return rf"(?:{ways})\.?"
            stem = next((word[: -len(kind)] for kind in kinds if word.endswith(kind)), "")
            if self.has_umlauts and len(stem) >= FEWEST_LETTERS - 1:
                return rf"{re.escape(stem)}[\s-]?(?:{ways})\.?"

        return None

    def dates(self, lowered: str, value: str) -> Iterator[Place]:
        """Yield where an ISO date stands with its month in words."""
        try:
            day = date.fromisoformat(value[:10])
        except ValueError:
            return

        month = self.months[day.month - 1]
        pattern = (
            rf"(?<!\d)0?{day.day}(?:\.|er)?\s?(?:de )?(?:{month}|{month[:3]})\b\.?"
            rf"(?:\s(?:del? )?(?:{day.year}|{day:%y})\b)?"
        )
        yield from (match.span() for match in re.finditer(pattern, lowered))


def with_post_code(lowered: str, place: Place) -> Place:
    """Return a town's place with the postal code where that stands right before it."""
    start, end = place
    match = POST_CODE.search(lowered, max(0, start - LONGEST_POST_CODE), start)
    return (match.start(), end) if match else place


GERMAN_MONTHS = (
    *("januar", "februar", "marz", "april", "mai", "juni"),
    *("juli", "august", "september", "oktober", "november", "dezember"),
)
FRENCH_MONTHS = (
    *("janvier", "fevrier", "mars", "avril", "mai", "juin"),
    *("juillet", "aout", "septembre", "octobre", "novembre", "decembre"),
)
SPANISH_MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
    *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)
SPELLINGS = {
    "de": Spelling(
        GERMAN_MONTHS,
        (("strasse", "strase", "str"), ("platz", "pl"), ("weg",), ("gasse", "g"), ("allee",)),
        has_umlauts=True,
    ),
    "fr": Spelling(
        FRENCH_MONTHS,
        (
            ("rue", "r"),
            ("avenue", "av", "ave"),
            ("boulevard", "bd", "bld", "blvd"),
            ("chemin", "ch", "che"),
            ("place", "pl"),
            ("impasse", "imp"),
            ("route", "rte"),
            ("allee", "all"),
        ),
    ),
    "es": Spelling(
        SPANISH_MONTHS,
        (
            ("calle", "c", "cl"),
            ("avenida", "avda", "av", "avd"),
            ("plaza", "pza", "plza", "pl"),
            ("paseo", "pso", "p"),
            ("carretera", "ctra", "crta"),
            ("camino", "cno"),
            ("urbanizacion", "urb"),
        ),
    ),
}
