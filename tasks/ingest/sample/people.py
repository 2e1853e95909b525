"""Invented people: names, addresses, numbers. No attribute depends on race, sex or the decision, by construction.

Word lists are Faker's (MIT); drawing is numpy's, so that a million people take seconds.
"""

import numpy as np
import pandas as pd

DOMAINS = ("example.org", "example.com", "mail.example.net", "post.example.edu")
AREA_CODES = (617, 508, 781, 978, 413, 339, 857)
TOWNS = (
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
    "Lynnfield",
    "Marston",
    "Newbridge",
    "Oakdale",
    "Pembrook",
    "Quincey",
    "Rockport",
    "Saugus Falls",
    "Tilbury",
    "Westover",
)
STREETS = ("Street", "Avenue", "Road", "Lane", "Court", "Drive", "Place", "Terrace")


def people(rows: int, seed: int) -> pd.DataFrame:
    """Return `rows` invented people: first, last, name, email, phone, ssn, account, street, city, born.

    The same seed gives the same first `n` people whatever `rows` is, so that a larger sample extends a smaller one.
    """
    from faker.providers.person.en_US import Provider

    def draw(words: tuple[str, ...], stream: int) -> np.ndarray:
        return np.asarray(words, dtype=object)[_integers(seed, stream, rows, len(words))]

    first = draw(tuple(Provider.first_names), 1)
    last = draw(tuple(Provider.last_names), 2)

    def digits(stream: int, low: int, high: int) -> np.ndarray:
        return low + _integers(seed, stream, rows, high - low)

    row = np.arange(1, rows + 1)
    local = pd.Series(first).str.lower() + "." + pd.Series(last).str.lower().str.replace(r"\W", "", regex=True)
    email = local + row.astype(str) + "@" + pd.Series(draw(DOMAINS, 3))
    area, exchange, line = draw(tuple(map(str, AREA_CODES)), 4), digits(5, 220, 999), digits(6, 1000, 9999)
    phone = [f"({a}) {e}-{n}" for a, e, n in zip(area, exchange, line, strict=True)]
    ssn = [
        f"{a:03d}-{g:02d}-{s:04d}"
        for a, g, s in zip(digits(7, 100, 665), digits(8, 10, 99), digits(9, 1000, 9999), strict=True)
    ]
    house, name_of_street, kind = digits(10, 2, 990), draw(tuple(Provider.last_names), 11), draw(STREETS, 12)
    days = _integers(seed, 13, rows, 365 * 55)
    return pd.DataFrame(
        {
            "first": first,
            "last": last,
            "name": pd.Series(first) + " " + pd.Series(last),
            "email": email,
            "phone": phone,
            "ssn": ssn,
            "account": [f"{n:010d}" for n in digits(14, 10**9, 10**10 - 1)],
            "street": [f"{h} {n} {k}" for h, n, k in zip(house, name_of_street, kind, strict=True)],
            "city": draw(TOWNS, 15),
            "born": (pd.Timestamp("1935-01-01") + pd.to_timedelta(days, unit="D")).strftime("%Y-%m-%d"),
        }
    )


def _integers(seed: int, stream: int, rows: int, below: int) -> np.ndarray:
    return np.random.default_rng([seed, stream]).integers(0, below, size=rows)
