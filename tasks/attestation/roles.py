"""Who may say what: one key per role, and each kind of statement belongs to one role.

A stolen key of one role proves nothing in another: what a stage's worker signs is no verdict, a
verdict is no approval.
"""

from tasks.path import SigningRole

PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
OWN = "https://portcullis.example/attestation"
KEY = f"{OWN}/key/v1"
APPROVAL = f"{OWN}/approval/v1"
ACCEPTANCE = f"{OWN}/acceptance/v1"
ERASURE = f"{OWN}/erasure/v1"
AUDIT = f"{OWN}/audit-batch/v1"
PRUNE = f"{OWN}/prune/v1"
HOLD = f"{OWN}/hold/v1"
IN_FORCE = f"{OWN}/in-force/v1"
KEY_STORE = f"{OWN}/key-store/v1"
ANSWER = f"{OWN}/answer/v1"
AGREEMENTS = f"{OWN}/agreements/v1"
SUITE_RUN = f"{OWN}/suite-run/v1"
PROMOTION_APPROVAL = f"{OWN}/promotion-approval/v1"
PROMOTION = f"{OWN}/promotion/v1"
ALIAS_MOVE = f"{OWN}/alias-move/v1"

# These words stand in entries of the ledger: another spelling would be another role there.
ROOT = "root"
LOG = "log"
GATE = "gate"
DATA = SigningRole.DATA.value
MODEL = SigningRole.MODEL.value
DECISION = SigningRole.DECISION.value
APPROVER = "approval"
VALIDATOR = "validation"
ERASER = "erasure"
AUDITOR = "audit"
RECORDS = "records"
DEVELOPER = "developer"  # makes models: signs no statement, and is enrolled to be known by name
COMPLIANCE = "compliance"
ROLES = (
    ROOT,
    LOG,
    DATA,
    MODEL,
    GATE,
    DECISION,
    APPROVER,
    VALIDATOR,
    ERASER,
    AUDITOR,
    RECORDS,
    DEVELOPER,
    COMPLIANCE,
)

# Held by a person, enrolled by name, never made by a worker.
PERSONAL = (APPROVER, VALIDATOR, DEVELOPER, COMPLIANCE)

# By type of predicate. Provenance is signed by the role of its stage (`tasks.path`).
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
    IN_FORCE: COMPLIANCE,
    # Whoever opens a key store records something anyway: every installation has this role's key.
    KEY_STORE: AUDITOR,
    ANSWER: COMPLIANCE,
    AGREEMENTS: GATE,
    SUITE_RUN: GATE,
    PROMOTION_APPROVAL: APPROVER,
    PROMOTION: DECISION,
    ALIAS_MOVE: DECISION,
}

# Roles that may sign a type besides its own. Whoever holds the root key could enrol a key for
# `compliance` and sign by that: to let it sign by itself gives nothing away, and an installation
# can say what is in force before it has enrolled anybody.
# A validator answers for what they have validated, and an approver for what they approve.
ALSO_SIGNED_BY: dict[str, tuple[str, ...]] = {
    IN_FORCE: (ROOT,),
    ANSWER: (VALIDATOR, APPROVER),
}
