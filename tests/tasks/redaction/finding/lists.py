"""A lexicon of a dozen words, so that a test says itself what the rules know."""

from tasks.redaction.finding.forms import Word, WordCutter
from tasks.redaction.finding.lexicon import FIRST, FREQUENT, LAST, NOUN, WORD, Lexicon

TINY = Lexicon(
    {
        "john": FIRST | FREQUENT,
        "anna": FIRST | FREQUENT,
        "zelda": FIRST,
        "mason": FIRST | LAST | WORD,
        "hunter": FIRST | LAST | NOUN,
        "smith": LAST,
        "gray": LAST | WORD,
        "voet": LAST,
        "borrower": WORD,
        "patient": WORD | NOUN,
        "house": NOUN,
        "walk": WORD,
        "walks": WORD,
        "said": WORD,
        "the": WORD,
        "in": WORD,
        "is": WORD,
    }
)


def words_of(text: str) -> list[Word]:
    """Return the words of a text as the tiny lexicon knows them."""
    return WordCutter(TINY).words(text)
