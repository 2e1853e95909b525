"""Row link: the columns of a row say who the row is about, so search its text for that person.

A recogniser has to guess whether "Hunter" is a name; the row knows. What is found gets the kind
`OWN_…` of the column that said it, so that masked texts stay consistent. Texts and values are
compared in their plain form (`plain.py`): case, accents, look-alike letters, invisible characters
and the kind of digits make no difference.
"""

import re
from collections.abc import Iterable, Mapping

from tasks.redaction.finding.cleaning import clean
from tasks.redaction.finding.lexicon import Lexicon
from tasks.redaction.finding.patterns.plain import PlainText, to_plain
from tasks.redaction.linking import contact, dates, names, numbers, streets
from tasks.redaction.linking.spellings import SPELLINGS, with_post_code
from tasks.redaction.spans import Span

# kinds of columns that say who a row is about
KINDS = ("name", "email", "phone", "ssn", "account", "street", "city", "date", "ip")

FEWEST_SIGNS = 4  # of a number with letters; a shorter one is a word
LETTER = re.compile(r"[A-Za-z]")  # of plain text

Mention = tuple[int, int, str]  # start and end in the plain text, and the span's kind


class RowLinker:
    """Finds where a text mentions the person of its own row."""

    def __init__(
        self, lexicon: Lexicon, nicknames: Mapping[str, frozenset[str]], language: str = "en"
    ) -> None:
        self._lexicon = lexicon
        self._nicknames = nicknames
        self._spelling = SPELLINGS.get(language)  # None: English, whose ways are the modules'

    def link(self, text: str, person: Iterable[tuple[str, str]]) -> list[Span]:
        """Return the mentions, sorted and disjoint.

        `person` has the kind and the value of each column about the person of this row, empty where
        the row has none. A kind may come several times: two telephones, a first and a last name.
        """
        cleaned = clean(text)
        plain = to_plain(text if cleaned is None else cleaned.text)
        lowered = plain.text.lower()
        digits: numbers.Digits | None = None  # the text's, once a number asks for them

        mentions: list[Mention] = []
        for kind, value in _with_whole_name(list(person)):
            if not value:
                continue
            own = (value if value.isascii() else to_plain(value).text).strip()
            if kind == "name":
                places = names.mentions(
                    plain.text, lowered, own.lower(), self._lexicon, self._nicknames
                )
            elif kind == "email":
                places = contact.emails(lowered, own.lower())
            elif kind == "street":
                places = streets.streets(lowered, own.lower())
            elif kind == "date":
                places = dates.dates(lowered, own)
            elif kind in ("phone", "ssn", "account"):
                digits = digits or numbers.Digits(plain.text)
                places = digits.mentions(own, kind)
                # "KD-4711": as it is written, too, for its digits alone may be too few
                if len(own) >= FEWEST_SIGNS and LETTER.search(own):
                    places += contact.wholes(plain.text, lowered, own.lower(), self._lexicon)
            else:
                places = contact.wholes(plain.text, lowered, own.lower(), self._lexicon)
            if self._spelling is not None:
                places += self._in_language(plain.text, lowered, kind, value.strip().lower(), own)
            if places:
                own_kind = f"OWN_{kind.upper()}"
                mentions += [(start, end, own_kind) for start, end in places]
        spans = _join_in_original(plain, mentions)
        return spans if cleaned is None else [cleaned.at_origin(span) for span in spans]

    def _in_language(
        self, text: str, lowered: str, kind: str, value: str, own: str
    ) -> list[tuple[int, int]]:
        """Return the places that a language other than English adds; `own` is the plain value."""
        spelling = self._spelling
        assert spelling is not None
        if kind == "date":
            return list(spelling.dates(lowered, own))

        spellings = (own.lower(), *spelling.variants(value, own.lower()))
        places: list[tuple[int, int]] = []
        for other in spellings:
            if kind == "street":
                places += spelling.streets(lowered, other)
            elif kind == "city":
                towns = contact.wholes(text, lowered, other, self._lexicon)
                places += [with_post_code(lowered, place) for place in towns]
            elif kind == "name" and other != own.lower():
                places += names.mentions(text, lowered, other, self._lexicon, self._nicknames)
        return places


def _with_whole_name(person: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return a person with the name that a first and a last name of two columns make together."""
    parts = [value for kind, value in person if kind == "name" and value]
    return [*person, ("name", " ".join(parts))] if len(parts) > 1 else person


def _join_in_original(plain: PlainText, mentions: list[Mention]) -> list[Span]:
    """Return mentions as spans of the original.

    Where some overlap, their union, of the kind of the longest ("jane.roe@x.org" is an address
    that holds a name).
    """
    joined: list[tuple[int, int, str, int]] = []  # start, end, kind, length of the longest
    for start, end, kind in sorted(mention for mention in mentions if mention[1] > mention[0]):
        if joined and start < joined[-1][1]:
            low, high, longest_kind, longest = joined[-1]
            if end - start > longest:
                longest_kind = kind
                longest = end - start
            joined[-1] = (low, max(high, end), longest_kind, longest)
        else:
            joined.append((start, end, kind, end - start))

    return [Span(*plain.span(start, end), kind) for start, end, kind, _ in joined]
