"""Time as evidence uses it: for expiry only, never for order."""

import time
from datetime import datetime

from tasks.verifier.log_reader import Log

MARKS = (b'"finishedOn":"', b'"timeVerified":"', b'"givenOn":"')


def now_of(log: Log) -> int:
    """Return the time by which expiry is judged: a clock that was set back does not revive what had expired.

    It is the later of this machine's clock and the latest time that any statement of the log was signed at.
    """
    latest = 0
    for entry in log.entries:
        for mark in MARKS:
            at = entry.envelope.payload.find(mark)
            if at >= 0:
                text = entry.envelope.payload[at + len(mark) : at + len(mark) + 20].decode(
                    "ascii", "replace"
                )
                latest = max(latest, epoch(text))
    return max(int(time.time()), latest)


def epoch(text: str) -> int:
    """Return RFC 3339 as epoch seconds; what is no time, or in no zone, is 0, by which everything has expired."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int(found.timestamp()) if found.tzinfo else 0
