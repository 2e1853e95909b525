"""Columns that a use case derives from others by declared rules: categories and targets."""

import pandas as pd

from tasks.errors import DataError
from tasks.stages.ingest.params import AtMost, Derivation, FromFlags, Recode


def derive(name: str, rows: pd.DataFrame, rule: Derivation) -> "pd.Series[str] | pd.Series[float]":
    """Return the derived column `name`, with the index of `rows`.

    `from_flags` gives text, `recode` text or numbers, `at_most` 0.0 or 1.0. Where the rule cannot
    say, the value is missing: no flag or several are set, or the column that it reads is missing.

    Raises:
        DataError: A code that the rule does not list; says how many rows hold one, never which.
    """
    match rule:
        case FromFlags():
            return _category_of_flags(rows, rule)
        case Recode():
            return _recoded(name, rows, rule)
        case AtMost():
            values = rows[rule.column]
            # A comparison with a missing value is False, which would turn "not known" into "no".
            return (values <= rule.limit).astype("float64").where(values.notna())


def _category_of_flags(rows: pd.DataFrame, rule: FromFlags) -> "pd.Series[str]":
    """Return the label of the only flag that is 1; missing where none or several are."""
    is_set = rows[list(rule.flags)].rename(columns=rule.flags).fillna(0) == 1
    has_one_label = is_set.sum(axis=1) == 1

    # `idxmax` names the first of the largest: the set flag where there is one, nonsense elsewhere.
    return is_set.idxmax(axis=1).where(has_one_label).astype("str")


def _recoded(name: str, rows: pd.DataFrame, rule: Recode) -> "pd.Series[str] | pd.Series[float]":
    """Return the label of each code; a code without a label is an error."""
    codes = rows[rule.column]
    labels = codes.map(dict(rule.labels))

    if unlisted_rows := int((labels.isna() & codes.notna()).sum()):
        raise DataError(
            f"derived column `{name}`",
            expected=f"codes {', '.join(map(str, rule.labels))} in `{rule.column}`",
            found=f"{unlisted_rows:,} rows with others",
            remedy="Add the codes to `labels`, or have the source mended.",
        )

    return labels.astype("float64" if rule.is_number else "str")
