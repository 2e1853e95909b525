"""Gates: what was judged, against which limit, and with which outcome.

Pure, and of the standard library alone: no files, clocks or network. The worker and the offline
verifier read verdicts by the same types as the stages that make them.

May import: `tasks.errors`, `tasks.path`, `tasks.formats`.
"""

from tasks.gates.check import About, Check, CheckId
from tasks.gates.limits import at_least, at_most, holds, not_measured
from tasks.gates.numbers import format_number
from tasks.gates.outcome import Outcome
from tasks.gates.verdict import Verdict, digest_of

__all__ = [
    "About",
    "Check",
    "CheckId",
    "Outcome",
    "Verdict",
    "at_least",
    "at_most",
    "digest_of",
    "format_number",
    "holds",
    "not_measured",
]
