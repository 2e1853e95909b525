"""Pseudonyms: keyed, so that only this installation can tell whose they are.

Pseudonymised is not anonymous.
"""

import hmac
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ASCII_SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"  # what str.strip() takes away
VALUES_AT_ONCE = 65_536
LENGTH = 32  # hex digits: 128 bits, no collision to fear among 10^15 subjects


def normal_form(value: str) -> str:
    """Return the form in which two spellings of one identifier are the same.

    NFKC, stripped, case-folded.
    """
    return unicodedata.normalize("NFKC", value).strip().casefold()


def normal_forms(values: "pd.Series[str]") -> "pd.Series[str]":
    """Return the normal form of every text, in one go where all are ASCII.

    Missing stays missing.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    array = pa.array(values, pa.string())
    # ASCII is in NFKC already, and folds as it is put in lower case: Arrow does the whole column at
    # once. `min_count=0`, so that a column without a value is no `None`.
    if pc.all(pc.string_is_ascii(array), min_count=0).as_py():
        normal = pc.ascii_lower(pc.ascii_trim(array, ASCII_SPACES))
    else:
        normal = pa.array(
            [None if value is None else normal_form(value) for value in array.to_pylist()],
            pa.string(),
        )
    return pd.Series(normal.to_pandas().astype("str").array, index=values.index, name=values.name)


def pseudonym(secret: bytes, value: str) -> str:
    """Return HMAC-SHA256(secret, normal form of the value) as the first 128 bits in hex.

    A plain hash of an e-mail can be guessed from a list of e-mails; this cannot without the secret.
    """
    return hmac.digest(secret, normal_form(value).encode(), "sha256").hex()[:LENGTH]


def pseudonyms(secret: bytes, values: "pd.Series") -> "pd.Series":
    """Return `values` as pseudonyms, each different value computed once; missing stays missing."""
    import pandas as pd
    import pyarrow as pa

    # Some at a time: as Python's texts, a million take eight times what they take in Arrow.
    # Missing values have the code -1, which becomes a missing pseudonym below: nobody gets that of
    # the text `nan`.
    codes, different = pd.factorize(values)
    parts = [
        pa.array(
            [pseudonym(secret, str(value)) for value in different[start : start + VALUES_AT_ONCE]],
            pa.large_string(),
        )
        for start in range(0, len(different), VALUES_AT_ONCE)
    ]
    known = pa.chunked_array(parts, pa.large_string())
    taken = known.take(pa.array(codes, mask=codes < 0))
    return pd.Series(taken.to_pandas().astype("str").array, index=values.index, name=values.name)
