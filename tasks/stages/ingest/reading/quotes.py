"""Refuse a CSV file whose quotes are not those of RFC 4180: what follows one would be taken in.

Arrow reads on to the next quote, or to the end of the file, and says nothing: rows become part of
one value, and are missing.
"""

import csv
import io
import sys
from typing import Any

from tasks.config.sources import Dialect
from tasks.stages.ingest.reading.delivery import ExpectedDelivery

QUOTES_AS_DECLARED = "a quoted field to end, and only there, with a quote (one within is doubled)"


class QuoteSearch:
    """Finds out, as bytes go by, whether any of them may be a quote: most files have none."""

    def __init__(self, dialect: Dialect) -> None:
        # In two bytes a sign it is no byte of its own; of several bytes the first will do.
        is_wide = "\n".encode(dialect.encoding) != b"\n"
        self._sign = b"" if is_wide else dialect.quote.encode(dialect.encoding)[:1]
        self.is_any_there = is_wide

    def look(self, chunk: bytes) -> None:
        """Look at some more bytes."""
        self.is_any_there = self.is_any_there or self._sign in chunk


def check_quotes(stream: Any, expected: ExpectedDelivery, dialect: Dialect) -> None:
    """Read a CSV file once more, with Python's parser, which is strict where Arrow is not.

    Raises:
        SourceError: A quoted field does not end, or something stands between its end and the next
            delimiter. Says in which line the row begins; lines are counted with the header.
    """
    # The longest row is bounded by Arrow's blocks, which have read the file by now.
    csv.field_size_limit(sys.maxsize)
    encoding = "utf-8-sig" if dialect.encoding.lower() in ("utf-8", "utf8") else dialect.encoding
    lines = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
    reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
    first_line = 1
    try:
        for _ in reader:
            first_line = reader.line_num + 1
    except csv.Error as error:
        is_open = "unexpected end of data" in str(error)
        what = "that does not end" if is_open else "with something after its end"
        raise expected.error(
            QUOTES_AS_DECLARED,
            f"one {what}, in the row that begins in line {first_line:,}",
            "Have the delivery mended; if its fields are not quoted, or by another sign, declare "
            'that sign, as in `dialect: {quote: "\'"}`.',
        ) from None  # the parser's own text may quote a sign of the file
