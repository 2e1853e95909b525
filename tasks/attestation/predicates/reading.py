"""Read a statement's predicate as the class of its type."""

from collections.abc import Callable, Mapping
from typing import Any

from tasks.attestation.agreement_review import AgreementReview
from tasks.attestation.predicates.consent import (
    CheckAcceptance,
    ModelApproval,
    RequirementAnswer,
)
from tasks.attestation.predicates.erasure import read_erasure
from tasks.attestation.predicates.in_force import InForce
from tasks.attestation.predicates.key_entry import read_key_entry
from tasks.attestation.predicates.predicate import Predicate
from tasks.attestation.predicates.provenance import Provenance
from tasks.attestation.predicates.records import (
    AuditBatch,
    KeyStoreRecord,
    LegalHold,
    Prune,
    SuiteRun,
)
from tasks.attestation.predicates.serving.promotion import (
    AliasMove,
    PromotionApproval,
    PromotionDecision,
)
from tasks.attestation.predicates.signed_verdict import SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.roles import (
    ACCEPTANCE,
    AGREEMENTS,
    ALIAS_MOVE,
    ANSWER,
    APPROVAL,
    AUDIT,
    ERASURE,
    HOLD,
    IN_FORCE,
    KEY,
    KEY_STORE,
    PROMOTION,
    PROMOTION_APPROVAL,
    PROVENANCE,
    PRUNE,
    SUITE_RUN,
    SUMMARY,
    TEST_RESULT,
)
from tasks.attestation.statement import Statement
from tasks.errors import EvidenceError

READERS: dict[str, Callable[[Mapping[str, Any]], Predicate]] = {
    PROVENANCE: Provenance.from_dict,
    TEST_RESULT: SignedVerdict.from_dict,
    SUMMARY: VerificationSummary.from_dict,
    KEY: read_key_entry,
    APPROVAL: ModelApproval.from_dict,
    ACCEPTANCE: CheckAcceptance.from_dict,
    ERASURE: read_erasure,
    AUDIT: AuditBatch.from_dict,
    PRUNE: Prune.from_dict,
    HOLD: LegalHold.from_dict,
    IN_FORCE: InForce.from_dict,
    KEY_STORE: KeyStoreRecord.from_dict,
    ANSWER: RequirementAnswer.from_dict,
    AGREEMENTS: AgreementReview.from_dict,
    SUITE_RUN: SuiteRun.from_dict,
    PROMOTION_APPROVAL: PromotionApproval.from_dict,
    PROMOTION: PromotionDecision.from_dict,
    ALIAS_MOVE: AliasMove.from_dict,
}


def read_predicate(statement: Statement, where: str) -> Predicate:
    """Return what a statement says.

    Args:
        statement: Of any type.
        where: The place that an error names, like `ledger entry 7`.

    Raises:
        EvidenceError: Nobody may make a statement of this type, or it does not say what one of its
            type has to say.
    """
    reader = READERS.get(statement.predicate_type)
    if reader is None:
        raise EvidenceError(
            f"a statement of type {statement.predicate_type}",
            expected="a kind of statement that some role may make",
            found="none",
            remedy="See tasks/attestation/roles.py.",
        )

    try:
        return reader(statement.predicate)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        # The text of a plain ValueError is ours and quotes no value. Those of its subclasses and of
        # Python's other errors can: a KeyError shows the key, a UnicodeError the bytes.
        reason = str(error) if type(error) is ValueError else type(error).__name__
        raise EvidenceError(
            where,
            expected=f"a predicate of type {statement.predicate_type}",
            found=reason,
            remedy="It clears nothing; find out which version of this software wrote it.",
        ) from error
