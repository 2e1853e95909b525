"""Invented people: names, addresses, numbers. By construction none depends on race or sex.

Names and titles are drawn at random, so that a name says nothing about the row that it is put into.
Name lists are Faker's for the United States (MIT); drawing is numpy's. E-mail domains are reserved
ones (RFC 2606): nobody owns them.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.stages.ingest.sample.columns import Ints, SeedStreams, digits, join, words

DOMAINS = ("example.org", "example.com", "mail.example.net", "post.example.edu")
AREA_CODES = ("617", "508", "781", "978", "413", "339", "857")
# fmt: off
TOWNS = (
    "Ashford", "Brockfield", "Cambria", "Dunmore", "Eastham", "Foxboro", "Granby", "Harwick",
    "Ipswell", "Kingsbury", "Lynnfield", "Marston", "Newbridge", "Oakdale", "Pembrook", "Quincey",
    "Rockport", "Saugus Falls", "Tilbury", "Westover",
)
# fmt: on
STREETS = ("Street", "Avenue", "Road", "Lane", "Court", "Drive", "Place", "Terrace")
TITLES = ("Mr.", "Ms.")
FIRST_BIRTHDAY = np.datetime64("1935-01-01")
BIRTHDAYS = 365 * 55  # days after the first among which birthdays are drawn


class People:
    """Invented people, a block of rows after the other.

    The same seed gives the same first `n` people however many follow, and whatever the blocks, so
    that a larger sample extends a smaller one. Each attribute has a stream of its own; the numbers
    of the streams are part of the sample and must not change.
    """

    def __init__(self, seed: int) -> None:
        """Begin with the first person."""
        self._streams = SeedStreams(seed)
        self._rows = 0  # that were made

    def make(self, rows: int) -> pd.DataFrame:
        """Return the next `rows` people, a row each.

        Columns: title, first, last, name, email, phone, ssn, account, street, city, born.
        """

        def draw(stream: int, low: int, high: int) -> Ints:
            return self._streams.integers(stream, rows, low, high)

        first, last, email = self._make_names_and_emails(rows)

        area = words(AREA_CODES, draw(4, 0, len(AREA_CODES)))
        phone = join("(", area, ") ", draw(5, 220, 999), "-", draw(6, 1000, 9999))
        # No SSN has the area number 666 or one from 900 on, and recognisers pass over such: stay
        # below.
        ssn = join(draw(7, 100, 665), "-", digits(draw(8, 10, 99), 2), "-", draw(9, 1000, 9999))
        account = digits(draw(14, 10**9, 10**10 - 1), 10)

        _, surnames = _name_lists()
        street_name = words(surnames, draw(11, 0, len(surnames)))
        street_kind = words(STREETS, draw(12, 0, len(STREETS)))
        street = join(draw(10, 2, 990), " ", street_name, " ", street_kind)
        born = FIRST_BIRTHDAY + draw(13, 0, BIRTHDAYS).astype("timedelta64[D]")

        columns = {
            "title": words(TITLES, draw(16, 0, len(TITLES))),
            "first": first,
            "last": last,
            "name": join(first, " ", last),
            "email": email,
            "phone": phone,
            "ssn": ssn,
            "account": account,
            "street": street,
            "city": words(TOWNS, draw(15, 0, len(TOWNS))),
            "born": pa.array(born.astype(str)),
        }
        frame: pd.DataFrame = pa.table(columns).to_pandas()
        return frame

    def make_emails(self, rows: int) -> "pd.Series[str]":
        """Return the e-mails of the next `rows` people, without making the rest of them."""
        _, _, email = self._make_names_and_emails(rows)
        return pd.Series(email.to_pandas(), name="email")

    def _make_names_and_emails(self, rows: int) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Return first names, last names and e-mails.

        An e-mail holds the number of its row, so that it is nobody else's: it is the key by which
        the sources are joined, and names repeat.
        """
        draw = self._streams.integers
        first_names, last_names = _name_lists()
        first = words(first_names, draw(1, rows, 0, len(first_names)))
        last = words(last_names, draw(2, rows, 0, len(last_names)))

        domain = words(DOMAINS, draw(3, rows, 0, len(DOMAINS)))
        last_letters = pc.replace_substring_regex(last, r"\W", "")  # O'Connor, Saint-Claire
        local_part = pc.utf8_lower(join(first, ".", last_letters))
        numbers = np.arange(self._rows + 1, self._rows + rows + 1)
        self._rows += rows
        return first, last, join(local_part, numbers, "@", domain)


def people(rows: int, seed: int) -> pd.DataFrame:
    """Return the first `rows` invented people of a seed; see `People`."""
    return People(seed).make(rows)


def emails(rows: int, seed: int) -> "pd.Series[str]":
    """Return the e-mails of `people(rows, seed)`, without making the rest of them."""
    return People(seed).make_emails(rows)


def _name_lists() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return Faker's first names and last names for the United States."""
    from faker.providers.person.en_US import Provider

    return tuple(Provider.first_names), tuple(Provider.last_names)
