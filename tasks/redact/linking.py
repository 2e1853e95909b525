"""Row link: the columns of a row say who the row is about, so search its text for exactly that person.

A recogniser has to guess whether "Hunter" is a name; the row knows. Finds names in any order, initials with the
surname, e-mail, phone in any spacing, the last four digits of numbers, and the street with or without its number.
"""

import re
from collections.abc import Mapping

from tasks.redact.spans import Span

# kinds of columns that say who a row is about
KINDS = ("name", "email", "phone", "ssn", "account", "street", "city")
DIGITS = re.compile(r"\D+")
SHORTEST_WORD = 2  # a one-letter name is no evidence of anybody


def link(text: str, person: Mapping[str, str]) -> list[Span]:
    """Return where `text` mentions the row's own person; `person` maps kinds of columns to this row's values."""
    lowered = text.casefold()
    if len(lowered) != len(text):  # case-folding that changes lengths would move the spans
        lowered = text.lower() if len(text.lower()) == len(text) else text
    found: list[Span] = []
    for kind, value in person.items():
        if not value:
            continue
        if kind == "name":
            found += _names(text, lowered, value)
        elif kind in ("phone", "ssn", "account"):
            found += _numbers(text, value, kind)
        elif kind == "street":
            found += _wholes(lowered, value, "OWN_STREET")
            found += _wholes(lowered, value.lstrip("0123456789 "), "OWN_STREET")
        else:
            found += _wholes(lowered, value, f"OWN_{kind.upper()}")
    return found


def _names(text: str, lowered: str, name: str) -> list[Span]:
    words = [word for word in re.findall(r"\w[\w'-]*", name) if len(word) >= SHORTEST_WORD]
    found = _wholes(lowered, name, "OWN_NAME")
    for word in words:
        # alone, a name that is also a word ("Grant", "will") counts only where it is written like a name
        found += [span for span in _wholes(lowered, word, "OWN_NAME") if not text[span.start].islower()]
    if len(words) > 1:
        for match in re.finditer(rf"\b{re.escape(words[0][0])}\.(?=\s*{re.escape(words[-1])}\b)", text, re.IGNORECASE):
            found.append(Span(match.start(), match.end(), "OWN_NAME"))
    return found


def _numbers(text: str, value: str, kind: str) -> list[Span]:
    digits = DIGITS.sub("", value)
    if len(digits) < 7:
        return []
    spaced = r"[\s().+/-]*".join(digits)
    pattern = rf"(?<!\d)\(?{spaced}(?!\d)"
    found = [Span(match.start(), match.end(), f"OWN_{kind.upper()}") for match in re.finditer(pattern, text)]
    if kind != "phone":
        ending = rf"\b(?:ending|ends|last four|last 4|x{{2,}}|\*{{2,}})\D{{0,12}}({digits[-4:]})(?!\d)"
        found += [Span(*match.span(1), f"OWN_{kind.upper()}") for match in re.finditer(ending, text, re.IGNORECASE)]
    return found


def _wholes(lowered: str, value: str, kind: str) -> list[Span]:
    """Return every occurrence of `value` that is no part of a longer word, whatever its case."""
    wanted, found, at = value.casefold(), [], 0
    while wanted and (start := lowered.find(wanted, at)) >= 0:
        end = start + len(wanted)
        before, after = lowered[start - 1 : start], lowered[end : end + 1]
        if not before.isalnum() and not after.isalnum():
            found.append(Span(start, end, kind))
        at = start + 1
    return found
