"""Facts about the ledger as a whole: its audit log, its erasures, its tests, what is in force."""

from collections.abc import Iterable
from typing import Any

from tasks.attestation.predicates.erasure import ErasureReceipt
from tasks.attestation.predicates.records import TEST_FAILED, TEST_PASSED, AuditBatch
from tasks.dossier.claims import Claim, Reference
from tasks.dossier.evidence.lacking import Lacking, Lookup
from tasks.dossier.evidence.release_standing import ReleaseStanding
from tasks.dossier.evidence.signed_files import SignedFiles
from tasks.verifier.in_force.law import law_of
from tasks.verifier.statement_index import Signed

ERASURES = "admit/erasures.json"


def find_audit(evidence: SignedFiles) -> Lookup:
    """Return how many events of the audit log are signed for, each counted once."""
    batches = evidence.log.statements(AuditBatch)
    if not batches:
        return Lacking("no batch of the audit log is signed for")

    events = _count_events(batch.predicate for batch in batches)
    text = f"{events} audit events in {len(batches)} signed batches"
    return Claim(text, _ends(evidence, batches))


def find_log(evidence: SignedFiles) -> Lookup:
    """Return that the log is whole: by its first entry, the root key, and the head after it."""
    first = next((entry for entry in evidence.log.entries if entry.index == 0), None)
    if first is None:
        return Lacking("the log's first entry is not at hand")

    head = evidence.log.head
    text = f"the log of {head.size} entries derives to {head.root_hash.hex()[:12]}…"
    return Claim(text, (Reference(0, first.envelope_sha256),))


def find_erasures(evidence: SignedFiles) -> Lookup:
    """Return the erasures on record; where there are none, what each run asks instead."""
    receipts = evidence.log.statements(ErasureReceipt)
    if receipts:
        return Claim(f"{len(receipts)} erasures on record", _ends(evidence, receipts))

    # That nobody was erased is a claim as well: it needs the list that `admit` signed for.
    maker = evidence.maker_of(ERASURES)
    if maker is None:
        return Lacking("no statement says which erasures there were")
    signed, digest = maker
    reference = evidence.refer(signed, name=f"{evidence.case}/{ERASURES}", sha256=digest)
    return Claim("no erasure on record; each run asks anew", (reference,))


def find_law(evidence: SignedFiles) -> Lookup:
    """Return since which entry the terms hold, by the signatures that put them in force."""
    law = law_of(evidence.log)
    if law is None or not law.signatures:
        return Lacking("nothing is signed to be in force")

    # A log may be read in part: an entry that is not at hand is not referred to.
    by_index = {entry.index: entry for entry in evidence.log.entries}
    references = tuple(
        Reference(item.index, by_index[item.index].envelope_sha256)
        for item in law.signatures
        if item.index in by_index
    )
    return Claim(f"terms in force since entry {law.signatures[-1].index}", references)


def find_tests(evidence: ReleaseStanding, tests: tuple[str, ...]) -> Lookup:
    """Return how tests ended in the last signed run, where it was of the release's code."""
    run = evidence.suite_run
    if run is None:
        return Lacking("no signed statement of a test run")
    # The tests of yesterday's code say nothing of today's.
    if run.predicate.code.tree_sha256 != evidence.code_sha256:
        return Lacking("the last signed test run was of other code")

    results = run.predicate.results
    day = run.predicate.finished[:10]
    failed = [test for test in tests if results.get(test) == TEST_FAILED]
    passed = [test for test in tests if results.get(test) == TEST_PASSED]

    # One failure speaks against all; one that did not run leaves open whether all would pass.
    if failed:
        text = f"{len(failed)} of {len(tests)} tests failed on {day}"
        return Claim(text, (evidence.refer(run),), is_against=True)
    if len(passed) < len(tests):
        skipped = len(tests) - len(passed)
        return Lacking(f"{skipped} of {len(tests)} tests did not run on {day}")
    return Claim(f"{len(tests)} tests passed on {day}", (evidence.refer(run),))


def _count_events(batches: Iterable[AuditBatch]) -> int:
    """Return how many lines batches in log order hold, without those of a batch within another.

    Known lines are signed for again where the mark of what was signed is lost. A file only grows,
    and a mark is where some batch ended: whatever holds lines twice holds whole batches.
    """
    by_file: dict[str, list[AuditBatch]] = {}
    for batch in batches:
        counted = by_file.setdefault(batch.file, [])
        while counted and _holds(batch, counted[-1]):
            counted.pop()
        if not counted or not _holds(counted[-1], batch):
            counted.append(batch)

    return sum(batch.events for counted in by_file.values() for batch in counted)


def _holds(outer: AuditBatch, inner: AuditBatch) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _ends(evidence: ReleaseStanding, signed: tuple[Signed[Any], ...]) -> tuple[Reference, ...]:
    """Return references to the first and the last of several statements."""
    # Not to all of them: an audit log of years has thousands of batches.
    ends = dict.fromkeys((signed[0].index, signed[-1].index))
    by_index = {item.index: item for item in signed}
    return tuple(evidence.refer(by_index[index]) for index in ends)
