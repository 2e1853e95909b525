"""One archive for an outsider: statements, proofs, checkpoint, public keys, report.

It is deterministic and names no data subject. Every byte of it is checked by
`tasks.verifier.bundle.verify_bundle`: an archive is its files in one order, stored and not
compressed, so that there is one archive for its contents.
"""

import re
from dataclasses import dataclass, field, replace

from tasks.attestation.predicates.key_entry import KeyStatement
from tasks.attestation.predicates.serving.promotion import (
    AliasMove,
    PromotionApproval,
    PromotionDecision,
)
from tasks.errors import EvidenceError
from tasks.formats.archives import archive
from tasks.formats.canonical_json import canonical
from tasks.ledger.ledger import Ledger
from tasks.ledger.proof import proof_of
from tasks.notary.notary import open_ledger, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.approvals import Consents, judging_runs
from tasks.verifier.attempts.finding import DataVersion, find_attempts
from tasks.verifier.in_force.objections import find_gate_runs
from tasks.verifier.lineage import MODEL, Chain, examine, latest_decision
from tasks.verifier.log_reader import EVERYTHING, SAYING_IN_FORCE, Log, read_log
from tasks.verifier.report import FORMAT, GUIDE, report_bytes
from tasks.verifier.statement_index import Entry

# Entries. With its proof an entry takes some 3 kB, so that a complete bundle of so many can still
# be sent by mail; beyond, only the chain's own are put in, and the report says so.
COMPLETE_UP_TO = 1000

# What identifiers look like in any language. Names do not look like anything: no stage is ever
# given one to sign, and this is the net below that.
PERSONAL = {
    # From where a word begins alone: tried from each of its letters, a long word took its square.
    "e-mail address": re.compile(
        rb"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"
    ),
    "social security number": re.compile(rb"\b\d{3}-\d{2}-\d{4}\b"),
    "IBAN": re.compile(rb"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b"),
    "telephone number": re.compile(
        rb"(?<![\w.])\+\d{1,3}[ -]?\(?\d{2,4}\)?[ -]?\d{3}[ -]?\d{3,4}\b"
    ),
    "IP address": re.compile(rb"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
}


@dataclass(frozen=True)
class Contents:
    """What goes into an archive, before it is written."""

    log: Log
    chain: Chain
    entries: tuple[Entry, ...]
    is_complete: bool
    extra: dict[str, bytes] = field(default_factory=dict)


def choose(
    log: Log, chain: Chain, *, also: tuple[int, ...] = (), may_be_complete: bool = True
) -> Contents:
    """Choose the entries: the whole log where it is small, else keys and what the chain rests on.

    A complete bundle, for which the log has to have been read whole, proves that no later verdict
    and no revocation was left out; another cannot.
    """
    if may_be_complete and len(log.entries) == log.head.size <= COMPLETE_UP_TO:
        return Contents(log, chain, log.entries, is_complete=True)

    steps = {step.signed.index for step in chain.steps}
    verdicts = {verdict.signed.index for verdict in chain.verdicts.values()}
    # Who wrote a gate's code is told by the run alone, and may not have approved the model.
    verdicts |= {run.index for run in judging_runs(log, chain)}
    decisions = {decision.index for decision in chain.decisions}
    found_consents = Consents.of(log, chain)
    consents = {
        consent.index for consent in (*found_consents.approvals, *found_consents.acceptances)
    }
    # All keys, also those that signed nothing here: a revocation is what a reader must not miss.
    keys = {signed.index for signed in log.required_statements(KeyStatement)}

    # What was and is in force, and the chain that it was compared with: a stage that ran again
    # after the registration has later entries.
    laws = {
        entry.index
        for entry in log.entries
        if SAYING_IN_FORCE.is_matched_by(entry.envelope.payload)
    }
    runs = _runs_compared(log, chain)
    # Every other attempt on this data: who reads of the one that passed has to see the others.
    attempts = {
        index for attempt in find_attempts(log, DataVersion.of(chain)) for index in attempt.rests_on
    }

    served = {
        signed.index
        for kind in (PromotionApproval, PromotionDecision, AliasMove)
        for signed in log.statements(kind, f"{chain.case}/{MODEL}")
    }

    indices = (
        steps | served | verdicts | decisions | consents | keys | laws | runs | attempts | set(also)
    )
    entries = tuple(entry for entry in log.entries if entry.index in indices)
    return Contents(log, chain, entries, is_complete=False)


def bundle_of(
    case: str, model_sha256: str, installation: Installation, *, leaves_house: bool
) -> bytes:
    """Return the archive about one model, as this installation's ledger stands now.

    Args:
        case: The model's use case.
        model_sha256: Of its bytes.
        installation: Whose ledger.
        leaves_house: Whether it goes to another machine: then it is looked through for values
            about people first.

    Raises:
        EvidenceError: The ledger does not verify, or something looks like a value about a person.
    """
    ledger = open_ledger(installation)
    try:
        log = read_log(ledger, trusted_root(installation), EVERYTHING)
        # Under the one reading of the ledger: proofs are asked of it for the head that was
        # verified.
        contents = choose(log, examine(log, case, model_sha256))
        files = files_of(contents, ledger)
    finally:
        ledger.close()

    if leaves_house:
        scan(contents, files)

    return archive(files)


def _runs_compared(log: Log, chain: Chain) -> set[int]:
    """Return how gates were run, and the chain as it was when `register` last decided."""
    indices = {made.index for made in find_gate_runs(log, chain).values()}
    decision = latest_decision(chain, "register")
    if decision is None:
        return indices

    log_then = log.before(decision.index)
    then = examine(log_then, chain.case, chain.model_sha256)
    indices |= {step.signed.index for step in then.steps}
    indices |= {verdict.signed.index for verdict in then.verdicts.values()}
    return indices | {made.index for made in find_gate_runs(log_then, then).values()}


def files_of(contents: Contents, ledger: Ledger) -> dict[str, bytes]:
    """Return the archive's files by name."""
    log = contents.log
    files = {
        "format.txt": FORMAT,
        "checkpoint": log.note.encode(),
        "HOW-TO-CHECK.txt": GUIDE,
        **contents.extra,
    }

    for entry in contents.entries:
        proof = proof_of(ledger, entry.index, log.note)
        files[f"statements/{entry.index:010d}.json"] = entry.envelope.to_bytes()
        files[f"proofs/{entry.index:010d}.tlog-proof"] = proof.text().encode()
    for keyid, key in log.keys.entries.items():
        files[f"keys/{keyid}.pem"] = key.public.pem.encode()

    # The report is of the chain as who has the archive alone sees it: the verifier derives it again
    # from these entries, and compares.
    inside = replace(log, entries=contents.entries)
    chain = examine(inside, contents.chain.case, contents.chain.model_sha256)
    files["report.json"] = report_bytes(inside, chain, contents.is_complete)
    return files


def scan(contents: Contents, files: dict[str, bytes]) -> None:
    """Refuse to hand out what looks like a value about a person.

    Raises:
        EvidenceError: Names the file and the kind of value, never the value.
    """
    staff = _names_of_staff(contents.log)

    # Statements as what they say: base64 would hide everything. Digests, proofs and keys are noise
    # in which a pattern can match by chance.
    texts = {
        name: staff.sub(b'""', data)
        for name, data in files.items()
        if not name.startswith(("statements/", "proofs/", "keys/"))
    }
    texts |= {
        f"statements/{entry.index:010d}.json": staff.sub(b'""', entry.envelope.payload)
        for entry in contents.entries
    }

    for name, text in texts.items():
        for kind, pattern in PERSONAL.items():
            # The pattern's kind alone is told: the value would go into a terminal, and from there
            # into a ticket.
            if pattern.search(text):
                article = "an" if kind[0] in "eI" else "a"
                raise EvidenceError(
                    name,
                    expected="no value about a person",
                    found=f"what looks like {article} {kind}",
                    remedy="Nothing was written. Find out which stage put it into its statement; "
                    "see docs/evidence.md.",
                )


def _names_of_staff(log: Log) -> re.Pattern[bytes]:
    """Return what matches, as a whole text, a name that was enrolled.

    People who make, judge and approve models are named in evidence on purpose, and a login may well
    be an address.
    """
    names = {name for key in log.keys.entries.values() for name in (key.holder, *key.logins)}
    texts = sorted(canonical(name) for name in names)
    return re.compile(b"|".join(map(re.escape, texts)))
