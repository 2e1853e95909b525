"""What a column looks like: told from its name and a sample of its values, with the reason, for a person to check.

A declared kind is what redaction goes by; this says where the declaration and the data disagree. Where nothing is
declared and no kind is clear, a column is free text: that masks the most.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.redaction.finding.patterns import validators
from tasks.redaction.finding.patterns.plain import to_plain

SAMPLE = 200  # values that are looked at
CLEAR_SHARE = 0.8  # of the sample that has to look alike
TELLING_SHARE = 0.05  # of a column that is kept as it is: from here on a person should look
FREE_TEXT_WORDS = 4  # on average; names and addresses have fewer
FEW_VALUES = 30  # distinct ones in the sample: a category

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
CHECKS = {"ip": validators.ip, "iban": validators.iban, "card": validators.luhn}
IDENTIFYING = frozenset(
    ("email", "ssn", "ip", "iban", "card", "date", "phone", "street", "name", "city", "account")
)
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
    """What a column was taken for, and why; shares and counts only, never a value."""

    model_config = ConfigDict(frozen=True)

    kind: str  # text where nothing is clear
    is_clear: bool
    why: str
    forms: dict[str, float]  # form -> share of the sample that has it, of those that identify


def look(name: str, values: Iterable[Any]) -> ColumnLook:
    """Say what a column looks like; missing values are left out, and at most `SAMPLE` others are looked at."""
    sample = _sample(values)
    header = _header_kind(name)
    if not sample:
        return ColumnLook(
            kind=header or "text", is_clear=False, why="no values to look at", forms={}
        )
    shares = _shares(sample)
    words = sum(len(text.split()) for text in sample) / len(sample)
    best, share = max(shares.items(), key=lambda item: item[1], default=("", 0.0))
    forms = {kind: round(part, 3) for kind, part in shares.items() if kind in IDENTIFYING}
    seen = (
        f"{share:.0%} of {len(sample)} values look like `{best}`"
        if best
        else f"{len(sample)} values, of no form"
    )
    if best == "number" and header in ("account", "phone", "ssn"):
        best = header
    if best and share >= CLEAR_SHARE:
        why = seen + (f", and so says its name `{name}`" if header == best else "")
        return ColumnLook(
            kind=best, is_clear=header in (None, best) or best != "number", why=why, forms=forms
        )
    if words >= FREE_TEXT_WORDS:
        return ColumnLook(
            kind="text", is_clear=True, why=f"{words:.1f} words a value on average", forms=forms
        )
    if header and header != "text":
        return ColumnLook(kind=header, is_clear=True, why=f"its name `{name}`; {seen}", forms=forms)
    if len(set(sample)) <= min(FEW_VALUES, len(sample) // 4):
        why = f"{len(set(sample))} different values in {len(sample)}"
        return ColumnLook(kind="category", is_clear=True, why=why, forms=forms)
    return ColumnLook(kind="text", is_clear=False, why=f"nothing is clear: {seen}", forms=forms)


def _sample(values: Iterable[Any]) -> list[str]:
    found: list[str] = []
    for value in values:
        if value is None or value != value or str(value) in ("", "<NA>", "NaT"):
            continue
        found.append(to_plain(str(value).strip()[:500]).text)
        if len(found) == SAMPLE:
            break
    return found


def _shares(sample: Sequence[str]) -> dict[str, float]:
    """Return the share of each form; a value counts for the first form that it has."""
    counts: dict[str, int] = {}
    for text in sample:
        kind = next(
            (kind for kind, form in COMPILED if form.fullmatch(text) and _is_confirmed(kind, text)),
            None,
        )
        if kind is not None:
            counts[kind] = counts.get(kind, 0) + 1
    return {kind: count / len(sample) for kind, count in counts.items()}


def _is_confirmed(kind: str, text: str) -> bool:
    if kind == "number":  # ten digits that North America dials are no amount
        return validators.NORTH_AMERICAN.match(text) is None
    check = CHECKS.get(kind)
    return check is None or bool(check(text))


def _header_kind(name: str) -> str | None:
    plain_name = (
        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(" ", "_")
    )
    parts = set(plain_name.split("_")) | {plain_name}
    for kind, names in HEADERS:
        if parts & set(names):
            return kind
    return None
