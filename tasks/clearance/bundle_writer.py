"""One archive for an outsider: statements, proofs, checkpoint, public keys, report. Deterministic, and free of people.

Every byte of it is checked by `offline.verify_bundle`: an archive is its files in one order, stored and not compressed,
so that there is one archive for its contents.
"""

import re
from dataclasses import dataclass, field, replace

from tasks.attestation.predicates.key_entry import KeyStatement
from tasks.errors import EvidenceError
from tasks.ledger.ledger import Ledger
from tasks.ledger.proof import proof_of
from tasks.verifier.approvals import Consents
from tasks.verifier.archives import FORMAT
from tasks.verifier.lineage import Chain, examine
from tasks.verifier.log_reader import Log
from tasks.verifier.report import GUIDE, report_bytes
from tasks.verifier.statement_index import Entry

COMPLETE_UP_TO = 1000  # entries: beyond, only the chain's own are put in, and the report says so
PERSONAL = {
    "e-mail address": re.compile(rb"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"),
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
    """Choose the entries: the whole log where it is small and was read whole, else keys and what the chain rests on.

    A complete bundle proves that no later verdict and no revocation was left out; another cannot.
    """
    if may_be_complete and len(log.entries) == log.head.size <= COMPLETE_UP_TO:
        return Contents(log, chain, log.entries, is_complete=True)
    wanted = {step.signed.index for step in chain.steps} | {
        each.signed.index for each in chain.verdicts.values()
    }
    consents = Consents.of(log, chain)
    wanted |= {each.index for each in (*consents.approvals, *consents.acceptances)}
    wanted |= {each.index for each in chain.decisions} | set(also)
    wanted |= {signed.index for signed in log.required_statements(KeyStatement)}
    return Contents(
        log, chain, tuple(each for each in log.entries if each.index in wanted), is_complete=False
    )


def files_of(contents: Contents, ledger: Ledger) -> dict[str, bytes]:
    """Return the archive's files by name."""
    log, note = contents.log, contents.log.note
    files = {
        "format.txt": FORMAT,
        "checkpoint": note.encode(),
        "HOW-TO-CHECK.txt": GUIDE,
        **contents.extra,
    }
    for entry in contents.entries:
        files[f"statements/{entry.index:010d}.json"] = entry.envelope.to_bytes()
        files[f"proofs/{entry.index:010d}.tlog-proof"] = (
            proof_of(ledger, entry.index, note).text().encode()
        )
    for keyid, key in log.keys.entries.items():
        files[f"keys/{keyid}.pem"] = key.public.pem.encode()
    shown = replace(log, entries=contents.entries)
    chain = examine(
        shown, contents.chain.case, contents.chain.model_sha256
    )  # as who has the archive alone sees it
    files["report.json"] = report_bytes(shown, chain, contents.is_complete)
    return files


def scan(contents: Contents, files: dict[str, bytes]) -> None:
    """Refuse to hand out what looks like a value about a person.

    Raises:
        EvidenceError: Names the file and the kind of value, never the value.
    """
    texts = {
        name: data
        for name, data in files.items()
        if not name.startswith(("statements/", "proofs/", "keys/"))
    }
    texts |= {
        f"statements/{entry.index:010d}.json": entry.envelope.payload for entry in contents.entries
    }
    for name, text in texts.items():
        for kind, pattern in PERSONAL.items():
            if pattern.search(text):
                raise EvidenceError(
                    name, expected="no value about a person", found=f"what looks like an {kind}"
                    if kind[0] in "eI" else f"what looks like a {kind}",
                    remedy="Nothing was written. Find out which stage put it into its statement; see docs/evidence.md.",
                )  # fmt: skip
