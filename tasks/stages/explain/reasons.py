"""Decide about all rows part by part; the reasons as a table; how far two sets of them agree.

Each row's decision and reasons are its own, so that parts may be decided anywhere.
"""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pandas as pd

from tasks.engines import Engine
from tasks.model import DecisionModel, Decisions, ReasonMap
from tasks.model.reasons import MOST_REASONS, NamedReasons
from tasks.under_way import under_way

PART_ROWS = 20_000


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
        # An index of -1 takes the first reason's figure here, which the next line takes out again.
        worth = np.take_along_axis(named.grouped, np.maximum(index, 0)[:, None], axis=1)[:, 0]
        table[f"reason_{position + 1}"] = pd.array(codes[index], dtype="str")
        table[f"log_odds_{position + 1}"] = np.where(index >= 0, worth, np.nan)

    table["refits_approving"] = approving
    table["untold"] = pd.array(codes[named.untold[:, 0]], dtype="str")
    return pd.DataFrame(table)


def decide_in_parts(engine: Engine, model: DecisionModel, rows: pd.DataFrame) -> Decisions:
    """Return what `model.decide` says of all rows, byte by byte, wherever the parts are decided.

    Raises:
        InputError: The rows do not keep to the model's contract.
    """
    # Nothing but what the model reads leaves this process: who somebody is stays here.
    known = rows[list(model.scorer.features)]
    parts = []
    with under_way("deciding and explaining", len(rows), "rows") as work:
        for part in engine.map(decide_part, model, _cut(known)):
            parts.append(part)
            work.advance(len(part.scores))

    return combine_decisions(parts)


def decide_part(model: DecisionModel, rows: pd.DataFrame) -> Decisions:
    """Return what the model decides about one part."""
    return model.decide(rows)


def combine_decisions(parts: list[Decisions]) -> Decisions:
    """Return the decisions of all parts, one after the other; it is associative."""
    starts = np.cumsum([0, *(len(part.scores) for part in parts)])
    return Decisions(
        scores=np.concatenate([part.scores for part in parts]),
        approved=np.concatenate([part.approved for part in parts]),
        declined=np.concatenate(
            [part.declined + start for part, start in zip(parts, starts, strict=False)]
        ),
        reasons=NamedReasons(
            **{
                field.name: np.concatenate([getattr(part.reasons, field.name) for part in parts])
                for field in fields(NamedReasons)
            }
        ),
    )


def _cut(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows in parts; no rows are one part without any."""
    for start in range(0, max(len(rows), 1), PART_ROWS):
        yield rows.iloc[start : start + PART_ROWS]
