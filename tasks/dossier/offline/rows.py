"""What one row of a dossier says, held against the statements that it refers to."""

from collections.abc import Sequence
from typing import Any

from tasks.attestation.predicates.consent import RequirementAnswer
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.gates import Check, Outcome, format_number
from tasks.verifier.statement_index import Signed

ANSWERED = "answered"
AGAINST = "evidence against"
NOT_APPLICABLE = "not applicable"
# What makes no claim. Whatever else a row is said to be, it needs a reference.
OPEN_STANDINGS = ("MISSING", "stale", NOT_APPLICABLE)
OUTCOMES = frozenset(outcome.text for outcome in Outcome)

Referred = Sequence[tuple[Any, Signed[Any]]]  # references, each with its statement


def row_faults(page: str, row: Any, referred: Referred) -> list[str]:
    """Return what a row says, or refers to, that its statements do not say.

    Args:
        page: The page's name, for what is told.
        row: As the index has it.
        referred: Its references that lead to an entry of the bundle, and what is signed there.
    """
    if row["standing"] in OPEN_STANDINGS:
        # It says that nothing is known, in these words, and shows no figure.
        is_open = row["text"].startswith(f"{row['standing']} · ") and not row["figures"]
        faults = [] if is_open else [f"{page}: a row that is {row['standing']} and says more"]
        return faults + _reference_faults(page, referred)

    faults = [] if row["references"] else [f"{page}: a claim without a reference"]
    faults += _reference_faults(page, referred)
    checks = [
        (signed, check)
        for reference, signed in referred
        if (key := reference.get("check", "")) and (check := _check_of(signed, key))
    ]

    # Figures are of one check: a second reference, or none to it, would leave them unchecked.
    if checks and row["figures"]:
        if len(row["references"]) > 1:
            return [*faults, f"{page}: figures of one check beside another reference"]
        ((signed, check),) = checks
        return faults + check_faults(f"{page}: entry {signed.index}: {check.key}", row, check)
    if row["text"] in OUTCOMES:
        return [*faults, f"{page}: an outcome without its check and figures"]
    return faults + _sentence_faults(page, row, referred, checks)


def check_faults(place: str, row: Any, check: Check) -> list[str]:
    """Return where a row that shows one check differs from it: outcome, value, limit."""
    value = "" if check.value is None else format_number(check.value)
    faults = []
    if row["text"] != check.outcome.text:
        faults.append(f"{place} came to {check.outcome.text}")
    if (row["standing"] == AGAINST) is not check.outcome.is_blocking:
        faults.append(f"{place} does not stand as {row['standing']}")

    # Of a comparison whose limit has changed, value and limit stand in one text.
    with_limit = [figure for figure in row["figures"] if f" ({check.limit})" in figure]
    values = [figure.partition(" (")[0] for figure in with_limit] or row["figures"]
    if value and value not in values:
        faults.append(f"{place} has the value {value}")

    # Of a comparison the limit stands beside the earlier figure, in one text.
    if not any(check.limit in figure for figure in row["figures"]):
        faults.append(f"{place} has another limit")
    return faults


def _reference_faults(page: str, referred: Referred) -> list[str]:
    """Return the references that lead to a check or an artefact that their statement has not."""
    faults = []
    for reference, signed in referred:
        place = f"{page}: entry {signed.index}"
        key, name = reference.get("check", ""), reference.get("name", "")
        if key and _check_of(signed, key) is None:
            faults.append(f"{place} has no check {key}")
        if name and (name, reference["sha256"]) not in _artefacts(signed):
            faults.append(f"{place} does not name {name} by this digest")
    return faults


def _sentence_faults(
    page: str, row: Any, referred: Referred, checks: Sequence[tuple[Signed[Any], Check]]
) -> list[str]:
    """Return what a sentence says of answers, gates, decisions and checks that was not signed."""
    text = row["text"]

    # 1. A person's answer is shown in their own words, and speaks for the evidence beside it.
    answers = [signed for _, signed in referred if isinstance(signed.predicate, RequirementAnswer)]
    if answers:
        return [
            f"{page}: entry {signed.index} answers in other words"
            for signed in answers
            if not text.startswith(f"{signed.predicate.text} (")
        ]

    # 2. Of a gate or a decision that it names, what that came to.
    faults = [
        f"{page}: entry {signed.index} says: {summary}"
        for _, signed in referred
        for label, beginning, summary in _summaries(signed)
        if (row["labels"][0] == label or beginning in text) and summary not in text
    ]

    # 3. Of checks that it sums up, the worst of each id. Several that speak against it are summed
    #    up by the first.
    by_id: dict[str, list[Outcome]] = {}
    for _, check in checks:
        by_id.setdefault(check.id, []).append(check.outcome)
    if row["standing"] == AGAINST and len(by_id) > 1:
        return faults
    worst = {check_id: Outcome.worst(outcomes).text for check_id, outcomes in by_id.items()}
    return faults + [
        f"{page}: {check_id} came to {outcome}"
        for check_id, outcome in worst.items()
        if f"{check_id}: {outcome}" not in text
    ]


def _summaries(signed: Signed[Any]) -> list[tuple[str, str, str]]:
    """Return of a verdict or a decision its label, how a sentence about it begins, and the rest."""
    predicate = signed.predicate
    if isinstance(predicate, SignedVerdict):
        return [(f"Gate {predicate.gate}", f"gate {predicate.gate}:", predicate.summary)]
    if isinstance(predicate, VerificationSummary):
        return [("Decision", " decided ", f" decided {predicate.result} ")]
    return []


def _check_of(signed: Signed[Any], key: str) -> Check | None:
    if not isinstance(signed.predicate, SignedVerdict):
        return None
    checks = (check for check in signed.predicate.checks if isinstance(check, Check))
    return next((check for check in checks if check.key == key), None)


def _artefacts(signed: Signed[Any]) -> set[tuple[str, str]]:
    named = {(subject.name, subject.sha256) for subject in signed.subjects}
    if isinstance(signed.predicate, Provenance):
        named |= {(item.name, item.sha256) for item in signed.predicate.materials}
    return named
