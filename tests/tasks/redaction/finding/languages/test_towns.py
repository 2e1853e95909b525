"""Towns in texts: listed ones, unknown ones behind a preposition, and words that are no town."""

import pytest

from tasks.redaction.finding.languages.towns import TownFinder, load_towns
from tasks.redaction.finding.lexicon import FIRST, LAST, NOUN, WORD, Lexicon

LEXICON = Lexicon({"essen": WORD, "hagen": FIRST, "paris": LAST, "vertrag": NOUN})
TOWNS = frozenset(("köln", "essen", "hagen", "palma", "bad homburg", "ulm"))
FINDER = TownFinder(TOWNS, LEXICON, frozenset(("in", "a")), frozenset(("im", "de", "la")))


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("Sie lebt in Köln.", ["Köln"]),
        ("Köln ist groß", ["Köln"]),
        ("das Essen in Essen", ["Essen"]),
        ("Hagen rief an", []),
        ("45127 Essen", ["Essen"]),
        ("A-1010 Hagen", ["Hagen"]),
        ("im Jahr 1984 Essen gekauft", []),
        ("Bad Homburg", ["Bad Homburg"]),
        ("in Oberknick", ["Oberknick"]),
        ("in Oberknick im Tal", ["Oberknick im Tal"]),
        ("in Palma de Mallorca", ["Palma de Mallorca"]),
        ("in Vertrag", []),
        ("in USD", []),
        ("Oberknick", []),
        ("in\nOberknick", []),
        ("", []),
    ],
)
def test_a_town_is_found_where_nothing_else_is_meant(text: str, places: list[str]) -> None:
    assert [text[span.start : span.end] for span in FINDER.find(text)] == places


def test_area_codes_are_called_after_towns_in_the_language() -> None:
    german = load_towns("de", ("49",), frozenset(("am_ende",)))
    assert {"köln", "aachen", "am ende"} <= german
    # with what tells a town from another of its name, and without
    assert {"altenburg thüringen", "altenburg"} <= german
    assert "bad" not in german
    assert not any(char.isdigit() for town in german for char in town)
