"""What people have signed, by their own keys: approvals of a model, acceptances of checks."""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from tasks.attestation.dsse import Envelope
from tasks.attestation.predicates.consent import CheckAcceptance, ModelApproval, SignedConsent
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import EvidenceError
from tasks.verifier.expiry import epoch, now_after
from tasks.verifier.lineage import MODEL, Chain, GateVerdict, short
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Entry, Signed, verified


def approval(
    case: str, model_sha256: str, *, person: str, role: str, reason: str, given: str, expires: str
) -> Statement:
    """Return the statement by which a person approves exactly this model."""
    consent = ModelApproval(
        case=case, person=person, capacity=role, reason=reason, given_on=given, expires=expires
    )
    return consent.about(Artefact(f"{case}/{MODEL}", model_sha256))


def acceptance(
    case: str,
    gate: str,
    *,
    verdict_sha256: str,
    tests: tuple[str, ...],
    person: str,
    role: str,
    reason: str,
    given: str,
    expires: str,
) -> Statement:
    """Return the statement by which a validator accepts checks of exactly this verdict."""
    consent = CheckAcceptance(
        case=case,
        person=person,
        capacity=role,
        reason=reason,
        given_on=given,
        expires=expires,
        gate=gate,
        tests=tests,
    )
    return consent.about(Artefact(_verdict_name(case, gate), verdict_sha256))


def authors_of(chain: Chain) -> frozenset[str]:
    """Return who made a model: who started its stages, and who wrote the commit they ran at.

    The latter by the sha256 of their address, as `tasks.attestation.run_context` writes it.
    """
    runs = [step.signed.predicate.run for step in chain.steps]
    authors = {run.started_by for run in runs} | {run.commit_author_sha256 for run in runs}
    judges = {verdict.content.started_by for verdict in chain.verdicts.values()}
    return frozenset((authors | judges) - {""})


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
        authors = authors_of(chain)
        approvals = tuple(
            _consent(signed, signed.predicate, authors)
            for signed in log.statements(ModelApproval, f"{chain.case}/{MODEL}", chain.model_sha256)
        )
        acceptances = tuple(
            _consent(signed, signed.predicate, authors, chain.case)
            for signed in log.statements(CheckAcceptance)
        )
        of_case = tuple(consent for consent in acceptances if consent.verdict)
        return cls(approvals, of_case, now_after(log.latest_time))

    def accepts(self, verdict: GateVerdict) -> bool:
        """Say whether every check that keeps a verdict from passing is undecided, and accepted."""
        accepted = {
            test
            for consent in self.acceptances
            # By the digest of the verdict's file: an acceptance of another run's verdict is of
            # other figures, though the check is the same.
            if (consent.gate, consent.verdict) == (verdict.gate, verdict.report_sha256)
            and self.counts(consent)
            for test in consent.tests
        }
        undecided = verdict.content.warned

        # A failed check can never be accepted, and no checks at all are no pass.
        return bool(undecided) and not verdict.content.failed and set(undecided) <= accepted

    def counts(self, consent: Consent) -> bool:
        """Say whether a consent is in force, and not by who made the run."""
        return consent.expires > self.now and not consent.by_author

    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Return those that count as what a decision rests on: (name, sha256 of the envelope)."""
        approvals = ((f"approval:{consent.person}", consent) for consent in self.approvals)
        acceptances = ((f"acceptance:{consent.gate}", consent) for consent in self.acceptances)
        return tuple(
            (name, consent.envelope_sha256)
            for name, consent in (*approvals, *acceptances)
            if self.counts(consent)
        )


def check(envelope: Envelope, log: Log, chain: Chain) -> Consents:
    """Check what a person has signed before it is appended, whether by a terminal or by a form.

    Raises:
        EvidenceError: It is not signed by an enrolled key in its role, is about another model, has
            expired, is without a reason, or is by who made the run.
    """
    # As the next entry of the log: a key that was revoked up to here does not count any more.
    index = log.head.size
    signed = verified(Entry(index, envelope, sha256(envelope.to_bytes()).hexdigest()), log.keys)
    consent = signed.predicate
    if not isinstance(consent, SignedConsent):
        raise _refused("an approval or an acceptance", signed.statement.predicate_type)

    as_counted = _consent(signed, consent, authors_of(chain), chain.case)
    model = signed.digest_of(f"{chain.case}/{MODEL}")
    if isinstance(consent, ModelApproval) and model != chain.model_sha256:
        raise _refused(f"an approval of model {short(chain.model_sha256)}", "one of another")
    if isinstance(consent, CheckAcceptance) and not as_counted.verdict:
        raise _refused(f"an acceptance of a verdict of {chain.case}", "one of another use case")

    if not as_counted.reason.strip():
        raise _refused("a reason", "none")
    if as_counted.by_author:
        raise _refused("a second person", f"{as_counted.person}, who made this run")
    if as_counted.expires <= now_after(log.latest_time):
        raise _refused(
            "a date of expiry to come", "one that has passed, or none, or another person's name"
        )

    return Consents.of(log, chain)


def _consent(
    signed: Signed[Predicate], claims: SignedConsent, authors: frozenset[str], case: str = ""
) -> Consent:
    """Return a consent as it counts; `claims` is what the person wrote, `signed.predicate`.

    What a person writes about themselves counts only where their key is enrolled under the same
    name: an approval in another's name never is in force.
    """
    key = signed.key
    is_their_own = bool(key.holder) and claims.person == key.holder
    gate = claims.gate if isinstance(claims, CheckAcceptance) else ""
    verdict_sha256 = signed.digest_of(_verdict_name(case, gate)) if gate else None

    return Consent(
        index=signed.index,
        envelope_sha256=signed.envelope_sha256,
        person=key.holder,
        reason=claims.reason,
        expires=epoch(claims.expires) if is_their_own else 0,
        by_author=bool({key.holder, key.email_sha256} & authors),
        gate=gate,
        verdict=verdict_sha256 or "",
        tests=claims.tests if isinstance(claims, CheckAcceptance) else (),
    )


def _verdict_name(case: str, gate: str) -> str:
    return f"{case}/{gate}/verdict.json"


def _refused(expected: str, found: str) -> EvidenceError:
    return EvidenceError("approval", expected=expected, found=found, remedy="Nothing was recorded.")
