"""Columns that a use case derives from others by declared rules: categories from flags or codes, targets."""

import pandas as pd

from tasks.errors import DataError
from tasks.ingest.params import AtMost, Derivation, FromFlags, Recode


def derive(name: str, rows: pd.DataFrame, rule: Derivation) -> pd.Series:
    """Return the derived column; what a rule does not cover is an error, what is missing stays missing."""
    match rule:
        case FromFlags():
            flags = rows[list(rule.flags)]
            labels = flags.rename(columns=rule.flags).idxmax(axis=1)
            return labels.where(flags.sum(axis=1) == 1).astype("str")
        case Recode():
            labels = rows[rule.column].map(rule.labels)
            if odd := int((labels.isna() & rows[rule.column].notna()).sum()):
                raise DataError(
                    f"derived column `{name}`",
                    expected=f"codes {sorted(rule.labels)} in `{rule.column}`",
                    found=f"{odd} rows with others",
                    remedy="Add the codes to `labels`, or have the source mended.",
                )
            return labels.astype("str")
        case AtMost():
            return (rows[rule.column] <= rule.limit).astype("float64").where(rows[rule.column].notna())
