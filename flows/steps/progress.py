"""How far a release has come: its tasks, which run in threads, note it, and the flow reads it.

A task's state holds texts for people; what programs match, the kinds of refusals, is here.
"""

from collections import defaultdict
from collections.abc import Sequence
from threading import Lock

from tasks.errors import Refusal, RefusalKind

# How the policy ends a measure's name (`configs/policy/clearance.rego`).
SAYS_ENTRY = defaultdict(
    lambda: "\n",
    {
        str(RefusalKind.CHECK_FAILED): ": failed, says entry ",
        str(RefusalKind.CHECK_UNDECIDED): ": undecided, says entry ",
    },
)


class ReleaseProgress:
    """The stages that a release has come to, and every refusal, each once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._reached: set[str] = set()
        self._by_gates: dict[Refusal, None] = {}
        self._refusals: dict[Refusal, None] = {}

    @property
    def reached(self) -> frozenset[str]:
        """The stages whose outputs are of this release."""
        with self._lock:
            return frozenset(self._reached)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why it is blocked; empty while no stage was refused its work."""
        with self._lock:
            return tuple(self._refusals)

    def reach(self, stage: str) -> None:
        """Note that a stage has done its work, or had none to do."""
        with self._lock:
            self._reached.add(stage)

    def note_gate(self, refusals: tuple[Refusal, ...]) -> None:
        """Note what a gate has said in its log already. By itself that stops nothing."""
        with self._lock:
            self._by_gates.update(dict.fromkeys(refusals))

    def block(self, refusals: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
        """Note why the release is blocked; return those of the reasons that nobody has read yet.

        Of one check both its verdict and the ledger speak, in other words. The first that names it
        stands for both.
        """
        with self._lock:
            read = {subject_of(refusal) for refusal in (*self._by_gates, *self._refusals)}
            stands = {subject_of(refusal) for refusal in self._refusals}
            news: list[Refusal] = []
            named = [item for item in (*self._by_gates, *refusals) if item.check]
            for refusal in (with_figures(item, named) for item in refusals):
                subject = subject_of(refusal)
                if subject not in stands:
                    stands.add(subject)
                    self._refusals[refusal] = None
                    if subject not in read:
                        news.append(refusal)
            return tuple(news)


def with_figures(refusal: Refusal, named: Sequence[Refusal]) -> Refusal:
    """Return what a gate itself says of the check that the policy refuses for, if it has said it.

    The policy names a check by its measure and the ledger's entry, without its id and figures. A
    policy may have words of its own: what is not recognised stays, and is at worst said twice.
    """
    measure, is_of_ledger, _ = refusal.text.partition(SAYS_ENTRY[refusal.kind])
    if refusal.check or not is_of_ledger:
        return refusal
    of_gate = (item for item in named if item.text.startswith(f"{measure} = "))
    return next((item for item in of_gate if item.kind == refusal.kind), refusal)


def subject_of(refusal: Refusal) -> tuple[str, str]:
    """Return what a refusal is about: a check of a gate, or whatever its text names."""
    return (refusal.gate, refusal.check) if refusal.check else ("", refusal.text)


_releases: dict[str, ReleaseProgress] = {}


def begin_progress(case: str) -> ReleaseProgress:
    """Begin to note a release of a use case anew; one runs at a time."""
    _releases[case] = ReleaseProgress()
    return _releases[case]


def progress_of(case: str) -> ReleaseProgress:
    """Return what is noted of the release of a use case that runs, or that ended last."""
    return _releases.setdefault(case, ReleaseProgress())
