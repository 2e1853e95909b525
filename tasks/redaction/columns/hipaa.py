"""The safe harbour of 45 CFR 164.514(b)(2): its 18 identifiers, as kinds, and its two exceptions.

In texts whatever names a day, a month or a place below a state goes; years, durations and ages up
to 89 stay. In columns a ZIP code keeps three digits where more than 20,000 people live in that
area, else it becomes 000.

What it does not do: the paragraph's second half, (b)(2)(ii), asks that nobody *knows* that what is
left could identify a person. No program can answer that.
"""

import re
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from tasks.config.cases import validated_file
from tasks.config.strict import StrictModel

# letter -> what the regulation lists, and the kinds of span that are it
IDENTIFIERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "A": ("names", ("PERSON",)),
    "B": ("geographic subdivisions smaller than a state", ("LOCATION",)),
    "C": ("dates except the year, and ages over 89", ("DATE_TIME", "AGE")),
    "D": ("telephone numbers", ("PHONE_NUMBER",)),
    "E": ("fax numbers", ("PHONE_NUMBER",)),
    "F": ("e-mail addresses", ("EMAIL_ADDRESS",)),
    "G": ("social security numbers", ("US_SSN", "US_ITIN")),
    "H": ("medical record numbers", ("ID", "UK_NHS")),
    "I": ("health plan beneficiary numbers", ("ID",)),
    "J": ("account numbers", ("US_BANK_NUMBER", "CREDIT_CARD", "IBAN_CODE", "CRYPTO")),
    "K": (
        "certificate and licence numbers",
        ("ID", "US_DRIVER_LICENSE", "US_PASSPORT", "MEDICAL_LICENSE"),
    ),
    "L": ("vehicle identifiers, licence plates included", ("ID",)),
    "M": ("device identifiers and serial numbers", ("ID", "MAC_ADDRESS", "UUID")),
    "N": ("web addresses", ("URL",)),
    "O": ("IP addresses", ("IP_ADDRESS",)),
    "P": ("biometric identifiers", ("ID",)),
    # the names of their files; pictures themselves are no text
    "Q": ("full-face photographs", ("ID",)),
    "R": ("any other unique number, characteristic or code", ("ID", "USER_NAME")),
}
ENTITIES = tuple(dict.fromkeys(kind for _, kinds in IDENTIFIERS.values() for kind in kinds))
OLDEST_AGE = 89  # (b)(2)(i)(C): older ones "may be aggregated into a single category of age 90"
# a month by its name, a day and a month in digits, a day as an ordinal number
CALENDAR = re.compile(
    r"jan|feb|mar(?:ch|\b)|apr(?:il|\b)|\bmay\b|june?\b|july?\b|aug|sep|oct|nov|dec"
    r"|\d{1,2}[-/.]\d{1,2}"
    r"|\d{1,2}(?:st|nd|rd|th)\b",
    re.IGNORECASE,
)


class SmallAreas(StrictModel):
    """Three-digit ZIP areas too small to be named, with the source of their populations."""

    source: str = Field(min_length=20)
    population_of: str
    at_most: int
    areas: frozenset[str] = Field(min_length=1)


def load_small_areas(path: Path) -> SmallAreas:
    """Return the list that a use case declares.

    Raises:
        ConfigError: It is absent or says something else.
    """
    expected = "a YAML list of small ZIP areas with its source"
    return validated_file(
        SmallAreas, path, expected=expected, remedy="Mend `redact.small_zip_areas`."
    )


def is_calendar_date(text: str) -> bool:
    """Say whether a date names a day or a month; a year alone and a duration do not."""
    return CALENDAR.search(text) is not None


def coarse_zips(values: "pd.Series[Any]", small: SmallAreas) -> "pd.Series[str]":
    """Return the first three digits of ZIP codes, 000 for small areas.

    What is no ZIP code is withheld (missing).
    """
    coarse = {value: _coarse_zip(str(value), small) for value in values.dropna().unique()}
    return values.map(coarse).astype("str")


def coarse_ages(values: "pd.Series[Any]") -> "pd.Series[str]":
    """Return ages, those over 89 as one category; what is no age is withheld (missing)."""
    ages = pd.to_numeric(values, errors="coerce")
    texts = ages.map(lambda age: f"{age:.0f}", na_action="ignore")
    return texts.mask(ages > OLDEST_AGE, f"{OLDEST_AGE + 1}+").astype("str")


def _coarse_zip(value: str, small: SmallAreas) -> str | None:
    match = re.fullmatch(r"\s*(\d{3})\d{2}(?:-?\d{4})?\s*", value)
    if match is None:
        return None
    return "000" if match[1] in small.areas else match[1]
