"""How long the runs took that made what a release has not made anew, by what was signed of them.

Signed is when the worker began and when it ended, to the second: with the digests and the snapshot
around the stage's own process. It is told to people beside what a release has measured itself, and
decides nothing.
"""

from datetime import datetime

from tasks.attestation.predicates.provenance import Provenance
from tasks.path import STAGES
from tasks.verifier.lineage import Chain
from tasks.verifier.log_reader import Log


def seconds_by_stage(log: Log, chain: Chain) -> dict[str, int]:
    """Return stage -> seconds of the latest run that read or made the data of this very chain.

    A stage of which no such run is signed, or none whose times can be read, is left out.
    """
    prefix = f"{chain.case}/"
    data = {name: sha256 for name, sha256 in chain.artefacts().items() if name.startswith(prefix)}
    seconds: dict[str, int] = {}
    for signed in log.statements(Provenance):
        run = signed.predicate.run
        products = {subject.name: subject.sha256 for subject in signed.subjects}
        digests = signed.predicate.material_digests() | products
        shared = [name for name in digests if name in data]
        # All that it shares with the chain, and at least something: a run that read these rows and
        # made another model is not among those that made what lies here.
        is_of_chain = bool(shared) and all(digests[name] == data[name] for name in shared)
        if run.case != chain.case or run.stage not in STAGES or not is_of_chain:
            continue
        try:
            taken = datetime.fromisoformat(run.finished) - datetime.fromisoformat(run.started)
            taken_seconds = int(taken.total_seconds())
        except (ValueError, TypeError):  # not a time, or only one of both with a zone
            continue
        # A clock that was set back tells nothing.
        if taken_seconds >= 0:
            seconds[run.stage] = taken_seconds

    return seconds
