"""The reasons of each declined applicant as a table, and how far two sets of reasons agree."""

import numpy as np
import pandas as pd

from tasks.model import Decisions, ReasonMap
from tasks.model.reasons import MOST_REASONS


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean share of each row's reasons in `first` that `second` names too.

    Rows without any reason count as 1; NaN where there are no rows.
    """
    shares = [
        len(set(mine[mine >= 0]) & set(other[other >= 0])) / len(mine[mine >= 0])
        if (mine >= 0).any()
        else 1.0
        for mine, other in zip(first, second, strict=True)
    ]
    return float(np.mean(shares)) if shares else float("nan")


def reason_table(
    subjects: "pd.Series[str]", decisions: Decisions, reasons: ReasonMap, approving: np.ndarray
) -> pd.DataFrame:
    """Return one row per declined applicant: who, which row of redact's, codes, contributions.

    Columns: `subject`, `row` (position in redact's rows), `reason_1` to `reason_4`, most adverse
    first, and `log_odds_1` to `log_odds_4`. For the people who look again at decisions that could
    as well have been others: `refits_approving`, how many of the refits would approve; and
    `untold`, the most adverse factor that counted and has no true words in the map.
    """
    named = decisions.reasons
    # The last of the codes, None, is what the index -1 stands for.
    codes = np.asarray([group.code for group in reasons.reasons] + [None], dtype=object)
    table: dict[str, object] = {
        "subject": subjects.iloc[decisions.declined].to_numpy(),
        "row": decisions.declined,
    }
    for position in range(MOST_REASONS):
        index = named.top[:, position]
        worth = np.take_along_axis(named.grouped, np.maximum(index, 0)[:, None], axis=1)[:, 0]
        table[f"reason_{position + 1}"] = pd.array(codes[index], dtype="str")
        table[f"log_odds_{position + 1}"] = np.where(index >= 0, worth, np.nan)
    table["refits_approving"] = approving
    table["untold"] = pd.array(codes[named.untold[:, 0]], dtype="str")
    return pd.DataFrame(table)
