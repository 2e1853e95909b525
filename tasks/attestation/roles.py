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
)

# Held by a person, enrolled by name, never made by a worker.
PERSONAL = (APPROVER, VALIDATOR, DEVELOPER)

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
}
