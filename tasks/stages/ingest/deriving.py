"""Columns that a use case derives from others by declared rules: categories from flags or codes, targets."""

import pandas as pd

from tasks.errors import DataError
from tasks.stages.ingest.params import AtMost, Derivation, FromFlags, Recode


def derive(name: str, rows: pd.DataFrame, rule: Derivation) -> "pd.Series[str] | pd.Series[float]":
    """Return the derived column: text for categories, 0 or 1 for thresholds; what is missing stays missing.

    Raises:
        DataError: A code that the rule does not list; says how many rows hold one, never which.
    """
    match rule:
        case FromFlags():
            flags = rows[list(rule.flags)].rename(columns=rule.flags).fillna(0) == 1
            return flags.idxmax(axis=1).where(flags.sum(axis=1) == 1).astype("str")
        case Recode():
            labels = rows[rule.column].map(rule.labels)
            if odd := int((labels.isna() & rows[rule.column].notna()).sum()):
                raise DataError(
                    f"derived column `{name}`",
                    expected=f"codes {', '.join(map(str, rule.labels))} in `{rule.column}`",
                    found=f"{odd:,} rows with others",
                    remedy="Add the codes to `labels`, or have the source mended.",
                )
            return labels.astype("str")
        case AtMost():
            return (
                (rows[rule.column] <= rule.limit).astype("float64").where(rows[rule.column].notna())
            )
