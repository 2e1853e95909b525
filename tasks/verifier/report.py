"""The report in a bundle: what a chain says, as canonical JSON, derived from the statements alone.

Its form is fixed: a verifier derives it again and compares byte for byte, also years later.
"""

from typing import Any

from tasks.attestation.predicates.verification_summary import VerificationSummary
from tasks.formats.canonical_json import canonical
from tasks.verifier.approvals import Consent, Consents
from tasks.verifier.attempts.shown import attempts_section
from tasks.verifier.in_force.shown import report_section
from tasks.verifier.lineage import Chain, GateVerdict, Step, latest_decision
from tasks.verifier.log_reader import Log
from tasks.verifier.served.shown import serving_section
from tasks.verifier.statement_index import Signed

# Bytes of the format: a verifier compares them. A line of it that is longer than a line here may be
# ends in a backslash.
GUIDE = b"""How to check this archive

With Portcullis' verifier, in a fresh virtual environment that holds Python 3.11 or newer and \
`cryptography`:

    python portcullis-verify.pyz THIS.zip --root KEYID

KEYID is the id of the log's root key (sha256 of its public key in DER). Get it from the bank, \
not from this archive.

Without it: `statements/` holds DSSE envelopes with in-toto statements, signed Ed25519 by the \
keys in `keys/`; `proofs/`
holds C2SP tlog-proofs of each under `checkpoint`. An entry's leaf is SHA-256(0x00 || \
"portcullis/leaf/v1\\n" ||
SHA-256(payload) || SHA-256(the statement's file)). Which key had which role from which entry on \
is said by the key
statements, which the root key signed; entry 0 is the root key, and the log's name ends in the \
first half of its id.
"""

# The file `format.txt`: of another version nothing is read.
FORMAT = b"portcullis-bundle/v1\n"

# A reader takes no larger one (`tasks.verifier.bundle`).
MOST_REPORT_BYTES = 256 << 10

# What a reader may conclude: only of a whole log is it certain that nothing was left out.
LIMITS = {
    True: "complete: the log from its first entry to the checkpoint; "
    "no later verdict and no revocation was left out",
    False: "chain only: later verdicts and revocations that were left out cannot be excluded; "
    "ask for the whole log",
}


def report_bytes(log: Log, chain: Chain, is_complete: bool) -> bytes:
    """Return the report: canonical JSON and a line feed."""
    head = log.head
    # Without the caller's mode: the report has to come out the same wherever it is derived.
    consents = Consents.of(log, chain)
    decisions = (latest_decision(chain, stage) for stage in ("decide", "register"))

    values = {
        "format": "portcullis-report/v1",
        "useCase": chain.case,
        "model": {"sha256": chain.model_sha256},
        "log": {"origin": head.origin, "size": head.size, "root": head.root_hash.hex()},
        "extent": LIMITS[is_complete],
        "chain": [_step(step) for step in chain.steps],
        "gates": [_verdict(verdict) for verdict in chain.verdicts.values()],
        "decisions": [_decision(decision) for decision in decisions if decision],
        "consents": [_consent(consent) for consent in (*consents.approvals, *consents.acceptances)],
        # Texts, in a form that cannot change any more: their words are part of the archive's bytes.
        "broken": [refusal.text for refusal in chain.broken],
        # Absent from a log of before: its report stays the bytes that it was.
        **report_section(log, chain),
        **attempts_section(log, chain),
        **serving_section(log, chain),
    }
    data = canonical(values) + b"\n"
    # Attempts are made by programs, and each may have failed hundreds of checks. A report that no
    # reader takes is worth nothing, so the earliest are left out until it fits; `count` has all.
    while len(data) > MOST_REPORT_BYTES and _leave_out_attempts(values.get("attempts", {})):
        data = canonical(values) + b"\n"
    return data


def _leave_out_attempts(section: dict[str, Any]) -> bool:
    """Keep the later half of what is listed; say whether anything was left out."""
    lists = [name for name in ("latest", "beforeTraining") if section.get(name)]
    for name in lists:
        left_out = (len(section[name]) + 1) // 2
        section[name] = section[name][left_out:]
    return bool(lists)


def _step(step: Step) -> dict[str, Any]:
    return {
        "stage": step.stage,
        "artefact": step.name,
        "sha256": step.sha256,
        "entry": step.signed.index,
        "finishedOn": step.signed.predicate.run.finished,
        "commit": step.commit,
        "dirty": list(step.dirty),
        "key": step.signed.key.public.keyid,
    }


def _verdict(verdict: GateVerdict) -> dict[str, Any]:
    return {
        "gate": verdict.gate,
        "outcome": verdict.outcome,
        "entry": verdict.signed.index,
        "passed": len(verdict.content.passed),
        "undecided": list(verdict.content.warned),
        "failed": list(verdict.content.failed),
        "key": verdict.signed.key.public.keyid,
    }


def _decision(signed: Signed[VerificationSummary]) -> dict[str, Any]:
    return {
        "by": signed.predicate.verifier,
        "result": signed.predicate.result,
        "entry": signed.index,
    }


def _consent(consent: Consent) -> dict[str, Any]:
    """Return a consent as it was given.

    Whether it still counts is a question of the day, and not said here.
    """
    return {
        "person": consent.person,
        "entry": consent.index,
        "gate": consent.gate,
        "tests": list(consent.tests),
        "expires": consent.expires,
        "reason": consent.reason,
        "byAuthor": consent.by_author,
    }
