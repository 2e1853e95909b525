"""A chain as people read it: one line a link, one line a gate, and what does not hold."""

from collections.abc import Iterator
from datetime import UTC, datetime

from tasks.errors import ConfigError
from tasks.verifier.approvals import Consent, Consents
from tasks.verifier.attempts.shown import lines_about_attempts
from tasks.verifier.explanation_commitments import Explanation
from tasks.verifier.in_force.shown import lines_about_law
from tasks.verifier.lineage import Chain, GateVerdict, Step, latest_decision
from tasks.verifier.log_reader import Log
from tasks.verifier.served.shown import lines_about_serving

MOST_ATTEMPTS = 20  # beside the chain itself; `./portcullis attempts` has all


def lines_of_explanation(explanation: Explanation, language: str | None) -> Iterator[str]:
    """Yield why an application was declined, in the words of the reason map.

    Args:
        explanation: What the run committed to.
        language: In which the reasons are told; every one that it has where it is None.
    """
    row = explanation.row
    if not explanation.reasons:
        yield f"  decision about row {row}: declined; reasons: none"
        return

    languages = explanation.languages if language is None else (language,)
    for spoken in languages:
        yield f"  decision about row {row}: declined; reasons in {spoken}, most adverse first:"
        for number, reason in enumerate(explanation.reasons, start=1):
            told = f"{reason.code}, {reason.log_odds:+.3f} log odds"
            yield f"    {number}. {reason.sentence(spoken)} ({told})"
    if not languages:
        # Committed before the sentences were: the reason map of that version has them.
        codes = ", ".join(
            f"{reason.code} ({reason.log_odds:+.3f})" for reason in explanation.reasons
        )
        yield (
            f"  decision about row {row}: declined; reasons by their codes in reason map "
            f"{explanation.reason_map}, most adverse first: {codes}"
        )


def require_language(language: str, languages: tuple[str, ...]) -> None:
    """Refuse a language in which reasons have no words.

    Raises:
        ConfigError: They have none in this one.
    """
    if language not in languages:
        raise ConfigError(
            "--language",
            expected=f"one of {', '.join(languages)}"
            if languages
            else "none: there are codes alone",
            found=language or "nothing",
            remedy="Ask for one of these, or have the reason map translated."
            if languages
            else "Leave it out.",
        )


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
        *lines_about_serving(log, chain),
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
    # In UTC, as it is judged: in a zone of the reader two would be told different days.
    day = datetime.fromtimestamp(consent.expires, UTC).date() if consent.expires else "no day"
    counts = "" if consents.counts(consent) else ", counts for nothing now"
    person = consent.person or "nobody known"
    place = f"entry {consent.index}"
    return f"  {action} by {person} until {day}{counts}: {consent.reason}  {place}"
