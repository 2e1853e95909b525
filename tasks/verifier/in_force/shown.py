"""What is in force as people read it, and as the report of a bundle holds it."""

from collections.abc import Iterator
from typing import Any

from tasks.attestation.predicates.in_force import Terms
from tasks.verifier.in_force.law import Law, LawHistory, read_history
from tasks.verifier.in_force.objections import read_law
from tasks.verifier.lineage import Chain, latest_decision
from tasks.verifier.log_reader import Log

NO_ENTRY = "no in-force entry: nothing but this checkout says what policy and gates it has to pass"


def lines_about_law(log: Log, chain: Chain) -> Iterator[str]:
    """Yield what `verify` prints: what is in force, and what of it speaks against a chain."""
    reading = read_law(log, chain)
    law = reading.law
    yield f"  in force {describe(law)}" if law else f"  in force {NO_ENTRY}"
    if reading.law_then and reading.law_then != law:
        yield f"  in force then: {describe(reading.law_then)}"
    if reading.is_anchoring_unknown and reading.law_then:
        anchors = ", ".join(reading.law_then.terms.anchors)
        yield f"  anchors required: {anchors}; not established from the statements alone"

    # What a link that does not hold says of it, it has a line for.
    for refusal in reading.objections:
        if refusal not in chain.broken:
            yield f"  AGAINST WHAT IS IN FORCE  {refusal}"
    for refusal in reading.objections_today:
        yield f"  today   against what is in force now: {refusal}"


def describe(law: Law) -> str:
    """Return a law in one line: its number, where it stands and who signed it."""
    people = ", ".join(signature.person for signature in law.signatures)
    return f"no. {law.number}, entry {law.index}, sha256:{law.sha256[:16]}…, signed by {people}"


def report_section(log: Log, chain: Chain) -> dict[str, Any]:
    """Return the section of a bundle's report, empty where the log says nothing of it.

    Only what stays so for ever: what has expired, or is required of another day, is not in it.
    """
    history = read_history(log)
    decision = latest_decision(chain, "register")
    then = read_history(log, below=decision.index).law if decision else None
    if history == LawHistory(None, (), (), ()):
        return {}

    return {
        "inForce": {
            "now": history.law.to_dict() if history.law else None,
            "whenDecided": {"entry": then.index, "sha256": then.sha256} if then else None,
        }
    }


def lines_of_terms(terms: Terms) -> Iterator[str]:
    """Yield terms, a line each, in a fixed order: two of them can be compared line by line."""
    approvals = terms.approvals
    yield f"policy         sha256:{terms.policy_sha256}"
    for gate, checks in sorted(terms.gates.items()):
        yield f"gate           {gate}"
        yield from (f"  check        {check}" for check in sorted(checks))
    for case, checks in sorted(terms.unmeasured.items()):
        for check in sorted(checks):
            yield f"unmeasured     {check} may be, in use case {case}"

    if approvals.count:
        capacity = f", as `{approvals.capacity}`" if approvals.capacity else ""
        yield f"approvals      {approvals.count}, by keys of role `{approvals.role}`{capacity}"
    else:
        yield "approvals      none asked"
    for name, case in sorted(terms.registry_names.items()):
        yield f"registry name  {name}: use case {case}"
    for anchor, identity in sorted(terms.anchors.items()):
        yield f"anchor         {anchor}: {identity}"
    if not terms.anchors:
        yield "anchor         none required"
    for ref in sorted(terms.refs):
        yield f"releasable     ref {ref}"
    for signer in sorted(terms.signers):
        yield f"releasable     commits signed by {signer}"
    if not (terms.refs or terms.signers):
        yield "releasable     any commit, and what is in none"
    yield f"least mode     {terms.least_mode}"
    for case, plan in sorted(terms.plans.items()):
        yield f"plan           use case {case}: sha256:{plan}"
    if not terms.plans:
        yield "plan           any, each of them an attempt"
    agreed = terms.agreements_sha256
    yield f"agreements     {f'sha256:{agreed}' if agreed else 'any that are complete'}"
    bound = f"at most {terms.attempts}" if terms.attempts else "any number"
    yield f"attempts       {bound} on one version of the data"
    yield f"changed by     {terms.people} {'person' if terms.people == 1 else 'people'}"
