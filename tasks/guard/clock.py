"""The day that is written down of an erasure: never before what the log has seen signed."""

from datetime import UTC, date, datetime

from tasks.notary.notary import open_ledger
from tasks.system.installation import Installation
from tasks.verifier.expiry import epoch
from tasks.verifier.log_reader import TIMES, checked, signing_times

# Every change of keys is recorded with the time, so that few entries say how late it is. Not more:
# one that was signed under a clock that ran ahead would count for ever.
LAST_ENTRIES = 256
MARKS = (*TIMES, b'"recordedOn":"')


def not_before_the_log(day: date, installation: Installation) -> date:
    """Return today's date, or the day on which the log was last signed, where that is later.

    By a clock that was set back, as that of a machine without a battery, the rows of an erased
    person would be dated after the erasure, and bring them back; and the term for which a law keeps
    records would have ended before it began. A later day does neither.

    Args:
        day: Today by this machine's clock, or by a drill's date, which counts as it is.
        installation: Whose log.

    Raises:
        EvidenceError: An entry of the log is not what its record says.
    """
    if installation.settings.today:
        return day

    ledger = open_ledger(installation)
    try:
        head = ledger.head()
        size = head.size if head else 0
        times = [
            epoch(text)
            for index, record, body in ledger.entries(max(0, size - LAST_ENTRIES), size)
            # Of a pruned entry there is no body.
            if body is not None
            for text in signing_times(checked(index, record, body).envelope.payload, MARKS)
        ]
    finally:
        ledger.close()
    return max(day, datetime.fromtimestamp(max(times, default=0), UTC).date())
