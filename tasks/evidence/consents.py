"""What people have signed: approvals of a model, and acceptances of undecided checks. Each by the person's own key."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from tasks.errors import EvidenceError
from tasks.evidence.chain import Chain
from tasks.evidence.reading import Log, Signed, verified
from tasks.evidence.roles import ACCEPTANCE, APPROVAL
from tasks.evidence.statement import Artefact, Statement


def approval(
    case: str, model_sha256: str, *, person: str, role: str, reason: str, given: str, expires: str
) -> Statement:
    """Return the statement by which a person approves exactly this model."""
    said = {
        "decision": "approve", "useCase": case, "person": person, "role": role, "reason": reason, "givenOn": given,
        "expiresOn": expires,
    }  # fmt: skip
    return Statement((Artefact(f"{case}/train/model", model_sha256),), APPROVAL, said)


def acceptance(
    case: str, gate: str, *, verdict_sha256: str, tests: tuple[str, ...], person: str, role: str,
    reason: str, given: str, expires: str,
) -> Statement:  # fmt: skip
    """Return the statement by which a validator accepts named undecided checks of exactly this verdict."""
    said = {
        "gate": gate, "tests": list(tests), "useCase": case, "person": person, "role": role, "reason": reason,
        "givenOn": given, "expiresOn": expires,
    }  # fmt: skip
    return Statement((Artefact(f"{case}/{gate}/verdict.json", verdict_sha256),), ACCEPTANCE, said)


def authors_of(chain: Chain) -> frozenset[str]:
    """Return who made a model: who started its stages, and who wrote the commit they ran at (hashed address)."""
    found = set()
    for step in chain.steps:
        said = step.signed.statement.predicate
        found |= {str(said.get("portcullis_startedBy", "")), str(said.get("portcullis_commitAuthorSha256", ""))}
    for verdict in chain.verdicts.values():
        found.add(str(verdict.predicate["portcullis_context"].get("startedBy", "")))
    return frozenset(found - {""})


def approvals_of(log: Log, chain: Chain, authors: frozenset[str]) -> list[dict[str, Any]]:
    """Return the approvals of exactly this model, as the policy judges them."""
    return [
        _consent(signed, authors)
        for signed in _believed(log, APPROVAL)
        if signed.statement.digest_of(f"{chain.case}/train/model") == chain.model_sha256
        and signed.statement.predicate.get("decision") == "approve"
    ]


def acceptances_of(log: Log, chain: Chain, authors: frozenset[str]) -> list[dict[str, Any]]:
    """Return the acceptances of verdicts of this use case, as the policy judges them: each names a verdict's bytes."""
    found = []
    for signed in _believed(log, ACCEPTANCE):
        said, gate = signed.statement.predicate, str(signed.statement.predicate.get("gate"))
        if verdict := signed.statement.digest_of(f"{chain.case}/{gate}/verdict.json"):
            tests = [str(test) for test in said.get("tests", ())]
            found.append(_consent(signed, authors) | {"gate": gate, "verdict": verdict, "tests": tests})
    return found


def _consent(signed: Signed, authors: frozenset[str]) -> dict[str, Any]:
    said, key = signed.statement.predicate, signed.key
    person = str(said.get("person", ""))
    is_their_key = person == key.holder and bool(person)
    return {
        "index": signed.index,
        "person": key.holder,
        "reason": str(said.get("reason", "")),
        "expires": _epoch(str(said.get("expiresOn", ""))) if is_their_key else 0,
        "by_author": bool({key.holder, key.email_sha256} & authors),
    }


def _epoch(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return 0  # by which everything has expired


def _believed(log: Log, kind: str) -> list[Signed]:
    """Return the statements of a kind whose signature holds; others count for nothing."""
    found = []
    for entry in log.entries:
        if f'"{kind}"'.encode() in entry.envelope.payload:
            with suppress(EvidenceError):
                found.append(verified(entry, log.keys))
    return [signed for signed in found if signed.statement.predicate_type == kind]
