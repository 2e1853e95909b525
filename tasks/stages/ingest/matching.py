"""Match the keys of two tables."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.keystore.pseudonyms import VALUES_AT_ONCE, normal_forms

# Keys of one side of a join as numbers that are equal where the keys are.
KeyCodes = np.ndarray[Any, np.dtype[np.intp]]

# What `pandas.factorize` gives for a missing key.
NO_KEY = -1


def match_keys(
    row_keys: "pd.Series[Any]", source_keys: "pd.Series[Any]", *, is_subject: bool
) -> tuple[KeyCodes, KeyCodes]:
    """Return a number for each row of both sides, equal where the keys are; `NO_KEY` if missing.

    Subjects are compared as their pseudonyms are, whatever their case and spacing.
    """
    # Neither side is copied, nor what differs: keys are the most of what joining takes.
    codes, different = pd.factorize(pd.concat([row_keys, source_keys], ignore_index=True))
    if is_subject and not pd.api.types.is_numeric_dtype(different):
        # Each different value once: a log has many rows of one person.
        normal = _normal_forms(different)
        if normal is not None:
            normal_codes, _ = pd.factorize(normal)
            codes = np.append(normal_codes, NO_KEY)[codes]  # a missing one is the last
    return codes[: len(row_keys)], codes[len(row_keys) :]


def _normal_forms(different: "pd.Index[str]") -> "pd.Series[str] | None":
    """Return the normal forms of different keys; None where each is its own."""
    parts = []
    is_changed = False
    for start in range(0, len(different), VALUES_AT_ONCE):
        part = pd.Series(different[start : start + VALUES_AT_ONCE])
        parts.append(normal_forms(part))
        is_changed = is_changed or bool((parts[-1] != part).any())
    return pd.concat(parts, ignore_index=True) if is_changed else None
