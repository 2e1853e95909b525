"""The statement by which a second person approves that a model takes a serving alias."""

from hashlib import sha256

from tasks.attestation.dsse import Envelope, read_envelope
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.serving.promotion import PromotionApproval
from tasks.attestation.run_context import timestamp
from tasks.attestation.signing_keys import PublicKey
from tasks.attestation.statement import Artefact, Statement
from tasks.config.cases import section
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.notary import Recorded, open_ledger, open_notary, trusted_root
from tasks.promotion.params import PromoteParams
from tasks.stages.register.params import RegisterParams
from tasks.system.installation import Installation
from tasks.verifier.approvals import makers_of, require_made
from tasks.verifier.expiry import epoch, is_to_come, now_after
from tasks.verifier.lineage import MODEL, Chain, examine
from tasks.verifier.log_reader import Log, Selection, read_log
from tasks.verifier.served.timeline import read_timeline
from tasks.verifier.statement_index import Entry, Signed, verified


def rule_of(case: str, alias: str, installation: Installation) -> PromoteParams:
    """Return the rule by which a use case's models take an alias.

    Raises:
        ConfigError: It declares none, or one for another alias.
    """
    rule = section(case, "promote", PromoteParams, installation.workspace)

    if rule.alias != alias:
        raise ConfigError(
            "the alias",
            expected=f"`{rule.alias}`, for which {case} declares a rule",
            found="another",
            remedy="Name that one, or declare a rule in `promote:`.",
        )

    return rule


def approval_of_promotion(
    alias: str,
    log: Log,
    chain: Chain,
    signer: PublicKey,
    installation: Installation,
    *,
    capacity: str,
    reason: str,
    expires: str,
) -> Statement:
    """Return the statement: about what serves now, and the rule as it is declared now.

    Raises:
        ConfigError: The use case declares no rule for the alias.
    """
    rule = rule_of(chain.case, alias, installation)
    name = section(chain.case, "register", RegisterParams, installation.workspace).model
    # What serves is asked of the log: whoever can move the alias in the registry must not choose
    # what the approval says that it replaces.
    present = read_timeline(log, chain.case).present(name, alias)

    # A key that nobody enrolled names nobody: such an approval is refused when it is checked.
    holder = log.keys.entries.get(signer.keyid)

    approval = PromotionApproval(
        case=chain.case,
        person=holder.holder if holder else "",
        capacity=capacity,
        reason=reason,
        given_on=timestamp(),
        expires=expires,
        registry_name=name,
        alias=alias,
        replaces_sha256=present.model_sha256 if present else "",
        rule_sha256=rule.sha256,
    )

    return approval.about(Artefact(f"{chain.case}/{MODEL}", chain.model_sha256))


def check_promotion_approval(envelope: Envelope, log: Log, chain: Chain) -> None:
    """Refuse an approval that would never count, before it is recorded.

    Raises:
        EvidenceError: It is not signed by an enrolled key in its role, is by who made the model,
            has expired, is dated ahead, is without a reason, or is of a model that nobody made.
    """
    # 1. It is of a model that the log knows, and signed by a key that may.
    require_made(chain)
    signed = _signed(envelope, log)
    approval = signed.predicate
    if not isinstance(approval, PromotionApproval):
        raise _refused("an approval of a promotion", signed.statement.predicate_type)

    # 2. By a person, under the name that their key is enrolled with.
    if not signed.key.is_of_person or approval.person != signed.key.holder:
        raise _refused("a person's own key, under their own name", "another")

    # 3. Who is somebody else than whoever made it: asked of the person, who may have several keys.
    if makers_of(log, chain).include(log.keys.identity_of(signed.key.holder)):
        raise _refused("a second person", f"{signed.key.holder}, who made this model")

    # 4. Signed by now, and for a time to come: by the later of the clock and the log, so that a
    #    clock that was set back revives nothing.
    now = now_after(log.latest_time)
    if is_to_come(approval.given_on, now):
        raise _refused("a day of signing that has come", "one that is to come")

    if epoch(approval.expires) <= now:
        raise _refused("a date of expiry to come", "one that has passed")

    # 5. With a reason that others can read: it is shown on terminals.
    if not approval.reason.strip() or not approval.reason.isprintable():
        raise _refused("a reason, in one line of text", "none, or one with control characters")


def record_promotion_approval(data: bytes, case: str, installation: Installation) -> Recorded:
    """Record an approval, given as the bytes of its envelope, if it would count.

    Who hands it in does not matter: it is checked by the rules of every later reader.

    Raises:
        EvidenceError: It would not; nothing was recorded.
    """
    envelope = read_envelope(data.strip(), "the approval")

    ledger = open_ledger(installation)
    try:
        log = read_log(ledger, trusted_root(installation), Selection.of_case_and_lineages(case))

        model_sha256 = _signed(envelope, log).digest_of(f"{case}/{MODEL}")
        if model_sha256 is None:
            raise _refused(f"an approval of a model of {case}", "one of something else")

        check_promotion_approval(envelope, log, examine(log, case, model_sha256))
    finally:
        ledger.close()

    with open_notary(installation) as notary:
        return notary.append_signed([envelope])[0]


def _signed(envelope: Envelope, log: Log) -> Signed[Predicate]:
    """Return what the envelope says, as if it were the next entry of the log."""
    digest = sha256(envelope.to_bytes()).hexdigest()
    # At the place where it would stand: a key that is void there is refused before anything is
    # appended.
    return verified(Entry(log.head.size, envelope, digest), log.keys)


def _refused(expected: str, found: str) -> EvidenceError:
    return EvidenceError("approval", expected=expected, found=found, remedy="Nothing was recorded.")
