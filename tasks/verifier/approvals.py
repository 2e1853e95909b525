"""What people have signed, by their own keys: approvals of a model, acceptances of checks."""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, TypeVar

from tasks.attestation.dsse import Envelope
from tasks.attestation.identities import Identity
from tasks.attestation.keyring import KeyRing
from tasks.attestation.predicates.circumstances import LOCAL, effective_mode
from tasks.attestation.predicates.consent import CheckAcceptance, ModelApproval, SignedConsent
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import EvidenceError
from tasks.verifier.expiry import epoch, is_to_come, now_after
from tasks.verifier.lineage import MODEL, Chain, GateVerdict, short
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Entry, Signed, verified

C = TypeVar("C", bound=SignedConsent)
NOBODY_STARTED = "a stage says nothing about who started it"
NOBODY_WROTE = "a stage ran outside git, so nobody says who wrote its code"


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


@dataclass(frozen=True)
class Makers:
    """Everybody who made a model or judged it.

    `people` are their identities, as far as the key ring knows them; `unknown` names, a line each,
    those of whom no key entry says who they are.
    """

    people: tuple[Identity, ...]
    unknown: tuple[str, ...]

    def include(self, person: Identity) -> bool:
        """Say whether a person is one of them, under whichever name or address."""
        return any(maker.shares(person) for maker in self.people)


def makers_of(log: Log, chain: Chain) -> Makers:
    """Return who made a model: who started a run that it rests on, and who wrote the commit."""
    # Judges are makers, too: whoever ran a gate, or wrote the code by which it judged, is no second
    # person about what it came to.
    runs = [step.signed.predicate.run for step in chain.steps]
    runs += [signed.predicate.run for signed in judging_runs(log, chain)]
    judges = [verdict.content.started_by for verdict in chain.verdicts.values()]
    actors = dict.fromkeys((*(run.started_by for run in runs), *judges))
    commits = dict.fromkeys((run.commit_author_sha256, run.commit) for run in runs)

    people: list[Identity] = []
    unknown: list[str] = []

    def add(identity: Identity, line: str) -> None:
        enrolled = log.keys.people_like(identity)
        # The identity itself beside those enrolled: who is enrolled nowhere is compared by their
        # login or the address in their commit all the same.
        people.extend((identity, *enrolled))
        if not enrolled:
            unknown.append(line)

    for actor in actors:
        add(Identity.of((actor,)), f"`{actor}` started a stage" if actor else NOBODY_STARTED)
    for author_sha256, commit in commits:
        written = f"the author of commit {commit[:12]}" if commit else NOBODY_WROTE
        add(Identity.of((), (author_sha256,)), written)
    return Makers(tuple(people), tuple(dict.fromkeys(unknown)))


def mode_of(log: Log, chain: Chain) -> str:
    """Return the strictest mode that any run says it was made in: one local run makes none lax."""
    runs = [step.signed.predicate.run.mode for step in chain.steps]
    runs += [signed.predicate.run.mode for signed in judging_runs(log, chain)]
    verdicts = [verdict.content.mode for verdict in chain.verdicts.values()]
    modes = map(effective_mode, (*runs, *verdicts))
    return next((mode for mode in modes if mode != LOCAL), LOCAL)


def judging_runs(log: Log, chain: Chain) -> tuple[Signed[Provenance], ...]:
    """Return the runs that made the verdicts that count: a verdict names no author of its code.

    The latest run of each gate that made exactly those bytes, as with every other step. Where
    earlier ones counted, whoever ran a gate once, by a commit of theirs, would have judged every
    later model of which it comes to the same: who is enrolled nowhere would block them all.
    """
    made = (
        log.statements(Provenance, _verdict_name(chain.case, gate), verdict.report_sha256)
        for gate, verdict in chain.verdicts.items()
        if verdict.report_sha256
    )
    return tuple(runs[-1] for runs in made if runs)


@dataclass(frozen=True)
class Consent:
    """A person's signature under a model or an undecided verdict, and whether it can count.

    `unidentified` is set in mode `enforced` of a person of whom no login is enrolled: nobody could
    say whether they made the run.
    """

    index: int
    envelope_sha256: str
    person: str
    reason: str
    expires: int
    by_author: bool
    unidentified: bool
    gate: str = ""
    verdict: str = ""
    tests: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return it as the policy judges it."""
        return asdict(self) | {"tests": list(self.tests)}


@dataclass(frozen=True)
class Consents:
    """Everything that people have signed about one chain, and the time by which it is judged.

    `of_other_plans` are approvals of the same bytes from before they were trained under the plan of
    the chain: who gave one had seen other verdicts. They count for nothing.
    """

    approvals: tuple[Consent, ...]  # of exactly this model, under its plan
    acceptances: tuple[Consent, ...]  # of verdicts of this use case; each names its verdict's bytes
    now: int
    unknown_actors: tuple[str, ...] = ()  # who made the run and is enrolled nowhere; not in `local`
    of_other_plans: tuple[Consent, ...] = ()

    @classmethod
    def of(cls, log: Log, chain: Chain, mode: str = LOCAL) -> "Consents":
        """Find them in the log.

        Args:
            log: With at least the entries about the use case.
            chain: The model's.
            mode: In which mode the caller runs. It counts as well as what the statements say: the
                strictest decides. In all but `local`, whoever is enrolled nowhere made the run for
                somebody who may stand behind them, and is named in `unknown_actors`.
        """
        judge = _ConsentJudge.of(log, chain, mode)
        approvals = tuple(
            judge.weigh(signed, signed.predicate)
            for signed in log.statements(ModelApproval, f"{chain.case}/{MODEL}", chain.model_sha256)
        )
        acceptances = tuple(
            judge.weigh(signed, signed.predicate, chain.case)
            for signed in log.statements(CheckAcceptance)
        )
        # An acceptance has no digest to be looked up by until its gate is known, so all are
        # weighed; those of other use cases come to have no verdict.
        of_case = tuple(consent for consent in acceptances if consent.verdict)
        sealed = first_sealed(log, chain)

        return cls(
            # By the log's order, not by the date in the approval, which its signer writes.
            tuple(consent for consent in approvals if consent.index > sealed),
            of_case,
            now_after(log.latest_time),
            judge.unknown_actors,
            tuple(consent for consent in approvals if consent.index < sealed),
        )

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
        """Say whether a consent is in force, and by a person who surely did not make the run."""
        is_second_person = not consent.by_author and not consent.unidentified
        return consent.expires > self.now and is_second_person

    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Return those that count as what a decision rests on: (name, sha256 of the envelope)."""
        approvals = ((f"approval:{consent.person}", consent) for consent in self.approvals)
        acceptances = ((f"acceptance:{consent.gate}", consent) for consent in self.acceptances)
        return tuple(
            (name, consent.envelope_sha256)
            for name, consent in (*approvals, *acceptances)
            if self.counts(consent)
        )


def weigh_consents(
    log: Log, chain: Chain, kind: type[C], mode: str = LOCAL
) -> tuple[tuple[Signed[C], Consent], ...]:
    """Return what people have signed of one kind about a model, each as it counts.

    Whether a person's login is enrolled at all is a part of it where the mode asks.
    """
    judge = _ConsentJudge.of(log, chain, mode)
    return tuple(
        (signed, judge.weigh(signed, signed.predicate))
        for signed in log.statements(kind, f"{chain.case}/{MODEL}", chain.model_sha256)
    )


def first_sealed(log: Log, chain: Chain) -> int:
    """Return the entry by which a model was first trained under the plan of its chain.

    -1 where no plan was sealed: what was approved then was approved without one.
    """
    if chain.plan is None:
        return -1

    made = log.statements(Provenance, f"{chain.case}/{MODEL}", chain.model_sha256)

    return min(
        signed.index
        for signed in made
        if signed.predicate.plan and signed.predicate.plan.sha256 == chain.plan.sha256
    )


def check(envelope: Envelope, log: Log, chain: Chain, mode: str = LOCAL) -> Consents:
    """Check what a person has signed before it is appended, whether by a terminal or by a form.

    Raises:
        EvidenceError: It is not signed by an enrolled key in its role, is about another model or
            about what nobody made, has expired, is dated ahead, is without a reason, or is by who
            made the run.
    """
    # As the next entry of the log: a key that was revoked up to here does not count any more.
    index = log.head.size
    signed = verified(Entry(index, envelope, sha256(envelope.to_bytes()).hexdigest()), log.keys)
    consent = signed.predicate
    if not isinstance(consent, ModelApproval | CheckAcceptance):
        raise _refused("an approval or an acceptance", signed.statement.predicate_type)
    require_made(chain)

    # 1. It is about exactly this model, or about a verdict that counts for it.
    consents = Consents.of(log, chain, mode)
    judge = _ConsentJudge.of(log, chain, mode)
    as_counted = judge.weigh(signed, consent, chain.case)
    # The digest in the signed statement, and not the name of a file that was handed in: what a
    # person signed is what they approved.
    model = signed.digest_of(f"{chain.case}/{MODEL}")
    if isinstance(consent, ModelApproval) and model != chain.model_sha256:
        raise _refused(f"an approval of model {short(chain.model_sha256)}", "one of another")
    if isinstance(consent, CheckAcceptance):
        _require_undecided(as_counted, chain)

    # 2. It is by a second person, with a reason, for a time to come.
    if not as_counted.reason.strip() or not as_counted.reason.isprintable():
        raise _refused("a reason, in one line of text", "none, or one with control characters")
    if is_to_come(consent.given_on, consents.now):
        raise _refused("a day of signing that has come", "one that is to come")
    if as_counted.by_author:
        raise _refused("a second person", f"{as_counted.person}, who made this run")
    if as_counted.unidentified:
        raise _refused(
            "a person whose logins are enrolled",
            f"none of {as_counted.person or 'this key'}",
            "Enrol a key of theirs with `keys enrol --login`. ",
        )
    if consents.unknown_actors:
        raise _refused(
            "a run by people who are enrolled",
            consents.unknown_actors[0],
            "Enrol them with `keys enrol --role developer --login … --email …`. ",
        )
    if as_counted.expires <= consents.now:
        raise _refused(
            "a date of expiry to come", "one that has passed, or none, or another person's name"
        )

    return consents


def require_made(chain: Chain) -> None:
    """Refuse to have anything signed about a model of which the log does not say who made it.

    Raises:
        EvidenceError: It names the digest, and what to do.
    """
    if chain.steps:
        return

    raise _refused(
        f"a model of {chain.case} that stage `train` made, says this log",
        f"none with digest {short(chain.model_sha256)}",
        f"`./portcullis verify {chain.case}` shows the digest of the model in `data/`; one made "
        f"elsewhere is known after `./portcullis release {chain.case}`. ",
    )


def _require_undecided(consent: Consent, chain: Chain) -> None:
    """Refuse an acceptance of anything but undecided checks of a verdict that counts here."""
    if not consent.verdict:
        raise _refused(f"an acceptance of a verdict of {chain.case}", "one of another use case")

    verdict = chain.verdicts.get(consent.gate)
    if verdict is None or verdict.report_sha256 != consent.verdict:
        raise _refused(
            f"an acceptance of the verdict that counts for model {short(chain.model_sha256)}",
            "one of another verdict",
        )

    others = [test for test in consent.tests if test not in verdict.content.warned]
    if not consent.tests or others:
        raise _refused(
            f"undecided checks of entry {verdict.signed.index}",
            f"`{others[0][:120]}`" if others else "none",
        )


@dataclass(frozen=True)
class _ConsentJudge:
    """Says of what people have signed whether it can count."""

    keys: KeyRing
    makers: Makers
    mode: str

    @classmethod
    def of(cls, log: Log, chain: Chain, mode: str) -> "_ConsentJudge":
        strictest = mode if mode != LOCAL else mode_of(log, chain)
        return cls(log.keys, makers_of(log, chain), strictest)

    @property
    def unknown_actors(self) -> tuple[str, ...]:
        return () if self.mode == LOCAL else self.makers.unknown

    def weigh(self, signed: Signed[Predicate], claims: SignedConsent, case: str = "") -> Consent:
        """Return a consent as it counts; `claims` is what the person wrote, `signed.predicate`.

        What a person writes about themselves counts only where their key is enrolled under the same
        name: an approval in another's name never is in force.
        """
        key = signed.key
        # The worker's own keys approve nothing, whatever role somebody gave them: it would be the
        # judged who approves.
        is_their_own = key.is_of_person and claims.person == key.holder
        has_logins = any(entry.logins for entry in self.keys.keys_of(key.holder))
        gate = claims.gate if isinstance(claims, CheckAcceptance) else ""
        verdict_sha256 = signed.digest_of(_verdict_name(case, gate)) if gate else None

        return Consent(
            index=signed.index,
            envelope_sha256=signed.envelope_sha256,
            person=key.holder,
            reason=claims.reason,
            # 0 has expired at any time: there is one test for what is not in force, and no second
            # flag that a caller could forget.
            expires=epoch(claims.expires) if is_their_own else 0,
            # By all keys that the holder ever had: a second key under another login makes no second
            # person.
            by_author=self.makers.include(self.keys.identity_of(key.holder)),
            unidentified=self.mode != LOCAL and not has_logins,
            gate=gate,
            verdict=verdict_sha256 or "",
            tests=claims.tests if isinstance(claims, CheckAcceptance) else (),
        )


def _verdict_name(case: str, gate: str) -> str:
    return f"{case}/{gate}/verdict.json"


def _refused(expected: str, found: str, remedy: str = "") -> EvidenceError:
    return EvidenceError(
        "approval", expected=expected, found=found, remedy=f"{remedy}Nothing was recorded."
    )
