"""Time as evidence uses it: for expiry only, never for order."""

import time
from datetime import UTC, datetime

DAY_SECONDS = 24 * 3600


def now_after(latest_time: int) -> int:
    """Return the time, in epoch seconds, by which expiry is judged.

    It is the later of this machine's clock and `latest_time`, the latest at which any statement of
    the log was signed: a clock that was set back does not revive what had expired.
    """
    return max(int(time.time()), latest_time)


def is_to_come(text: str, now: int) -> bool:
    """Say whether something says that it was signed on a day to come.

    Whoever writes their own date could otherwise make every later consent expire at once: see
    `now_after`. Clocks that differ by less than a day are nobody's intent.
    """
    return epoch(text) > now + DAY_SECONDS


def epoch(text: str) -> int:
    """Return RFC 3339 as epoch seconds.

    What is no time, or is in no zone, is 0, by which everything has expired: a date that is read
    differently in two places must not keep an approval alive in one of them. So is what has no
    date in UTC: a zone can lead out of the years 1 to 9999.
    """
    try:
        moment = datetime.fromisoformat(text)
        # A moment without a zone is refused before: `astimezone` would take this machine's.
        return int(moment.astimezone(UTC).timestamp()) if moment.tzinfo else 0
    except (ValueError, OverflowError):
        return 0
