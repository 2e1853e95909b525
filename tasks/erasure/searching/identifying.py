"""Which values of a row identify its person: columns as they are declared, texts by their spans.

A text is never searched for because it stands in a person's row: "No remarks at all." stands in
many. What it mentions (an address, a telephone) is, and a long text part by part, because a copy of
that is a copy of what was written about them. Either may be somebody else's, or be written of
somebody else too: `carriers` asks, when it is found.
"""

import re
from collections.abc import Iterator

import pandas as pd

from tasks.config.cases import Columns, Role
from tasks.erasure.searching.common_values import SHARED_KINDS
from tasks.erasure.searching.search_terms import PersonalValue
from tasks.erasure.searching.spellings import EMAIL, NOTE, PHONE

IDENTIFIER_ROLES = (Role.SUBJECT, Role.IDENTIFIER)
TEXT_ROLES = (Role.FREE_TEXT, Role.GOLD)
# Of columns that no use case declares any more, by what they are called.
KINDS_BY_NAME = {
    kind: kind for kind in ("email", "name", "phone", "ssn", "account", "iban", "street", "ip")
} | {"city": "city", "born": "date"}

# A sentence of so many words is not written twice by chance, but by a template; that is asked.
LONG_TEXT_CHARACTERS = 40
LONG_TEXT_WORDS = 6
PART_WORDS = 30  # so many words of a text are one term, so that a pattern stays small

# One cell of some row: which kind it is of, what it says, and whose row that is.
Cell = tuple[str, str, str]

# A run of characters that a local part may have, taken whole, and what makes an address of it. To
# look for the address alone tries each beginning of a run: the square of its length.
EMAILS = re.compile(r"[\w.+%-]++(?P<domain>@[\w-]+(?:\.[\w-]+)+)?")
SOCIAL_SECURITY_NUMBERS = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
IBANS = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
CARDS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
PHONES = re.compile(r"(?<![\w+.,/-])(?:\+|\(|\d)[\d ().\-/]{7,20}\d(?![\w-])")
DAYS = re.compile(r"(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d{2}")
PHONE_DIGITS = range(9, 16)  # ITU-T E.164: at most fifteen
CARD_DIGITS = range(13, 20)  # ISO/IEC 7812


def classify_column(name: str, declared: Columns | None) -> str:
    """Return the kind of a column whose values are looked for, or nothing.

    Args:
        name: The column.
        declared: The use case's columns; none, if the use case was removed.
    """
    if name == "subject":
        return "pseudonym"
    if declared is None:
        return KINDS_BY_NAME.get(name, NOTE)

    column = declared.root.get(name)
    if column is None:
        return ""
    if column.role in TEXT_ROLES:
        return NOTE
    # An IP address identifies a person whatever its column is for: CJEU C-582/14, Breyer.
    is_searched = column.role in IDENTIFIER_ROLES or column.kind == "ip"
    is_corroborating = column.role is Role.QUASI and column.kind in SHARED_KINDS
    return column.kind if is_searched or is_corroborating else ""


def read_values(
    frame: pd.DataFrame, declared: Columns | None, seen: set[Cell] | None = None
) -> set[PersonalValue]:
    """Return what identifies the people of some rows, each value with whose it is.

    Args:
        frame: The rows.
        declared: The use case's columns; none, if the use case was removed.
        seen: Cells of other versions, whose values are known; those of these rows are added.
    """
    seen = set() if seen is None else seen
    own: dict[Cell, None] = {}
    texts: dict[Cell, None] = {}
    for name in map(str, frame.columns):
        kind = classify_column(name, declared)
        is_text = pd.api.types.is_string_dtype(frame[name])
        if not kind or not (is_text or pd.api.types.is_integer_dtype(frame[name])):
            continue

        # A version has few rows of theirs, for which the means of a data frame are slow.
        for person, value in zip(frame["subject"].tolist(), frame[name].tolist(), strict=True):
            if not _is_missing(value):
                text = str(value)
                of_kind = kind if kind == NOTE else _kind_of(kind, text)
                (texts if kind == NOTE else own)[of_kind, text, person] = None

    values = {PersonalValue(*cell) for cell in own if cell not in seen}
    # What is theirs by a column is theirs, though a text mentions it, too.
    values |= {
        value
        for cell in texts
        if cell not in seen
        for value in find_mentions(cell[1], cell[2])
        if (value.kind, value.text, value.person) not in own
    }
    seen.update(own, texts)
    return values


def _is_missing(value: object) -> bool:
    """Say whether a cell has no value: none of its kinds equals itself."""
    return value is None or value is pd.NA or value != value


def find_mentions(text: str, person: str) -> Iterator[PersonalValue]:
    """Yield what of a text is searched for: the numbers and addresses in it, and a long text."""
    spans = [(EMAIL, hit) for hit in _find_emails(text)]
    spans += [("iban", hit) for hit in IBANS.findall(text) if _is_iban(hit)]
    spans += [("card", hit) for hit in CARDS.findall(text) if _is_card(hit)]
    spans += [("ssn", hit) for hit in SOCIAL_SECURITY_NUMBERS.findall(text)]
    spans += [(PHONE, hit) for hit in PHONES.findall(text) if _is_phone(hit)]
    if len(text) >= LONG_TEXT_CHARACTERS and len(text.split()) >= LONG_TEXT_WORDS:
        spans += [(NOTE, part) for part in _split_text(text)]
    for kind, span in spans:
        yield PersonalValue(kind, span, person, is_mentioned=True)


def _find_emails(text: str) -> list[str]:
    if "@" not in text:
        return []
    return [run[0] for run in EMAILS.finditer(text) if run["domain"]]


def _split_text(text: str) -> Iterator[str]:
    """Yield a long text in parts of about equal length, each long enough to be looked for."""
    words = text.split()
    parts = -(-len(words) // PART_WORDS)
    for part in range(parts):
        yield " ".join(words[part * len(words) // parts : (part + 1) * len(words) // parts])


def _kind_of(kind: str, text: str) -> str:
    """Return the kind of one value: what `redact` leaves of an address is a network of many."""
    return "network" if kind == "ip" and "/" in text else kind


def _is_phone(text: str) -> bool:
    """Say whether digits are a telephone: of a plausible length, no date, no bare number."""
    digits = _digits_of(text)
    is_written_as_one = text[0] in "+(0" or len(re.findall(r"\d+", text)) > 2
    return len(digits) in PHONE_DIGITS and is_written_as_one and not DAYS.search(text)


def _is_iban(text: str) -> bool:
    """Say whether the check digits hold (ISO 7064, mod 97-10)."""
    compact = text.replace(" ", "")
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _is_card(text: str) -> bool:
    """Say whether the last digit checks the others (ISO/IEC 7812, Luhn)."""
    digits = _digits_of(text)
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    is_checked = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    return is_checked and len(digits) in CARD_DIGITS and len(set(digits)) > 1


def _digits_of(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]
