"""What the law in force holds against a chain.

The policy is Rego, and lies in the tree of who is judged. This is Python and compares with a signed
entry of the ledger, so that the offline verifier, which has no Rego, can ask it as well.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tasks.attestation.agreement_review import (
    PASSED,
    AgreementReview,
    review_name,
)
from tasks.attestation.predicates.circumstances import LOCAL, Circumstances, effective_mode
from tasks.attestation.predicates.consent import ModelApproval
from tasks.attestation.predicates.in_force import MODES, Terms
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.errors import EvidenceError, Refusal, RefusalKind
from tasks.gates import Outcome
from tasks.path import BEFORE_TRAINING, MEASURING
from tasks.verifier.approvals import Consents
from tasks.verifier.attempts.finding import DataVersion, find_attempts
from tasks.verifier.expiry import epoch
from tasks.verifier.in_force.law import INPUT, Law, count_people, read_history
from tasks.verifier.lineage import MODEL, Chain, GateVerdict, examine, latest_decision, short
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed, Void

ADMITTED = MEASURING[0].product  # what `admit` writes, by which data is read
POLICY = "policy"  # the name of the policy in a verdict's configuration


@dataclass(frozen=True)
class LawFacts:
    """What the law is compared with that no statement of the chain says.

    Attributes:
        purpose: `train` or `register`.
        mode: Of who decides now, or decided.
        policy_sha256: Of the policy that is asked now, or that the decision names.
        registry_name: Under which the model is to be registered; empty where nothing says so.
        anchors: Which hold the decision, and whose they are; None where nothing here can say so,
            as in a bundle.
        now: The time, in epoch seconds, by which consents expire; None for that of the log.
        plan_sha256: Before training, of the plan that would be sealed now. Of a model it is in the
            chain.
    """

    purpose: str
    mode: str
    policy_sha256: str
    registry_name: str = ""
    anchors: Mapping[str, str] | None = None
    now: int | None = None
    plan_sha256: str = ""


@dataclass(frozen=True)
class LawReading:
    """What is in force by a whole log or a bundle, and what of it speaks against a chain.

    Attributes:
        law: In force at the head.
        law_then: In force when `register` last decided; None where it did not, or nothing was.
        objections: Of the law by which `register` had to decide. With one of them the decision is
            no clearance, whatever it says.
        objections_today: Of the law at the head where that is another: the model was registered
            lawfully, and could not be today.
        is_anchoring_unknown: Whether anchors were required that nothing here can show.
    """

    law: Law | None
    law_then: Law | None
    objections: tuple[Refusal, ...]
    objections_today: tuple[Refusal, ...]
    is_anchoring_unknown: bool


def find_gate_runs(log: Log, chain: Chain) -> dict[str, Signed[Provenance]]:
    """Return gate -> the provenance of its verdict's file, of the same run as the verdict.

    A verdict does not say how its gate was run: at which commit's ref, in which mode.
    """
    runs: dict[str, Signed[Provenance]] = {}
    for gate, verdict in chain.verdicts.items():
        name = f"{chain.case}/{gate}/verdict.json"
        for signed in log.statements(Provenance, name, verdict.report_sha256):
            run = signed.predicate.run
            # Of the same run, since the same verdict can be written twice, in a lax mode and in a
            # strict one.
            if (run.stage, run.invocation) == (gate, verdict.content.invocation):
                runs[gate] = signed

    return runs


def mode_of(source: Circumstances | VerificationSummary | None) -> str:
    """Return the mode in which a run or a decision was made; `local` where nothing says it."""
    return effective_mode(source.mode if source else "")


def is_mode_enough(mode: str, least: str) -> bool:
    """Say whether a mode is worth at least another; one that is unknown is worth nothing."""
    return mode in MODES and MODES.index(mode) >= MODES.index(least)


def objections(log: Log, chain: Chain, facts: LawFacts) -> tuple[Refusal, ...]:
    """Return what the law at the head of a log holds against a chain; empty means nothing."""
    history = read_history(log)
    if history.law is None:
        return _lawless(history.void, facts.mode)
    return objections_of(history.law, log, chain, facts)


def objections_of(law: Law, log: Log, chain: Chain, facts: LawFacts) -> tuple[Refusal, ...]:
    """Return what a law holds against a chain; empty means nothing."""
    terms = law.terms
    consents = Consents.of(log, chain, facts.mode)
    if facts.now is not None:
        consents = replace(consents, now=facts.now)

    refusals = [
        *_of_policy(terms, chain, facts),
        *_of_gates(terms, chain, facts, consents),
        *_of_runs(terms, log, chain, facts),
        *_of_agreements(terms, log, chain),
        *_of_plan(terms, chain, facts),
        *_of_attempts(terms, log, chain, facts),
    ]
    if facts.purpose == "register":
        refusals += _of_approvals(terms, log, chain, consents)
        refusals += _of_registry_name(terms, chain, facts)
        refusals += _of_anchors(terms, facts)
    return tuple(dict.fromkeys(refusals))


def read_law(log: Log, chain: Chain) -> LawReading:
    """Compare a chain and the last decision of `register` with what was in force, and is now.

    Nothing but the log is asked, so that it says the same about a bundle anywhere and at any time.
    """
    history = read_history(log)
    decision = latest_decision(chain, "register")
    if decision is None:
        return LawReading(history.law, None, (), (), is_anchoring_unknown=False)

    # 1. By the law that was in force when it was decided, of what the log held by then: what was
    #    approved afterwards was not approved, and what has expired since was in force.
    log_then = log.before(decision.index)
    facts = _facts_of(decision, log_then)
    then = read_history(log, below=decision.index)
    # First that the decision names this law: a bundle from which the law was left out, or to which
    # an earlier one was put, shows there.
    refusals = [*_of_decision(then.law, decision)]
    if then.law is None:
        refusals += _lawless(then.void, facts.mode)
    else:
        chain_then = examine(log_then, chain.case, chain.model_sha256)
        refusals += chain_then.broken
        refusals += objections_of(then.law, log_then, chain_then, facts)

    # 2. By the law of today, if it is another one.
    today: tuple[Refusal, ...] = ()
    if history.law and history.law != then.law:
        # Without `now`: by the time of the log and of this machine, since it is today that is
        # asked.
        today = objections_of(history.law, log, chain, replace(facts, now=None))

    is_unknown = bool(then.law and then.law.terms.anchors)
    return LawReading(
        history.law,
        then.law,
        tuple(dict.fromkeys(refusals)),
        today,
        is_anchoring_unknown=is_unknown,
    )


def _facts_of(decision: Signed[VerificationSummary], log_then: Log) -> LawFacts:
    """Return the facts as a signed decision of `register` has them."""
    # As `now_after`: a clock that was set back when it was decided revives nothing.
    summary = decision.predicate
    return LawFacts(
        purpose="register",
        mode=mode_of(summary),
        policy_sha256=summary.policy_sha256,
        registry_name=summary.registry_name,
        now=max(epoch(summary.signed_on), log_then.latest_time),
    )


def _lawless(void: tuple[Void, ...], mode: str) -> tuple[Refusal, ...]:
    """Return what speaks against anything where nothing is in force."""
    # A revocation that takes the only law with it must not open what that law had shut.
    if void:
        text = (
            "in force: nothing is, for what was signed counts for nothing any more; "
            "`./portcullis in-force show` says why, then propose and sign it anew"
        )
        return (Refusal(RefusalKind.IN_FORCE_VOID, text),)

    if mode != LOCAL:
        text = (
            f"in force: no entry says what is, and mode `{mode}` needs one; "
            "`./portcullis in-force propose`, then `sign`"
        )
        return (Refusal(RefusalKind.IN_FORCE_MISSING, text),)
    return ()


def _of_policy(terms: Terms, chain: Chain, facts: LawFacts) -> Iterator[Refusal]:
    in_force = terms.policy_sha256
    by_place = {
        f"{gate}: entry {verdict.signed.index}": verdict.configuration().get(POLICY)
        for gate, verdict in chain.verdicts.items()
    }
    if facts.purpose == "register" and (decision := latest_decision(chain, "decide")):
        by_place[f"decide: entry {decision.index}"] = decision.predicate.policy_sha256
    # Three places, because each can be of another day: who judged, who weighed, and who decides.
    by_place[f"{facts.purpose}: this decision"] = facts.policy_sha256

    for place, digest in by_place.items():
        if digest != in_force:
            text = f"{place}: by policy {short(digest)}, in force is {short(in_force)}"
            yield Refusal(RefusalKind.IN_FORCE_POLICY_CHANGED, text)


def _of_gates(terms: Terms, chain: Chain, facts: LawFacts, consents: Consents) -> Iterator[Refusal]:
    # Before training, the gates about the model have not judged yet.
    is_training = facts.purpose == "train"
    required = {
        gate: checks
        for gate, checks in sorted(terms.gates.items())
        if not is_training or gate in BEFORE_TRAINING
    }

    for gate, checks in required.items():
        verdict = chain.verdicts.get(gate)
        if verdict is None:
            text = f"{gate}: no verdict that counts, and the gate is required by what is in force"
            yield Refusal(RefusalKind.IN_FORCE_GATE_MISSING, text)
            continue
        if verdict.outcome != Outcome.PASS and not consents.accepts(verdict):
            text = f"{gate}: entry {verdict.signed.index} is no pass, and nobody accepted it"
            yield Refusal(RefusalKind.IN_FORCE_GATE_MISSING, text)
        yield from _of_checks(gate, checks, terms.unmeasured.get(chain.case, ()), verdict)


def _of_checks(
    gate: str, required: tuple[str, ...], unmeasured: tuple[str, ...], verdict: GateVerdict
) -> Iterator[Refusal]:
    place = f"{gate}: entry {verdict.signed.index}"
    try:
        checks = verdict.checks()
    except EvidenceError:
        text = f"{place} was signed before checks had ids; run the stage again"
        yield Refusal(RefusalKind.IN_FORCE_CHECK_MISSING, text)
        return

    # By id and not by key: a required check has to have measured at least one group or column, and
    # which ones there are is the use case's.
    reported = {check.id for check in checks}
    measured = {check.id for check in checks if check.outcome is not Outcome.NOT_MEASURED}
    for check_id in required:
        # What may say that it has nothing to measure has to say so: it is not to be left out.
        satisfying = reported if check_id in unmeasured else measured
        if check_id not in satisfying:
            state = "measured nothing" if check_id in reported else "was not made"
            text = f"{place}: check `{check_id}` {state}, and is required by what is in force"
            yield Refusal(RefusalKind.IN_FORCE_CHECK_MISSING, text)


def _of_runs(terms: Terms, log: Log, chain: Chain, facts: LawFacts) -> Iterator[Refusal]:
    """Yield what is wrong with how a stage was run, and with the commit that it ran at."""
    if not is_mode_enough(facts.mode, terms.least_mode):
        text = (
            f"{facts.purpose}: this decision is in mode `{facts.mode}`, "
            f"in force is at least `{terms.least_mode}`"
        )
        yield Refusal(RefusalKind.IN_FORCE_MODE_TOO_LOW, text)

    # Each run by itself and not the strictest of all, as for consents: one gate that was run on
    # somebody's own machine is one too many.
    for place, run in _runs_of(log, chain):
        mode = mode_of(run)
        if not is_mode_enough(mode, terms.least_mode):
            text = f"{place}: ran in mode `{mode}`, in force is at least `{terms.least_mode}`"
            yield Refusal(RefusalKind.IN_FORCE_MODE_TOO_LOW, text)
        if (terms.refs or terms.signers) and not _is_releasable(run, terms):
            text = (
                f"{place}: its commit is of no ref and of no signer that may be released; "
                f"in force are {', '.join((*terms.refs, *terms.signers))}"
            )
            yield Refusal(RefusalKind.IN_FORCE_COMMIT_NOT_RELEASABLE, text)


def _runs_of(log: Log, chain: Chain) -> Iterator[tuple[str, Circumstances | None]]:
    """Yield where it stands and how it was run, of every step and every gate of a chain.

    Of a gate whose verdict has no provenance nothing is known: None.
    """
    for step in chain.steps:
        yield f"{step.stage}: entry {step.signed.index}", step.signed.predicate.run

    gate_runs = find_gate_runs(log, chain)
    for gate, verdict in chain.verdicts.items():
        provenance = gate_runs.get(gate)
        run = provenance.predicate.run if provenance else None
        yield f"{gate}: entry {verdict.signed.index}", run


def _is_releasable(run: Circumstances | None, terms: Terms) -> bool:
    # What differs from a commit is not what that commit's ref or signer vouches for.
    if run is None or not run.commit or run.dirty:
        return False
    return run.ref in terms.refs or run.signer in terms.signers


def _of_agreements(terms: Terms, log: Log, chain: Chain) -> Iterator[Refusal]:
    """Yield what is wrong with the agreements that the data was admitted by.

    By the last review that the worker signed for the use case, whatever it came to.
    """
    if not terms.agreements_sha256:
        return
    reviews = log.statements(AgreementReview, review_name(chain.case))
    admitted = chain.artefacts().get(f"{chain.case}/{ADMITTED}")
    if not reviews:
        text = "agreements: nothing signed says by which the data was admitted; run `admit` again"
        yield Refusal(RefusalKind.IN_FORCE_AGREEMENTS_CHANGED, text)
        return

    # The latest, also if an earlier one passed: agreements lapse.
    review = reviews[-1]
    place = f"agreements: entry {review.index}"
    in_register = all(source.sha256 for source in review.predicate.sources)
    if review.predicate.register_sha256 != terms.agreements_sha256:
        found = short(review.predicate.register_sha256)
        text = f"{place}: register {found}, in force is {short(terms.agreements_sha256)}"
    elif review.predicate.result != PASSED:
        text = f"{place}: the sources may not be used by them"
    elif not in_register:
        text = f"{place}: a source has no agreement in the register that is in force"
    elif review.digest_of(f"{chain.case}/{ADMITTED}") != admitted:
        text = f"{place}: they are about other data than the model was made from"
    else:
        return
    yield Refusal(RefusalKind.IN_FORCE_AGREEMENTS_CHANGED, text)


def _of_plan(terms: Terms, chain: Chain, facts: LawFacts) -> Iterator[Refusal]:
    in_force = terms.plans.get(chain.case)
    sealed = facts.plan_sha256
    if facts.purpose == "register":
        sealed = chain.plan.sha256 if chain.plan else ""
    if in_force and sealed != in_force:
        text = f"plan: {short(sealed)}, in force for `{chain.case}` is {short(in_force)}"
        yield Refusal(RefusalKind.IN_FORCE_PLAN_CHANGED, text)


def _of_attempts(terms: Terms, log: Log, chain: Chain, facts: LawFacts) -> Iterator[Refusal]:
    if not terms.attempts:
        return

    # Before training, by the plan that is to be sealed: one that was tried already is no new one.
    data = DataVersion.of(chain)
    attempts = [item for item in find_attempts(log, data) if item.case == chain.case]
    if facts.purpose == "register":
        number = next(
            (item.number for item in attempts if item.is_about(chain)),
            len(attempts) + 1,
        )
    elif any(item.plan_sha256 == facts.plan_sha256 for item in attempts):
        number = len(attempts)
    else:
        number = len(attempts) + 1

    if number > terms.attempts:
        text = (
            f"attempts: this is no. {number} of `{chain.case}` on this data, and in force is at "
            f"most {terms.attempts}; `./portcullis attempts {chain.case}` lists them"
        )
        yield Refusal(RefusalKind.IN_FORCE_ATTEMPTS_EXCEEDED, text)


def _of_approvals(terms: Terms, log: Log, chain: Chain, consents: Consents) -> Iterator[Refusal]:
    required = terms.approvals
    if not required.count:
        return

    # In force, and of a second person; only then by whom: how many people they are is counted by
    # identity, as for the law itself.
    counting = {consent.index for consent in consents.approvals if consents.counts(consent)}
    capacity = required.capacity.strip().casefold()
    keys = [
        signed.key
        for signed in log.statements(ModelApproval, f"{chain.case}/{MODEL}", chain.model_sha256)
        if signed.index in counting
        and required.role in signed.key.roles
        and (not capacity or signed.predicate.capacity.strip().casefold() == capacity)
    ]

    people = count_people(keys)
    if people < required.count:
        of_whom = f" as `{required.capacity}`" if required.capacity else ""
        text = (
            f"approval: {people} of {required.count} people approved this model{of_whom} with a "
            f"key of role `{required.role}`, as what is in force asks; "
            "`./portcullis approve` says how"
        )
        yield Refusal(RefusalKind.IN_FORCE_APPROVAL_MISSING, text)


def _of_registry_name(terms: Terms, chain: Chain, facts: LawFacts) -> Iterator[Refusal]:
    name = facts.registry_name
    # A name that the law does not know belongs to nobody: else a use case could take a free name
    # that looks like another's.
    owner = terms.registry_names.get(name, "")
    if not name:
        text = "registry: nothing says under which name this model is registered"
    elif owner != chain.case:
        state = f"belongs to use case `{owner}`" if owner else "belongs to no use case"
        text = f"registry: name `{name}` {state} by what is in force, not to `{chain.case}`"
    else:
        return
    yield Refusal(RefusalKind.IN_FORCE_REGISTRY_NAME_FOREIGN, text)


def _of_anchors(terms: Terms, facts: LawFacts) -> Iterator[Refusal]:
    # A bundle holds no anchor that could be checked: there it is unknown, and said to be.
    if facts.anchors is None:
        return

    for anchor, identity in sorted(terms.anchors.items()):
        # Whose anchor it is, not that there is one: anybody can set up a mirror of their own.
        if facts.anchors.get(anchor) != identity:
            state = "another one holds" if anchor in facts.anchors else "it does not hold"
            text = (
                f"{anchor}: {state} the decision, and {identity} is required by what is in force; "
                "configure it, then run `./portcullis anchor`"
            )
            yield Refusal(RefusalKind.IN_FORCE_ANCHOR_MISSING, text)


def _of_decision(law: Law | None, decision: Signed[VerificationSummary]) -> Iterator[Refusal]:
    """Yield what is wrong with the law that a decision names: it is none, or another."""
    named = _laws_in(decision.predicate.inputs)
    in_force = law.inputs() if law else ()
    # Both ways: a law that was in force and is not named was not asked; one that is named and is
    # not here was left out.
    if sorted(named) != sorted(in_force):
        entries = ", ".join(name.removeprefix(INPUT) for name, _ in named) or "no entry"
        expected = f"entry {law.index}" if law else "nothing that is here"
        text = (
            f"register: entry {decision.index} decided by what {entries} says is in force; "
            f"in force was {expected}"
        )
        yield Refusal(RefusalKind.IN_FORCE_DECISION_FOREIGN, text)


def _laws_in(inputs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(item for item in inputs if item[0].startswith(INPUT))
