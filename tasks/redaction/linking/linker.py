"""Row link: the columns of a row say who the row is about, so search its text for exactly that person.

A recogniser has to guess whether "Hunter" is a name; the row knows. What is found gets the kind `OWN_…` of the column
that said it, so that masked texts stay consistent. Texts and values are compared in their plain form (`plain.py`):
case, accents, look-alike letters, invisible characters and the kind of digits make no difference.
"""

from collections.abc import Mapping

from tasks.redaction.finding.lexicon import Lexicon
from tasks.redaction.finding.patterns.plain import Plain, plain
from tasks.redaction.linking import contact, names, numbers
from tasks.redaction.spans import Span

# kinds of columns that say who a row is about
KINDS = ("name", "email", "phone", "ssn", "account", "street", "city", "date", "ip")


class RowLinker:
    """Finds where a text mentions the person of its own row."""

    def __init__(self, lexicon: Lexicon, nicknames: Mapping[str, frozenset[str]]) -> None:
        self._lexicon, self._nicknames = lexicon, nicknames

    def link(self, text: str, person: Mapping[str, str]) -> list[Span]:
        """Return the mentions; `person` maps kinds of columns to this row's values, empty where it has none."""
        form = plain(text)
        lowered = form.text.lower()
        digits: numbers.Digits | None = None
        found: list[tuple[int, int, str]] = []
        for kind, value in person.items():
            if not value:
                continue
            own = plain(value).text.strip()
            if kind == "name":
                spans = names.mentions(
                    form.text, lowered, own.lower(), self._lexicon, self._nicknames
                )
            elif kind == "email":
                spans = contact.emails(lowered, own.lower())
            elif kind == "street":
                spans = contact.streets(lowered, own.lower())
            elif kind == "date":
                spans = numbers.dates(lowered, own)
            elif kind in ("phone", "ssn", "account"):
                digits = digits or numbers.Digits(form.text)
                spans = digits.mentions(own, kind)
            else:
                spans = contact.wholes(form.text, lowered, own.lower(), self._lexicon)
            found += [(start, end, f"OWN_{kind.upper()}") for start, end in spans]
        return _in_original(form, found)


def _in_original(form: Plain, found: list[tuple[int, int, str]]) -> list[Span]:
    """Return the places in the original; where some overlap, their union, of the kind of the longest."""
    joined: list[tuple[int, int, str, int]] = []
    for start, end, kind in sorted(one for one in found if one[1] > one[0]):
        if joined and start < joined[-1][1]:
            low, high, known, longest = joined[-1]
            kept = (kind, end - start) if end - start > longest else (known, longest)
            joined[-1] = low, max(high, end), *kept
        else:
            joined.append((start, end, kind, end - start))
    return [Span(*form.span(start, end), kind) for start, end, kind, _ in joined]
