"""A language's profile: everything that the finder and row link ask of a language, in one place."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.errors import ConfigError
from tasks.redaction.finding.languages.lexicons import load_language_lexicon
from tasks.redaction.finding.languages.towns import TownFinder, load_towns
from tasks.redaction.finding.lexicon import Lexicon
from tasks.redaction.finding.patterns.recognisers import BUILTIN, Recogniser, load_recognisers
from tasks.redaction.finding.words import ENGLISH, Vocabulary, word_list

HERE = Path(__file__).parent
# Of the built-in recognisers those that know no language.
INTERNATIONAL = frozenset(
    (
        "E-mail",
        "URL",
        "Payment card",
        "IBAN",
        "IP address",
        "MAC address",
        "UUID",
        "Cryptocurrency address",
        "Date",
        "Vehicle identification number",
        "User name",
    )
)


@dataclass(frozen=True)
class LanguageProfile:
    """What is peculiar to one language.

    Attributes:
        code: ISO 639-1.
        locales: Faker's, whose names of people are taken.
        country_codes: Of telephones (E.164), whose area codes are called after towns.
        vocabulary: The words that the rules for names know.
    """

    code: str
    locales: tuple[str, ...]
    country_codes: tuple[str, ...]
    vocabulary: Vocabulary

    @property
    def is_english(self) -> bool:
        """Say whether it is the language that the rules were made for."""
        return self.code == "en"

    def recognisers(self) -> tuple[Recogniser, ...]:
        """Return what is known by its form."""
        builtin = load_recognisers(BUILTIN)
        if self.is_english:
            return builtin
        shared = tuple(one for one in builtin if one.name in INTERNATIONAL)
        return (*shared, *load_recognisers(HERE / f"{self.code}.yaml"))

    def lexicon(self) -> Lexicon:
        """Return what words are, for every language but English.

        Raises:
            ConfigError: The dictionaries are not installed.
        """
        return load_language_lexicon(
            self.code, self.locales, word_list("ambiguous", _words_path(self.code))
        )

    def towns(self) -> TownFinder:
        """Return what finds towns, for every language but English.

        Raises:
            ConfigError: The dictionaries are not installed.
        """
        path = _words_path(self.code)
        towns = load_towns(self.code, self.country_codes, word_list("towns", path))
        prepositions = word_list("prepositions", path)

        return TownFinder(
            towns, self.lexicon(), prepositions, word_list("particles_of_places", path)
        )


def _words_path(code: str) -> Path:
    return HERE / f"words_{code}.yaml"


def _phrases(name: str, path: Path) -> frozenset[tuple[str, ...]]:
    """Return a list of phrases; the words of one are joined by `_` in the file."""
    return frozenset(tuple(phrase.split("_")) for phrase in word_list(name, path))


def _vocabulary(code: str) -> Vocabulary:
    path = _words_path(code)
    return Vocabulary(
        titles=word_list("titles", path),
        abbreviated_titles=word_list("abbreviated_titles", path),
        particles=word_list("particles", path),
        greetings=word_list("greetings", path),
        fields=word_list("fields", path),
        certain_phrases=_phrases("certain_phrases", path),
        likely_phrases=_phrases("likely_phrases", path),
        common_nouns=word_list("common_nouns", path),
        is_elided=code == "fr",
        has_capital_nouns=code == "de",
        has_long_names=True,
    )


LANGUAGES = ("en", "de", "fr", "es")
LOCALES = {
    "de": ("de_DE", "de_AT", "de_CH"),
    "fr": ("fr_FR", "fr_BE", "fr_CH"),
    "es": ("es_ES", "es_MX", "es_AR", "es_CL", "es_CO"),
}
COUNTRY_CODES = {"de": ("49", "43", "41"), "fr": ("33", "32", "41"), "es": ("34",)}


@cache
def profile_of(code: str) -> LanguageProfile:
    """Return the profile of a language.

    Raises:
        ConfigError: There is none.
    """
    require_language(code)
    if code == "en":
        return LanguageProfile("en", (), (), ENGLISH)
    return LanguageProfile(code, LOCALES[code], COUNTRY_CODES[code], _vocabulary(code))


def require_language(code: str) -> None:
    """Refuse a language that has no profile.

    Raises:
        ConfigError: There is none.
    """
    if code not in LANGUAGES:
        raise ConfigError(
            "redact.language",
            expected=f"one of {', '.join(LANGUAGES)}",
            found="another language",
            remedy="No other language has a profile that was measured (docs/redaction.md).",
        )
