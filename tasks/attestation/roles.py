"""Who may say what: one key per role, and each kind of statement belongs to one role.

A stolen key of one role proves nothing in another: what a stage's worker signs is no verdict, a verdict is no approval.
"""

from typing import Any

from tasks.errors import EvidenceError
from tasks.path import STAGES, SigningRole

PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
OWN = "https://portcullis.example/attestation"
KEY, APPROVAL, ACCEPTANCE = f"{OWN}/key/v1", f"{OWN}/approval/v1", f"{OWN}/acceptance/v1"
ERASURE, AUDIT, PRUNE, HOLD = (
    f"{OWN}/erasure/v1",
    f"{OWN}/audit-batch/v1",
    f"{OWN}/prune/v1",
    f"{OWN}/hold/v1",
)

ROOT, LOG, GATE = "root", "log", "gate"
DATA, MODEL, DECISION = SigningRole.DATA.value, SigningRole.MODEL.value, SigningRole.DECISION.value
APPROVER, VALIDATOR, ERASER, AUDITOR, RECORDS = (
    "approval",
    "validation",
    "erasure",
    "audit",
    "records",
)
ROLES = (ROOT, LOG, DATA, MODEL, GATE, DECISION, APPROVER, VALIDATOR, ERASER, AUDITOR, RECORDS)
PERSONAL = (APPROVER, VALIDATOR)  # held by a person, enrolled by name, never made by a worker

KINDS = {
    TEST_RESULT: GATE,
    SUMMARY: DECISION,
    KEY: ROOT,
    APPROVAL: APPROVER,
    ACCEPTANCE: VALIDATOR,
    ERASURE: ERASER,
    AUDIT: AUDITOR,
    PRUNE: RECORDS,
    HOLD: RECORDS,
}


def role_for(predicate_type: str, predicate: dict[str, Any]) -> str:
    """Return the one role that may make a statement; a kind that nobody may make is an EvidenceError."""
    if predicate_type == PROVENANCE:
        stage = predicate.get("buildDefinition", {}).get("externalParameters", {}).get("stage")
        role = STAGES[stage].signer.value if stage in STAGES else None
        what = f"provenance of stage `{stage}`"
    else:
        role, what = KINDS.get(predicate_type), f"a statement of type {predicate_type}"
    if role is None:
        raise EvidenceError(
            what,
            expected="a kind of statement that some role may make",
            found="none",
            remedy="See tasks/attestation/roles.py.",
        )
    return role
