"""Pseudonyms: keyed, so that only this installation can tell whose they are. Pseudonymised is not anonymous."""

import hmac
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LENGTH = 32  # hex digits: 128 bits, no collision to fear among 10^15 subjects


def normal_form(value: str) -> str:
    """Return the form in which two spellings of one identifier are the same: NFKC, stripped, case-folded."""
    return unicodedata.normalize("NFKC", value).strip().casefold()


def pseudonym(secret: bytes, value: str) -> str:
    """Return HMAC-SHA256(secret, normal form of the value) as the first 128 bits in hex.

    A plain hash of an e-mail can be guessed from a list of e-mails; this cannot without the secret.
    """
    return hmac.digest(secret, normal_form(value).encode(), "sha256").hex()[:LENGTH]


def pseudonyms(secret: bytes, values: "pd.Series") -> "pd.Series":
    """Return `values` as pseudonyms, each different value computed once; missing stays missing."""
    known = {value: pseudonym(secret, str(value)) for value in values.dropna().unique()}
    return values.map(known).astype("str")
