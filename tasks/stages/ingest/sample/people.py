"""Invented people: names, addresses, numbers. No attribute depends on race, sex or the decision, by construction.

Names and titles are drawn at random, so a name tells nothing about the row that it is given to. Word lists are Faker's
for the United States (MIT); drawing is numpy's. Domains are reserved ones (RFC 2606): nobody owns them.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.stages.ingest.sample.columns import digits, integers, join, words

DOMAINS = ("example.org", "example.com", "mail.example.net", "post.example.edu")
AREA_CODES = ("617", "508", "781", "978", "413", "339", "857")
TOWNS = (
    *(
        "Ashford",
        "Brockfield",
        "Cambria",
        "Dunmore",
        "Eastham",
        "Foxboro",
        "Granby",
        "Harwick",
        "Ipswell",
        "Kingsbury",
    ),
    *(
        "Lynnfield",
        "Marston",
        "Newbridge",
        "Oakdale",
        "Pembrook",
        "Quincey",
        "Rockport",
        "Saugus Falls",
        "Tilbury",
    ),
    "Westover",
)
STREETS = ("Street", "Avenue", "Road", "Lane", "Court", "Drive", "Place", "Terrace")
TITLES = ("Mr.", "Ms.")
BORN_FROM, BORN_DAYS = np.datetime64("1935-01-01"), 365 * 55


def people(rows: int, seed: int) -> pd.DataFrame:
    """Return `rows` invented people: title, first, last, name, email, phone, ssn, account, street, city, born.

    The same seed gives the same first `n` people whatever `rows` is, so that a larger sample extends a smaller one.
    """
    first, last, email = _named(rows, seed)

    def draw(stream: int, low: int, high: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        return integers(seed, stream, rows, low, high)

    area, exchange, line = (
        words(AREA_CODES, draw(4, 0, len(AREA_CODES))),
        draw(5, 220, 999),
        draw(6, 1000, 9999),
    )
    ssn = join(draw(7, 100, 665), "-", digits(draw(8, 10, 99), 2), "-", draw(9, 1000, 9999))
    surnames = _names()[1]
    kind = words(STREETS, draw(12, 0, len(STREETS)))
    street = join(draw(10, 2, 990), " ", words(surnames, draw(11, 0, len(surnames))), " ", kind)
    born = BORN_FROM + draw(13, 0, BORN_DAYS).astype("timedelta64[D]")
    columns = {
        "title": words(TITLES, draw(16, 0, 2)),
        "first": first,
        "last": last,
        "name": join(first, " ", last),
        "email": email,
        "phone": join("(", area, ") ", exchange, "-", line),
        "ssn": ssn,
        "account": digits(draw(14, 10**9, 10**10 - 1), 10),
        "street": street,
        "city": words(TOWNS, draw(15, 0, len(TOWNS))),
        "born": pa.array(born.astype(str)),
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame


def emails(rows: int, seed: int) -> pd.Series:
    """Return the e-mails of `people(rows, seed)`, without making the rest of them."""
    return pd.Series(_named(rows, seed)[2].to_pandas(), name="email")


def _named(rows: int, seed: int) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return first names, last names and e-mails; the row's number makes every e-mail somebody's own."""
    firsts, lasts = _names()
    first = words(firsts, integers(seed, 1, rows, 0, len(firsts)))
    last = words(lasts, integers(seed, 2, rows, 0, len(lasts)))
    domain = words(DOMAINS, integers(seed, 3, rows, 0, len(DOMAINS)))
    local = pc.utf8_lower(join(first, ".", pc.replace_substring_regex(last, r"\W", "")))
    return first, last, join(local, np.arange(1, rows + 1), "@", domain)


def _names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    from faker.providers.person.en_US import Provider

    return tuple(Provider.first_names), tuple(Provider.last_names)
