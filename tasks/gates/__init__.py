"""Gates: what was judged, against which limit, and with which outcome. Pure: no files, clocks or network."""

from tasks.gates.limits import at_least, at_most, holds
from tasks.gates.verdict import Check, Outcome, Verdict, digest_of

__all__ = ["Check", "Outcome", "Verdict", "at_least", "at_most", "digest_of", "holds"]
