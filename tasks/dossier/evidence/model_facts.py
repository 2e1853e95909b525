"""Facts about one model that a reference of one word leads to, such as `decision` or `plan`."""

from tasks.attestation.agreement_review import PASSED
from tasks.attestation.predicates.provenance import Provenance
from tasks.dossier.claims import Claim, Reference
from tasks.dossier.evidence.lacking import Lacking, Lookup
from tasks.dossier.evidence.signed_files import SignedFiles
from tasks.verifier.approvals import Consents

COMMITMENT = "explain/decisions"


def find_decision(evidence: SignedFiles) -> Lookup:
    """Return what was decided last about the model, and by which stage; FAILED speaks against."""
    if evidence.decision is None:
        return Lacking("no signed decision about this model")

    # A verifier is named as SLSA asks, by a URI: `…/<stage>/<version>`.
    predicate = evidence.decision.predicate
    stage = predicate.verifier.split("/")[-2]
    reasons = f", {len(predicate.refusals)} reasons" if predicate.refusals else ""
    text = f"{stage} decided {predicate.result} on {predicate.finished[:10]}{reasons}"
    references = (evidence.refer(evidence.decision),)
    return Claim(text, references, is_against=not predicate.has_passed)


def find_plan(evidence: SignedFiles) -> Lookup:
    """Return the plan that training sealed before it saw a result."""
    plan = evidence.chain.plan
    sealing = evidence.chain.sealing
    if plan is None or sealing is None:
        return Lacking("no plan was sealed before training")

    text = f"plan sha256:{plan.sha256[:12]}… of {len(plan.settings)} settings, sealed before "
    return Claim(f"{text}training", (evidence.refer(sealing.signed),))


def find_code(evidence: SignedFiles) -> Lookup:
    """Return by which lock the stages ran; a module outside it, or another lock, speaks against."""
    # One silent stage is enough to know nothing: its code may have been any.
    steps = [step for step in evidence.chain.steps if step.signed.predicate.run.code]
    if not steps or len(steps) < len(evidence.chain.steps):
        return Lacking("a stage says nothing about its code")

    # Of several locks none is the release's, and without one nothing says what was installed.
    locks = {str(step.signed.predicate.run.code.lock_sha256) for step in steps}  # type: ignore[union-attr]
    foreign = [name for step in steps for name in step.signed.predicate.run.code.foreign]  # type: ignore[union-attr]
    lock = f"lock sha256:{min(locks)[:12]}…" if len(locks) == 1 else f"{len(locks)} different locks"
    text = "a stage ran without a lock" if "" in locks else lock
    references = tuple(evidence.refer(step.signed) for step in steps)
    is_against = bool(foreign) or len(locks) > 1 or "" in locks
    return Claim(f"{text}, {len(foreign)} modules outside it", references, is_against=is_against)


def find_commit(evidence: SignedFiles) -> Lookup:
    """Return the commit that training ran at; a file that differs from it speaks against it."""
    step = evidence.chain.sealing
    if step is None or not step.commit:
        return Lacking("training ran outside git")

    differing = "1 file differs" if len(step.dirty) == 1 else f"{len(step.dirty)} files differ"
    state = f"{differing} from it" if step.dirty else "nothing differs"
    text = f"commit {step.commit[:12]}, {state}"
    return Claim(text, (evidence.refer(step.signed),), is_against=bool(step.dirty))


def find_explanations(evidence: SignedFiles) -> Lookup:
    """Return the commitment to every explanation of this model's decisions."""
    # By the model's digest among the materials: the name alone is that of every model before it.
    name = f"{evidence.case}/{COMMITMENT}"
    own = [
        signed
        for signed in evidence.log.statements(Provenance, name)
        if (f"{evidence.case}/train/model", evidence.chain.model_sha256)
        in signed.predicate.material_digests().items()
    ]
    if not own:
        return Lacking("no commitment to explanations of this model's decisions")

    # Each run of `explain` commits anew, and the last one counts.
    digest = str(own[-1].digest_of(name))
    text = f"every explanation is committed to under one root, {digest[:12]}…"
    return Claim(text, (evidence.refer(own[-1], name=name, sha256=digest),))


def find_attempts(evidence: SignedFiles) -> Lookup:
    """Return how many attempts there were on the same data, by the first and the last of them."""
    entries = {index for attempt in evidence.attempts for index in attempt.rests_on}
    by_index = {entry.index: entry for entry in evidence.log.entries}
    present = sorted(index for index in entries if index in by_index)
    if not present:
        return Lacking("no attempt is known")

    count = len(evidence.attempts)
    text = f"{count} {'attempt' if count == 1 else 'attempts'} on this data"
    # Of a single attempt both ends are one entry, which is named once.
    ends = dict.fromkeys((present[0], present[-1]))
    references = tuple(Reference(index, by_index[index].envelope_sha256) for index in ends)
    return Claim(text, references)


def find_approval(evidence: SignedFiles) -> Lookup:
    """Return who approved exactly this model, of those whose approval counts."""
    consents = Consents.of(evidence.log, evidence.chain)
    counting = [consent for consent in consents.approvals if consents.counts(consent)]
    if not counting:
        return Lacking("nobody who did not make the model has approved exactly this one")

    # Whoever approved twice is named once, and both approvals are referred to.
    people = ", ".join(dict.fromkeys(consent.person for consent in counting))
    references = tuple(Reference(item.index, item.envelope_sha256) for item in counting)
    return Claim(f"approved by {people}", references)


def find_agreements(evidence: SignedFiles) -> Lookup:
    """Return how the agreements stood by which the data was admitted."""
    if evidence.review is None:
        return Lacking("no signed review of the agreements that the data was read by")

    # A source without an agreement is a gap, and no claim about the others hides it.
    review = evidence.review.predicate
    unregistered = [item.source for item in review.sources if not item.sha256]
    if unregistered:
        return Lacking(f"source {unregistered[0]} has no agreement in the register")

    clauses = sum(len(item.clauses) for item in review.sources)
    text = f"{len(review.sources)} sources, {clauses} clauses in place, judged on {review.day}"
    return Claim(text, (evidence.refer(evidence.review),), is_against=review.result != PASSED)
