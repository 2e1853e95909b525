"""One small predicate of every class, with no two fields alike."""

from dataclasses import replace
from typing import Any

from tasks.attestation.agreement_review import AgreementReview, ReviewedSource
from tasks.attestation.plan import Plan
from tasks.attestation.predicates.circumstances import Circumstances
from tasks.attestation.predicates.code_identity import CodeIdentity
from tasks.attestation.predicates.consent import (
    CheckAcceptance,
    ModelApproval,
    RequirementAnswer,
)
from tasks.attestation.predicates.erasure import (
    DeferredKey,
    ErasureCompletion,
    ErasureReceipt,
    ErasureSearch,
    PurgeCounts,
)
from tasks.attestation.predicates.in_force import (
    InForce,
    RequiredApprovals,
    Terms,
)
from tasks.attestation.predicates.key_entry import KeyAddition, KeyRevocation
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
from tasks.attestation.predicates.signed_verdict import EarlierCheck, SignedVerdict
from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.attestation.statement import Artefact
from tasks.errors import Refusal, RefusalKind
from tasks.gates import About, Check, Outcome, Verdict

RUN = Circumstances(
    stage="train",
    case="tiny",
    invocation="0" * 32,
    started="2026-01-01T00:00:01Z",
    finished="2026-01-01T00:00:02Z",
    started_by="worker-7",
    commit="c" * 40,
    commit_author_sha256="a" * 64,
    dirty=("configs/x.yaml", "tasks/y.py"),
    params_sha256={"train": "b" * 64},
    lock_sha256="d" * 64,
    tools={"python": "3.11.2"},
    claimed={"unsealed": 7, "shredded": 1},
)
CODE = CodeIdentity("f" * 64, "e" * 64, "CPython 3.11.2", "0" * 64, ("planted.py",))
RUN_OF_KNOWN_CODE = replace(RUN, code=CODE)
MODEL = Artefact("tiny/train/model", "1" * 64, "2" * 32, is_folder=True)
ROWS = Artefact("tiny/redact/rows.parquet", "3" * 64, "4" * 32)
POLICY = Artefact("configs/policy", "5" * 64, "6" * 32, is_folder=True)
REPORT = Artefact("tiny/train/verdict.json", "7" * 64)
VERDICT = Verdict(
    gate="train",
    use_case="tiny",
    checks=(
        Check("train.auc_lower_end", "AUC", Outcome.PASS, 0.75, "at least 0.5", margin=0.25),
        Check("train.other", "o", Outcome.UNDECIDED, None, "x", About(feature="f"), reason="few"),
        Check("train.third", "t", Outcome.FAIL, 0.25, "at least 0.5", margin=-0.25),
    ),
    limits_sha256="8" * 64,
    about={"train/model": MODEL.sha256},
)
REFUSAL = Refusal(RefusalKind.CHECK_FAILED, "train: third = 0.25")

COMPLETION = ErasureCompletion(
    request="r-1",
    commitment="c" * 64,
    received="2026-01-02",
    day="2031-01-01",
    state="erased",
    keys_destroyed=("decision",),
    completes="2026-01-03",
)
BATCH = AuditBatch("events-2026.jsonl", 10, 20, 3, "OCSF 1.6.0", "2026-01-01T00:00:03Z")
RESULT = SignedVerdict.of(RUN, VERDICT, REPORT, (Artefact("policy", POLICY.sha256),))

PLAN = Plan({"policy": "5" * 64, "gate:train": "8" * 64}, {"limits.train.auc": "9" * 16})
TERMS = Terms(
    policy_sha256=POLICY.sha256,
    gates={"train": ("train.auc_lower_end", "train.auc_lost_to_champion")},
    unmeasured={"tiny": ("train.auc_lost_to_champion",)},
    approvals=RequiredApprovals(1, "approval", "validator"),
    registry_names={"tiny-model": "tiny"},
    anchors={"mirror": "s3://bucket/log"},
    refs=("refs/heads/main",),
    signers=("SHA256:abc",),
    least_mode="enforced",
    plans={"tiny": "e" * 64},
    attempts=3,
    people=2,
    replaces="f" * 64,
)

SAMPLES: dict[str, Any] = {
    "provenance": Provenance(RUN, (ROWS, POLICY)),
    "provenance of training": Provenance(RUN, (ROWS,), PLAN),
    "provenance of known code": Provenance(RUN_OF_KNOWN_CODE, (ROWS,)),
    "provenance on an engine": Provenance(
        replace(RUN, engine={"kind": "dask", "workers": "2"}), (ROWS,)
    ),
    "gate result": RESULT,
    "gate result by known code": SignedVerdict.of(RUN_OF_KNOWN_CODE, VERDICT, REPORT, ()),
    "gate result before ids": SignedVerdict(
        **{name: getattr(RESULT, name) for name in SignedVerdict.__dataclass_fields__}
        | {"checks": (EarlierCheck("AUC", "pass", 0.75, "at least 0.5", 0.25),)}
    ),
    "decision for": VerificationSummary.of(RUN, MODEL, POLICY, (("stage:train", "9" * 64),), ()),
    "decision against": VerificationSummary.of(RUN, MODEL, POLICY, (), (REFUSAL,)),
    "key addition": KeyAddition("PEM", "ed25519", ("gate", "data"), "ann", "why", ("e" * 64,)),
    "enrolment": KeyAddition(
        "PEM", "ed25519", ("approval",), "ann-7", "why", ("e" * 64, "f" * 64), ("ann", "ann@bank")
    ),
    "key revocation": KeyRevocation(12, "stolen"),
    "approval": ModelApproval(
        case="tiny",
        person="ann",
        capacity="validator",
        reason="sound",
        given_on="2026-01-01T00:00:04Z",
        expires="2027-01-01T00:00:00Z",
    ),
    "acceptance": CheckAcceptance(
        case="tiny",
        person="ann",
        capacity="validator",
        reason="few rows",
        given_on="2026-01-01T00:00:05Z",
        expires="2027-01-01T00:00:00Z",
        gate="train",
        tests=("train.other[feature=f]",),
    ),
    "answer": RequirementAnswer(
        case="tiny",
        requirement="DPIA-7b",
        requirement_sha256="a" * 64,
        text="necessary",
        person="carla",
        capacity="data protection officer",
        given_on="2026-01-01T00:00:06Z",
    ),
    "suite run": SuiteRun(
        {"tests/test_a.py::test_b": "passed", "tests/test_a.py::test_c": "skipped"},
        CODE,
        "7" * 64,
        "2026-01-01T00:00:05Z",
    ),
    "agreement review": AgreementReview(
        case="tiny",
        day="2026-01-01",
        register_sha256="c" * 64,
        sources=(
            ReviewedSource(
                source="activity",
                agreement="DPA-1",
                role="processor",
                party="Example Hosting",
                sha256="d" * 64,
                file_sha256="e" * 64,
                expires="2031-12-31",
                clauses={"GDPR 28(3)(a)": "no. 2", "GDPR 28(3)(b)": ""},
                subprocessors=("Example Backup (IE): copies",),
                transfers=("IE: annex B",),
                faults=("clause GDPR 28(3)(b) is missing",),
                lapses=("signed tomorrow",),
            ),
        ),
        invocation="0" * 32,
        mode="local",
        drill="2026-01-02",
        finished="2026-01-01T00:00:02Z",
    ),
    "promotion approval": PromotionApproval(
        case="tiny",
        person="ann",
        capacity="validator",
        reason="as fair",
        given_on="2026-01-01T00:00:07Z",
        expires="2027-01-03T00:00:00Z",
        registry_name="tiny model",
        alias="champion",
        replaces_sha256="8" * 64,
        rule_sha256="9" * 64,
    ),
    "promotion": PromotionDecision(
        case="tiny",
        step="promote",
        registry_name="tiny model",
        alias="champion",
        version=3,
        follows=11,
        replaces_sha256="8" * 64,
        approval_sha256="a" * 64,
        result="PASSED",
        rule="the rule",
        rule_sha256="9" * 64,
        comparisons=("train.auc_lower_end: 0.8, serving 0.7: better by 0.1",),
        refusals=("none",),
        requested_by="dana",
        decided_on="2026-01-01T00:00:08Z",
        mode="enforced",
    ),
    "first promotion": PromotionDecision(
        case="tiny",
        step="roll_back",
        registry_name="tiny model",
        alias="champion",
        version=1,
        follows=0,
        replaces_sha256="",
        approval_sha256="",
        result="FAILED",
        rule="the rule",
        rule_sha256="9" * 64,
        comparisons=(),
        refusals=("approval: none",),
        requested_by="dana",
        decided_on="2026-01-01T00:00:09Z",
        mode="local",
    ),
    "alias move": AliasMove("tiny", 12, "2026-01-01T00:00:10Z"),
    "erasure receipt": ErasureReceipt(
        request="r-1",
        commitment="c" * 64,
        received="2026-01-02",
        day="2026-01-03",
        state="deferred",
        keys_destroyed=("application",),
        deferred=DeferredKey("decision", "a law", "2031-01-01", True, "two custodians"),
        people=1,
        verified=ErasureSearch(2, 3, 4, 5, 6, "f" * 64),
        models_to_retrain=7,
        purged={"registry": PurgeCounts(8, 9, 10)},
        remaining=("a line",),
        unseen=("another",),
        horizon="as far as this",
    ),
    "erasure receipt with what failed first": ErasureReceipt(
        request="r-2",
        commitment="c" * 64,
        received="2026-01-02",
        day="2026-01-03",
        state="nothing was held",
        keys_destroyed=(),
        deferred=None,
        people=1,
        verified=ErasureSearch(2, 3, 4, 5, 6, "f" * 64),
        models_to_retrain=0,
        purged={},
        remaining=(),
        unseen=(),
        horizon="as far as this",
        too_short=3,
        failed=("2026-01-02: purge git",),
    ),
    "erasure completion": COMPLETION,
    "audit batch": BATCH,
    "hold": LegalHold("case-4", "tiny/train/", "a court asked"),
    "release": LegalHold("case-4", "", "settled", is_released=True),
    "prune": Prune(12, 5, "a" * 64),
    "key store": KeyStoreRecord(
        store_id="a1" * 16,
        generation=4,
        events=2,
        events_sha256="b2" * 32,
        secrets={"pepper": "c3" * 16, "tombstone": "d4" * 16},
        root_key="e5" * 16,
        renewed="the disk was lost",
        replaces=("f6" * 16,),
        recorded_on="2026-01-01T00:00:07Z",
    ),
    "in force with agreements": InForce(
        replace(TERMS, agreements_sha256="a" * 64), "carla", "as the board decided", "2026-01-01"
    ),
    "in force": InForce(TERMS, "carla", "as the board decided", "2026-01-01T00:00:06Z"),
}
