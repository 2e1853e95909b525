"""A chain as people read it: one line a link, one line a gate, and what does not hold."""

from collections.abc import Iterator
from datetime import UTC, datetime

from tasks.verifier.approvals import Consent, Consents
from tasks.verifier.attempts.shown import lines_about_attempts
from tasks.verifier.in_force.shown import lines_about_law
from tasks.verifier.lineage import Chain, GateVerdict, Step, latest_decision
from tasks.verifier.log_reader import Log

MOST_ATTEMPTS = 20  # beside the chain itself; `./portcullis attempts` has all


def lines_of(log: Log, chain: Chain) -> tuple[str, ...]:
    """Return the chain from the model to its sources, its verdicts, decisions and consents."""
    head = log.head
    consents = Consents.of(log, chain)

    return (
        f"{chain.case}: model sha256:{chain.model_sha256}",
        f"ledger {head.origin}, {head.size} entries, root {head.root_hash.hex()[:16]}…",
        *(_step_line(step) for step in chain.steps),
        *(_verdict_line(verdict) for verdict in chain.verdicts.values()),
        *_decision_lines(chain),
        *(
            _consent_line(consents, consent)
            for consent in (*consents.approvals, *consents.acceptances)
        ),
        *(
            f"  approved by {consent.person or 'nobody known'} under another plan, counts for "
            f"nothing: {consent.reason}  entry {consent.index}"
            for consent in consents.of_other_plans
        ),
        *lines_about_attempts(log, chain, MOST_ATTEMPTS),
        *lines_about_law(log, chain),
        *(f"  BROKEN  {refusal}" for refusal in chain.broken),
    )


def printable(line: str) -> str:
    """Return a line as it may go to a terminal: what would move the cursor becomes a mark.

    Names and reasons in evidence come from anybody.
    """
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def _step_line(step: Step) -> str:
    dirty = f", tree dirty: {', '.join(step.dirty)}" if step.dirty else ""
    commit = f"commit {step.commit[:12]}{dirty}" if step.commit else "outside git"
    place = f"entry {step.signed.index}, {step.signed.predicate.run.finished}, {commit}"
    return f"  made by {step.stage:8} {step.name} {step.sha256[:16]}…  {place}"


def _verdict_line(verdict: GateVerdict) -> str:
    content = verdict.content
    counts = f"{len(content.passed)} passed"
    if content.warned:
        counts += f", {len(content.warned)} undecided"
    if content.failed:
        counts += f", {len(content.failed)} failed"
    place = f"entry {verdict.signed.index}"
    return f"  gate    {verdict.gate:8} {verdict.outcome}: {counts}  {place}"


def _decision_lines(chain: Chain) -> Iterator[str]:
    for stage in ("decide", "register"):
        if (decision := latest_decision(chain, stage)) is not None:
            yield f"  decision {stage:7} {decision.predicate.result}  entry {decision.index}"


def _consent_line(consents: Consents, consent: Consent) -> str:
    """Return an approval or an acceptance: it stays visible, also when it no longer counts."""
    action = "approved"
    if consent.gate:
        action = f"accepted {consent.gate}: {', '.join(consent.tests)}"
    day = datetime.fromtimestamp(consent.expires, UTC).date() if consent.expires else "no day"
    counts = "" if consents.counts(consent) else ", counts for nothing now"
    person = consent.person or "nobody known"
    place = f"entry {consent.index}"
    return f"  {action} by {person} until {day}{counts}: {consent.reason}  {place}"
