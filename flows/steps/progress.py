"""How far a release has come: its tasks, which run in threads, note it, and the flow reads it.

A task's state holds texts for people; what programs match, the kinds of refusals, is here.
"""

from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

from tasks.errors import Refusal, RefusalKind
from tasks.path import STAGES
from tasks.pipeline.runner import StageResult


class ReleaseProgress:
    """The stages that a release has come to, and every refusal, each once."""

    # Tasks of one wave are threads of one process. Dictionaries keep the order in which things were
    # said.
    def __init__(self) -> None:
        self._lock = Lock()
        self._reached: set[str] = set()
        self._by_gates: dict[Refusal, None] = {}
        self._refusals: dict[Refusal, None] = {}
        self._results: dict[str, StageResult] = {}

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

    @property
    def results(self) -> tuple[StageResult, ...]:
        """How the stages ended that did their work or had none, in the order of the path."""
        with self._lock:
            return tuple(self._results[stage] for stage in STAGES if stage in self._results)

    def note_result(self, result: StageResult) -> None:
        """Note how a stage ended, with what it cost; a second run of it replaces the first."""
        with self._lock:
            self._results[result.stage] = result

    def note_made(self, made_seconds: Mapping[str, int]) -> None:
        """Note of stages that did not run what the runs took that made their outputs."""
        with self._lock:
            for stage, result in self._results.items():
                if not result.changed and stage in made_seconds:
                    self._results[stage] = replace(result, made_seconds=made_seconds[stage])

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
            # Already said in a gate's own log (`read`), and already a reason of this release
            # (`stands`): the first is not logged again, the second not listed again.
            stands = {subject_of(refusal) for refusal in self._refusals}
            news: list[Refusal] = []
            # What a gate says of its check has the figures: that stands, whoever refuses for it.
            of_gates = {subject_of(refusal): refusal for refusal in self._by_gates}
            # False before True: checks themselves come first, and what a decision repeats of them
            # after.
            for item in sorted(refusals, key=_is_of_decision):
                if _is_of_decision(item):
                    # Of a check that refuses by itself it says nothing new. Of one that does not,
                    # because it was accepted later, say, it is a reason of its own.
                    if subject_of(item) in stands:
                        continue
                    item = replace(item, gate="", check="")
                subject = subject_of(item)
                if subject not in stands:
                    refusal = of_gates.get(subject, item)
                    stands.add(subject)
                    self._refusals[refusal] = None
                    if subject not in read:
                        news.append(refusal)

            return tuple(news)


def _is_of_decision(refusal: Refusal) -> bool:
    """Say whether it repeats a reason of a decision; checks themselves come before these."""
    return refusal.kind == RefusalKind.DECISION_AGAINST


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
