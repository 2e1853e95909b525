"""What people have signed: approvals of a model, and acceptances of undecided checks. Each by the person's own key."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from tasks.attestation.dsse import Envelope
from tasks.attestation.roles import ACCEPTANCE, APPROVAL
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import EvidenceError
from tasks.verifier.expiry import epoch, now_of
from tasks.verifier.lineage import Chain, GateVerdict, short
from tasks.verifier.log_reader import Entry, Log, Signed, verified


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
        found |= {
            str(said.get("portcullis_startedBy", "")),
            str(said.get("portcullis_commitAuthorSha256", "")),
        }
    for verdict in chain.verdicts.values():
        found.add(str(verdict.predicate["portcullis_context"].get("startedBy", "")))
    return frozenset(found - {""})


@dataclass(frozen=True)
class Consent:
    """A person's signature under a model or an undecided verdict, and whether it can count."""

    index: int
    envelope_sha256: str
    person: str
    reason: str
    expires: int
    by_author: bool
    gate: str = ""
    verdict: str = ""
    tests: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return it as the policy judges it."""
        return asdict(self) | {"tests": list(self.tests)}


@dataclass(frozen=True)
class Consents:
    """Everything that people have signed about one chain, and the time by which it is judged."""

    approvals: tuple[Consent, ...]  # of exactly this model
    acceptances: tuple[Consent, ...]  # of verdicts of this use case; each names its verdict's bytes
    now: int

    @classmethod
    def of(cls, log: Log, chain: Chain) -> "Consents":
        """Find them in the log."""
        authors, model = authors_of(chain), f"{chain.case}/train/model"
        approvals = tuple(
            _consent(signed, authors)
            for signed in _believed(log, APPROVAL)
            if signed.statement.digest_of(model) == chain.model_sha256
            and signed.statement.predicate.get("decision") == "approve"
        )
        acceptances = (
            _consent(signed, authors, chain.case) for signed in _believed(log, ACCEPTANCE)
        )
        return cls(approvals, tuple(each for each in acceptances if each.verdict), now_of(log))

    def accepts(self, verdict: GateVerdict) -> bool:
        """Say whether every check that keeps a verdict from passing is undecided, and accepted."""
        tests = {
            test
            for each in self.acceptances
            if (each.gate, each.verdict) == (verdict.gate, verdict.report_sha256)
            and self.counts(each)
            for test in each.tests
        }
        undecided = verdict.tests("warned")
        return bool(undecided) and not verdict.tests("failed") and set(undecided) <= tests

    def counts(self, consent: Consent) -> bool:
        """Say whether a consent is in force, and not by who made the run."""
        return consent.expires > self.now and not consent.by_author

    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Return those that count as what a decision rests on."""
        approvals = ((f"approval:{each.person}", each) for each in self.approvals)
        acceptances = ((f"acceptance:{each.gate}", each) for each in self.acceptances)
        return tuple(
            (what, each.envelope_sha256)
            for what, each in (*approvals, *acceptances)
            if self.counts(each)
        )


def check(envelope: Envelope, log: Log, chain: Chain) -> Consents:
    """Check what a person has signed before it is appended: the same, whether it comes from a terminal or a form.

    Raises:
        EvidenceError: It is not signed by an enrolled key in its role, is about another model, has expired, is without
            a reason, or is by who made the run.
    """
    index = log.head.size
    signed = verified(Entry(index, envelope, sha256(envelope.to_bytes()).hexdigest()), log.keys)
    kind = signed.statement.predicate_type
    if kind not in (APPROVAL, ACCEPTANCE):
        raise _refused("an approval or an acceptance", kind)
    consent = _consent(signed, authors_of(chain), chain.case)
    if (
        kind == APPROVAL
        and signed.statement.digest_of(f"{chain.case}/train/model") != chain.model_sha256
    ):
        raise _refused(f"an approval of model {short(chain.model_sha256)}", "one of another")
    if kind == ACCEPTANCE and not consent.verdict:
        raise _refused(f"an acceptance of a verdict of {chain.case}", "one of another use case")
    if not consent.reason.strip():
        raise _refused("a reason", "none")
    if consent.by_author:
        raise _refused("a second person", f"{consent.person}, who made this run")
    if consent.expires <= now_of(log):
        raise _refused(
            "a date of expiry to come", "one that has passed, or none, or another person's name"
        )
    return Consents.of(log, chain)


def _consent(signed: Signed, authors: frozenset[str], case: str = "") -> Consent:
    said, key = signed.statement.predicate, signed.key
    gate = str(said.get("gate", ""))
    is_their_own = bool(key.holder) and str(said.get("person", "")) == key.holder
    return Consent(
        index=signed.index,
        envelope_sha256=signed.envelope_sha256,
        person=key.holder,
        reason=str(said.get("reason", "")),
        expires=epoch(str(said.get("expiresOn", ""))) if is_their_own else 0,
        by_author=bool({key.holder, key.email_sha256} & authors),
        gate=gate,
        verdict=(signed.statement.digest_of(f"{case}/{gate}/verdict.json") or "") if gate else "",
        tests=tuple(str(test) for test in said.get("tests", ())),
    )


def _believed(log: Log, kind: str) -> list[Signed]:
    """Return the statements of a kind whose signature holds; others count for nothing."""
    found = []
    for entry in log.entries:
        if f'"{kind}"'.encode() in entry.envelope.payload:
            with suppress(EvidenceError):
                found.append(verified(entry, log.keys))
    return [signed for signed in found if signed.statement.predicate_type == kind]


def _refused(expected: str, found: str) -> EvidenceError:
    return EvidenceError("approval", expected=expected, found=found, remedy="Nothing was recorded.")
