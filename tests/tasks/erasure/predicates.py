"""What is said about one request, and about its completion: made up, and whole."""

from tasks.attestation.predicates.erasure import (
    ErasureCompletion,
    ErasureReceipt,
    ErasureSearch,
    PurgeCounts,
)
from tasks.erasure.receipt import compute_commitment, derive_nonce

ANN = "ann@example.org"
NONCE = derive_nonce(b"seed", "E1")
COMMITMENT = compute_commitment(NONCE, ANN)
PREDICATE = ErasureReceipt(
    request="E1",
    commitment=COMMITMENT,
    received="2026-11-01",
    day="2026-11-24",
    state="erased",
    keys_destroyed=("decision-record", "training"),
    deferred=None,
    people=2,
    verified=ErasureSearch(1, 2, 3, 4, 5, "0" * 64),
    models_to_retrain=1,
    purged={"git": PurgeCounts(searched=5, rewritten=0, removed=0)},
    remaining=("a line",),
    unseen=(),
    horizon="a backup",
)
COMPLETION = ErasureCompletion(
    request="E1",
    commitment=COMMITMENT,
    received="2026-11-01",
    day="2027-06-01",
    state="erased",
    keys_destroyed=("decision-record",),
    completes="2026-11-24",
)
