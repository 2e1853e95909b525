"""The reference case: real applications (Boston Fed; Hunter and Walker 1996) as bank, bureau and log see them.

Real: every financial, credit, tract and demographic value and the bank's decision, codes for "not known" included.
Invented: who the people are (`people.py`), what officers wrote (`notes.py`) and the activity log. Beyond the real
1,989 rows the sample is resampled with noise on the amounts, so that marginal relations stay and no row is an exact
copy.
"""

import numpy as np
import pandas as pd

from tasks.ingest.sample.notes import notes
from tasks.ingest.sample.people import people
from tasks.sources import REAL_ROWS, packaged_path

BUREAU = [
    *("rep", "gdlin", "lines", "mortg", "cons", "pubrec"),
    *("mortno", "mortperf", "mortlat1", "mortlat2", "chist", "thick"),
]
MONEY = ("loanamt", "appinc", "atotinc", "cototinc", "hexp", "price", "liq", "apr", "netw")
RATIOS = ("hrat", "obrat")
COMMON_NOISE, OWN_NOISE = 0.05, 0.02
CODES = (666, 1_000_000)  # "not known": no amount, so that noise leaves them alone
EVENTS = ("login", "document_upload", "status_check", "message", "consent")


def real_rows(rows: int, seed: int) -> pd.DataFrame:
    """Return `rows` applications: the real ones first, as they are, then resampled ones.

    A resampled household's amounts all grow or shrink by one factor (sd 5 %) and a little (2 %) each; its ratios by 2 %
    of their own. Whole numbers stay whole.
    """
    real = pd.read_csv(packaged_path(*REAL_ROWS["loan"]))
    if rows <= len(real):
        return real.iloc[:rows].reset_index(drop=True)
    rng = np.random.default_rng([seed, 7])
    extra = real.iloc[rng.integers(0, len(real), rows - len(real))].reset_index(drop=True)
    household = rng.normal(1.0, COMMON_NOISE, len(extra))
    for column in (*MONEY, *RATIOS):
        factor = rng.normal(1.0, OWN_NOISE, len(extra)) * (household if column in MONEY else 1.0)
        noisy = (extra[column] * factor).round(0 if pd.api.types.is_integer_dtype(real[column]) else 2)
        extra[column] = noisy.where(~extra[column].isin(CODES), extra[column]).astype(real[column].dtype)
    extra["loanprc"] = extra["loanamt"] / extra["price"]
    return pd.concat([real, extra], ignore_index=True)


def applications(rows: int, seed: int) -> pd.DataFrame:
    """Return the bank's own table: identities, the officer's note with its gold spans, figures and the decision."""
    real, mine = real_rows(rows, seed), people(rows, seed)
    texts, golds = notes(mine, people(rows, seed + 1), seed)
    figures = real.drop(columns=[*BUREAU, "msa", "suffolk"])
    identities = mine.drop(columns=["first", "last"])
    return pd.concat([identities, figures], axis=1).assign(notes=texts, notes_gold=golds)


def bureau(rows: int, seed: int) -> pd.DataFrame:
    """Return the third party's table: credit history by e-mail."""
    return pd.concat([people(rows, seed)[["email"]], real_rows(rows, seed)[BUREAU]], axis=1)


def activity(rows: int, seed: int) -> pd.DataFrame:
    """Return the web log: one to four events a person, with time and IP address (a few of them IPv6)."""
    rng = np.random.default_rng([seed, 8])
    mine = people(rows, seed)["email"]
    events = rng.integers(1, 5, rows)
    owner = np.repeat(np.arange(rows), events)
    total = len(owner)
    octets = rng.integers(1, 255, (total, 3))
    v4 = [f"203.{a}.{b}.{c}" for a, b, c in octets]
    v6 = [f"2001:db8:{a:x}:{b:x}::{c:x}" for a, b, c in octets]
    seconds = np.sort(rng.integers(0, 86400 * 180, total))
    return pd.DataFrame(
        {
            "time": (pd.Timestamp("2026-01-01") + pd.to_timedelta(seconds, unit="s")).strftime("%Y-%m-%dT%H:%M:%S"),
            "email": mine.to_numpy()[owner],
            "ip": np.where(rng.random(total) < 0.05, v6, v4),
            "event": np.asarray(EVENTS, dtype=object)[rng.integers(0, len(EVENTS), total)],
        }
    )
