"""What a column looks like, by its name and a sample of its values, with the reason.

A declared kind is what redaction goes by; this says where the declaration and the data disagree,
for a person to check. Where nothing is declared and no kind is clear, a column is free text: that
masks the most.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.redaction.finding.patterns import validators
from tasks.redaction.finding.patterns.plain import to_plain

SAMPLE_VALUES = 200
LONGEST_VALUE = 500  # characters of a value that are looked at
CLEAR_SHARE = 0.8  # of the sample that has to look alike
TELLING_SHARE = 0.05  # of a column that is kept as it is: from here on a person should look
FREE_TEXT_WORDS = 4  # a value, on average; names and addresses have fewer
CATEGORY_VALUES = 30  # distinct ones in the sample at most

# A value counts for the first form that it has, so the order matters: strict ones come first.
FORMS: tuple[tuple[str, str], ...] = (
    ("email", r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    ("ssn", r"\d{3}[- ]\d{2}[- ]\d{4}"),
    ("ip", r"[0-9a-f:.]*[:.][0-9a-f:.]+(?:/\d+)?"),
    ("iban", r"[A-Z]{2}\d{2}[A-Z0-9 ]{11,34}"),
    ("card", r"\d{4}[ .-]?\d{4,6}[ .-]?\d{4,5}(?:[ .-]?\d{1,4})?"),
    ("date", r"\d{4}-\d{1,2}-\d{1,2}(?:[T ][\d:.+Z-]*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"),
    ("number", r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?"),
    ("phone", r"\+?[\d\s().-]{7,20}(?:\s?x\d+)?"),
    ("street", r"\d+\w?\s.*|.*\s\d+\w?|p\.?\s?o\.?\s?box.*"),
)
COMPILED = tuple((kind, re.compile(form, re.IGNORECASE)) for kind, form in FORMS)
# what a form has to pass besides
CHECKS = {"ip": validators.ip, "iban": validators.iban, "card": validators.luhn}
IDENTIFYING = frozenset(
    ("email", "ssn", "ip", "iban", "card", "date", "phone", "street", "name", "city", "account")
)
# What columns of a kind are called, word by word; the first kind that matches counts.
HEADERS = (
    ("email", ("email", "e_mail", "mail")),
    ("phone", ("phone", "tel", "mobile", "cell", "fax")),
    ("ssn", ("ssn", "social_security", "tax_id", "itin")),
    ("ip", ("ip", "ip_address", "ipaddr")),
    ("iban", ("iban",)),
    ("card", ("card", "pan", "credit_card")),
    (
        "account",
        ("account", "acct", "account_number", "customer_id", "member_id", "mrn", "policy_number"),
    ),
    ("name", ("name", "surname", "firstname", "lastname", "fullname", "forename", "customer")),
    ("street", ("street", "address", "addr", "address1", "street_address")),
    ("city", ("city", "town", "municipality")),
    ("date", ("dob", "born", "birth", "date_of_birth", "birthdate", "birthday")),
    (
        "text",
        (
            "note",
            "notes",
            "comment",
            "comments",
            "description",
            "text",
            "message",
            "remarks",
            "body",
        ),
    ),
)


class ColumnLook(BaseModel):
    """What a column was taken for, and why; shares and counts only, never a value.

    Attributes:
        kind: `text` where nothing is clear.
        is_clear: Whether name and values leave no doubt.
        why: The reason, for a person.
        forms: Identifying form -> share of the sample that has it.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    is_clear: bool
    why: str
    forms: dict[str, float]


def look(name: str, values: Iterable[Any]) -> ColumnLook:
    """Say what a column looks like, by its name and `SAMPLE_VALUES` of its values at most.

    Missing values are left out. Values decide before the name does, except that a name says which
    kind of number it is.
    """
    sample = _sample(values)
    header = _header_kind(name)
    if not sample:
        kind = header or "text"
        return ColumnLook(kind=kind, is_clear=False, why="no values to look at", forms={})

    shares = _shares(sample)
    best, share = max(shares.items(), key=lambda item: item[1], default=("", 0.0))
    forms = {kind: round(part, 3) for kind, part in shares.items() if kind in IDENTIFYING}
    evidence = f"{len(sample)} values, of no form"
    if best:
        evidence = f"{share:.0%} of {len(sample)} values look like `{best}`"

    # 1. Most values have one form.
    if best == "number" and header in ("account", "phone", "ssn"):
        best = header
    if best and share >= CLEAR_SHARE:
        why = evidence + (f", and so says its name `{name}`" if header == best else "")
        is_clear = header in (None, best) or best != "number"
        return ColumnLook(kind=best, is_clear=is_clear, why=why, forms=forms)

    # 2. Many words: sentences.
    words = sum(len(text.split()) for text in sample) / len(sample)
    if words >= FREE_TEXT_WORDS:
        why = f"{words:.1f} words a value on average"
        return ColumnLook(kind="text", is_clear=True, why=why, forms=forms)

    # 3. The name.
    if header and header != "text":
        why = f"its name `{name}`; {evidence}"
        return ColumnLook(kind=header, is_clear=True, why=why, forms=forms)

    # 4. Few values, each of them often.
    distinct = len(set(sample))
    if distinct <= min(CATEGORY_VALUES, len(sample) // 4):
        why = f"{distinct} different values in {len(sample)}"
        return ColumnLook(kind="category", is_clear=True, why=why, forms=forms)

    why = f"nothing is clear: {evidence}"
    return ColumnLook(kind="text", is_clear=False, why=why, forms=forms)


def _sample(values: Iterable[Any]) -> list[str]:
    """Return the first values that are not missing, in their plain form."""
    sample: list[str] = []
    for value in values:
        text = str(value)
        # `pd.NA` by its text, and before anything is compared: what it equals it does not say
        if value is None or text in ("", "<NA>", "NaT") or _is_nan(value):
            continue
        sample.append(to_plain(text.strip()[:LONGEST_VALUE]).text)
        if len(sample) == SAMPLE_VALUES:
            break

    return sample


def _is_nan(value: Any) -> bool:
    """Say whether a value is a number that is none; a list or an array is no number."""
    is_different: Any = value != value
    return isinstance(is_different, (bool, np.bool_)) and bool(is_different)


def _shares(sample: Sequence[str]) -> dict[str, float]:
    """Return the share of each form; a value counts for the first form that it has."""
    counts: dict[str, int] = {}
    for text in sample:
        forms = (
            kind for kind, form in COMPILED if form.fullmatch(text) and _is_confirmed(kind, text)
        )
        kind = next(forms, None)
        if kind is not None:
            counts[kind] = counts.get(kind, 0) + 1
    return {kind: count / len(sample) for kind, count in counts.items()}


def _is_confirmed(kind: str, text: str) -> bool:
    """Say whether a value of a form passes what that form has to pass besides."""
    if kind == "number":  # ten digits that North America dials are no amount
        return validators.NORTH_AMERICAN.match(text) is None
    check = CHECKS.get(kind)
    return check is None or bool(check(text))


def snake_case(name: str) -> str:
    """Return a column's name in lower case, its words parted by `_`: "dateOfBirth", "e-mail"."""
    with_breaks = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)  # camel case
    return re.sub(r"\W+|_+", "_", with_breaks.lower()).strip("_")


def _header_kind(name: str) -> str | None:
    """Return the kind that a column's name says: "homePhone", "e-mail", "Date of birth"."""
    snake = snake_case(name)
    words = {*snake.split("_"), snake}
    for kind, names in HEADERS:
        if words & set(names):
            return kind
    return None
