"""A chain as people read it: one line a link, one line a gate, and what does not hold."""

from datetime import UTC, datetime

from tasks.verifier.approvals import Consent, Consents
from tasks.verifier.lineage import Chain, latest_decision
from tasks.verifier.log_reader import Log


def lines_of(log: Log, chain: Chain) -> tuple[str, ...]:
    """Return the chain from the model to its sources."""
    head = log.head
    said = [
        f"{chain.case}: model sha256:{chain.model_sha256}",
        f"ledger {head.origin}, {head.size} entries, root {head.root.hex()[:16]}…",
    ]
    for step in chain.steps:
        dirty = f", tree dirty: {', '.join(step.dirty)}" if step.dirty else ""
        commit = f"commit {step.commit[:12]}{dirty}" if step.commit else "outside git"
        time = step.signed.predicate.run.finished
        said.append(
            f"  made by {step.stage:8} {step.name} {step.sha256[:16]}…  entry {step.signed.index}, {time}, {commit}"
        )
    for gate, verdict in chain.verdicts.items():
        passed = len(verdict.content.passed)
        undecided = len(verdict.content.warned)
        failed = len(verdict.content.failed)
        counts = (
            f"{passed} passed"
            + (f", {undecided} undecided" if undecided else "")
            + (f", {failed} failed" if failed else "")
        )
        said.append(f"  gate    {gate:8} {verdict.outcome}: {counts}  entry {verdict.signed.index}")
    for stage in ("decide", "register"):
        if (decision := latest_decision(chain, stage)) is not None:
            result = decision.predicate.result
            said.append(f"  decision {stage:7} {result}  entry {decision.index}")
    consents = Consents.of(log, chain)
    said += [_consent_line(consents, each) for each in (*consents.approvals, *consents.acceptances)]
    said += [f"  BROKEN  {line}" for line in chain.broken]
    return tuple(said)


def _consent_line(consents: Consents, consent: Consent) -> str:
    """Return an approval, or an acceptance of what is undecided: it stays visible, also when it no longer counts."""
    what = f"accepted {consent.gate}: {', '.join(consent.tests)}" if consent.gate else "approved"
    day = datetime.fromtimestamp(consent.expires, UTC).date() if consent.expires else "no day"
    counts = "" if consents.counts(consent) else ", counts for nothing now"
    return f"  {what} by {consent.person or 'nobody known'} until {day}{counts}: {consent.reason}  entry {consent.index}"
