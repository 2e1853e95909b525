"""Whether a second person approved one step of a serving alias."""

from collections.abc import Collection
from dataclasses import dataclass

from tasks.attestation.identities import Identity
from tasks.attestation.predicates.circumstances import LOCAL
from tasks.attestation.predicates.serving.promotion import PromotionApproval, PromotionStep
from tasks.verifier.approvals import Consent, weigh_consents
from tasks.verifier.lineage import Chain, short
from tasks.verifier.log_reader import Log
from tasks.verifier.statement_index import Signed

NONE_GIVEN = "no second person has approved it"


@dataclass(frozen=True)
class StepTerms:
    """What an approval has to be about, and by when.

    Attributes:
        step: Forward, or back.
        registry_name: The registered model.
        alias: The alias.
        replaces_sha256: What serves until then; empty where nothing does.
        rule_sha256: The rule by which both are compared.
        requested_by: Who asked for it, who is no second person.
        below: The entry before which the approval has to stand.
        moment: When it has to be in force, in epoch seconds.
        mode: In which mode the step is taken.
    """

    step: str
    registry_name: str
    alias: str
    replaces_sha256: str
    rule_sha256: str
    requested_by: str
    below: int
    moment: int
    mode: str = LOCAL


@dataclass(frozen=True)
class GivenApproval:
    """An approval that is good for a step: where it stands, and whose it is."""

    entry: int
    envelope_sha256: str
    person: str


def find_approval(
    log: Log, chain: Chain, terms: StepTerms, used: Collection[str], envelope_sha256: str = ""
) -> GivenApproval | str:
    """Return the latest approval that is good for a step, or why none is.

    1. It is of this model, by a key in its role, under the signer's own name.
    2. The signer made no part of the model, and did not ask for the step.
    3. It stands before the step, and is in force at its moment.
    4. Forward: it names what is replaced and by which rule, and was never used before. Back: it is
       one by which this model has served already.

    Args:
        log: With at least the entries about the use case.
        chain: The model's.
        terms: The step.
        used: The approvals, by their envelopes, by which models have served under the alias.
        envelope_sha256: The one approval that counts; empty for any.
    """
    reasons = []
    # The latest first: who approved again, after the first had expired, need not be asked which.
    for signed, consent in reversed(weigh_consents(log, chain, PromotionApproval, terms.mode)):
        # By index, since the date in an approval is its signer's: one that was signed afterwards
        # and dated back approves nothing.
        if envelope_sha256 not in ("", signed.envelope_sha256) or signed.index >= terms.below:
            continue
        reason = _reason_against(log, signed, consent, terms, used)
        if not reason:
            return GivenApproval(signed.index, signed.envelope_sha256, consent.person)
        reasons.append(f"that of entry {signed.index} {reason}")

    return "; ".join((NONE_GIVEN, *reasons))


def _reason_against(
    log: Log,
    signed: Signed[PromotionApproval],
    consent: Consent,
    terms: StepTerms,
    used: Collection[str],
) -> str:
    approval = signed.predicate
    # From what makes an approval void for any step to what only this step asks: the first reason is
    # the one that is shown.
    if not consent.expires:
        return "is under another's name, or has no day until which it is in force"
    if consent.expires <= terms.moment:
        return "has expired"
    if consent.by_author:
        return f"is by {consent.person}, who made the model"
    if consent.unidentified:
        return f"is by {consent.person}, of whom no login is enrolled"
    if _is_one_person(log, consent.person, terms.requested_by):
        return f"is by {consent.person}, who asked for this step"
    if (approval.registry_name, approval.alias) != (terms.registry_name, terms.alias):
        return "is for another name or alias"
    # Back by the approval by which it served, which has to be in force still: who goes back does
    # not want the figures of the present model, and waits for nobody (ADR 103).
    if terms.step == PromotionStep.ROLL_BACK:
        return "" if signed.envelope_sha256 in used else "never let it serve"
    # Once only: else an approval of March would promote the model again in June, over whatever took
    # its place for a reason.
    if signed.envelope_sha256 in used:
        return "was used up by an earlier promotion"
    # What is replaced is half of what was approved: better than one model is not better than
    # another.
    if approval.replaces_sha256 != terms.replaces_sha256:
        return (
            f"is to replace {short(approval.replaces_sha256)}, and {short(terms.replaces_sha256)} "
            "serves"
        )
    if approval.rule_sha256 != terms.rule_sha256:
        return "is by another rule"
    return ""


def _is_one_person(log: Log, holder: str, login: str) -> bool:
    """Say whether the holder of a key may be whoever has a login."""
    asking = Identity.of((login,))
    # The login itself, and everybody enrolled with it: whoever asks under a login of theirs that no
    # key names is compared by the login alone.
    known = (asking, *log.keys.people_like(asking))
    return any(log.keys.identity_of(holder).shares(person) for person in known)
