"""The reference case: real applications (Boston Fed; Hunter and Walker 1996) as bank, bureau and log see them.

Real: every financial, credit, tract and demographic value and the bank's decision, codes for "not known" included.
Invented: who the people are (`people.py`), what officers wrote (`notes.py`) and the activity log. Beyond the real
1,989 rows the sample is resampled with noise on the amounts, so that marginal relations stay and no row is an exact
copy.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.config.sources import REAL_ROWS, packaged_path
from tasks.stages.ingest.sample.columns import integers, join, words
from tasks.stages.ingest.sample.notes import notes
from tasks.stages.ingest.sample.people import emails, people

BUREAU = [
    *("rep", "gdlin", "lines", "mortg", "cons", "pubrec"),
    *("mortno", "mortperf", "mortlat1", "mortlat2", "chist", "thick"),
]
MONEY = ("loanamt", "appinc", "atotinc", "cototinc", "hexp", "liq", "apr", "netw")
RATIOS = ("hrat", "obrat")
COMMON_NOISE, OWN_NOISE = 0.05, 0.02
CODES = (666, 1_000_000)  # "not known": no amount, so that noise leaves them alone
EVENTS = ("login", "document_upload", "status_check", "message", "consent")


def real_rows(rows: int, seed: int) -> pd.DataFrame:
    """Return `rows` applications: the real ones first, as they are, then resampled ones.

    A resampled household's amounts all grow or shrink by one factor (sd 5 %) and a little (2 %) each; its ratios by 2 %
    of their own. Whole numbers stay whole. The loan's share of the price, of which people choose round figures, stays
    as it is, and the price follows.
    """
    real = pd.read_csv(packaged_path(*REAL_ROWS["loan"]))
    if rows <= len(real):
        return real.iloc[:rows].reset_index(drop=True)
    rng = np.random.default_rng([seed, 7])
    extra = real.iloc[rng.integers(0, len(real), rows - len(real))].reset_index(drop=True)
    household = rng.normal(1.0, COMMON_NOISE, len(extra))
    for column in (*MONEY, *RATIOS):
        factor = rng.normal(1.0, OWN_NOISE, len(extra)) * (household if column in MONEY else 1.0)
        noisy = (extra[column] * factor).round(
            0 if pd.api.types.is_integer_dtype(real[column]) else 2
        )
        extra[column] = noisy.where(~extra[column].isin(CODES), extra[column]).astype(
            real[column].dtype
        )
    extra["price"] = (extra["loanamt"] / extra["loanprc"]).round(2)
    return pd.concat([real, extra], ignore_index=True)


def applications(rows: int, seed: int) -> pd.DataFrame:
    """Return the bank's own table: identities, the officer's note with its gold spans, figures and the decision."""
    mine = people(rows, seed)
    texts, golds = notes(mine, people(rows, seed + 1), seed)
    identities = mine.drop(columns=["title", "first", "last"])
    figures = real_rows(rows, seed).drop(columns=[*BUREAU, "msa", "suffolk"])
    written = pa.table({"notes": texts, "notes_gold": golds}).to_pandas()
    table: pd.DataFrame = pd.concat([identities, figures, written], axis=1)
    return table


def bureau(rows: int, seed: int) -> pd.DataFrame:
    """Return the third party's table: credit history by e-mail."""
    return pd.concat([emails(rows, seed), real_rows(rows, seed)[BUREAU]], axis=1)


def activity(rows: int, seed: int) -> pd.DataFrame:
    """Return the web log: one to four events a person, with time and IP address (a few of them IPv6), by time."""
    owner = np.repeat(np.arange(rows), integers(seed, 20, rows, 1, 5))
    total = len(owner)
    a, b, c = (integers(seed, stream, total, 1, 255) for stream in (21, 22, 23))
    is_v6 = integers(seed, 24, total, 0, 20) == 0
    blocks = [f"{number:x}" for number in range(256)]
    v6 = join("2001:db8:", words(blocks, a), ":", words(blocks, b), "::", words(blocks, c))
    seconds = np.sort(integers(seed, 25, total, 0, 86_400 * 180))
    shuffled = np.random.default_rng([seed, 26]).permutation(total)
    times = (np.datetime64("2026-01-01T00:00:00") + seconds.astype("timedelta64[s]")).astype(str)
    columns = {
        "time": pa.array(times),
        "email": pa.array(emails(rows, seed)).take(pa.array(owner[shuffled])),
        "ip": pc.if_else(pa.array(is_v6), v6, join("203.", a, ".", b, ".", c)),
        "event": words(EVENTS, integers(seed, 27, total, 0, len(EVENTS))),
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame
