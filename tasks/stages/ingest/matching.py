"""Match the keys of two tables."""

from typing import Any

import numpy as np
import pandas as pd

from tasks.keystore.pseudonyms import normal_forms

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
    codes, different = pd.factorize(pd.concat([row_keys, source_keys], ignore_index=True))
    if is_subject and not pd.api.types.is_numeric_dtype(different):
        # Each different value once: a log has many rows of one person.
        normal_codes, _ = pd.factorize(normal_forms(pd.Series(different)))
        codes = np.append(normal_codes, NO_KEY)[codes]  # a missing one is the last
    return codes[: len(row_keys)], codes[len(row_keys) :]
